"""What is asked for: a site, a span of time, how fine, how written. Also what a folder holds."""

from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum

from server.api.instants import iso
from server.rollup.days import require_zone


class Format(StrEnum):
    """How observations are written."""

    PARQUET = "parquet"
    CSV = "csv"
    NETCDF = "netcdf"


class Resolution(StrEnum):
    """How fine: each observation, or statistics over hours (UTC) or days (of the site)."""

    RAW = "raw"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the owner of the data says of them, in their own words; "" where nothing was said."""

    licence: str = ""
    institution: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What an export holds: from_ms <= time < to_ms, in milliseconds since 1970 UTC.

    `things` and `properties` are keys; where there are none, all are meant. `time_zone` is the
    site's, an IANA name: parts are cut at its months and years.
    """

    site: str
    time_zone: str
    from_ms: int
    to_ms: int
    format: Format
    resolution: Resolution = Resolution.RAW
    things: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    gzip: bool = False
    terms: Terms = Terms()

    @property
    def zone(self) -> tzinfo:
        """The site's time zone; raises ConfigError where this machine does not know it."""
        return require_zone(self.time_zone)

    def described(self) -> dict[str, object]:
        """Say it in the words of JSON: two queries are the same when these are."""
        return {
            "site": self.site,
            "from": iso(self.from_ms),
            "to": iso(self.to_ms),
            "time_zone": self.time_zone,
            "resolution": self.resolution.value,
            "format": self.format.value,
            "things": list(self.things),
            "properties": list(self.properties),
            "gzip": self.gzip,
            "licence": self.terms.licence,
            "institution": self.terms.institution,
        }

    def options(self) -> str:
        """Say it as the options of the command line that ask for it."""
        chosen = [
            f"--site {self.site} --from {iso(self.from_ms)} --to {iso(self.to_ms)}",
            f"--format {self.format.value} --resolution {self.resolution.value}",
            *(f"--thing {key}" for key in self.things),
            *(f"--property {key}" for key in self.properties),
            *(["--gzip"] if self.gzip else []),
        ]
        return " ".join(chosen)
