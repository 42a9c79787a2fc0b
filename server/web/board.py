"""The live page as data: sites, their gateways and stations, every value with its state.

Pure: made from what the API's queries return, and the instant.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from server.api.schemas import Gateway, Latest, QualityFlag, Site
from server.completeness.shares import Share, Shares, together
from server.web.display import DASH, Display, display_for
from wire.properties import PROPERTIES

# A value older than this many of its intervals is stale.
STALE_INTERVALS = 3
# What a gateway gathers before it sends, unless told otherwise.
GATHERING_MS = 60_000
# A gateway says how it is every 60 s, or as it tells; one not heard for this long, nor for so many
# of its own heartbeats, may have lost its line without the broker having noticed.
GATEWAY_SILENT_MS = 5 * 60_000
SILENT_HEARTBEATS = 2.5
# Gateways do not all come back at the same moment.
RETURN_MS = 5 * 60_000
# Of a series of which less than that share is here, its tile says so.
NEARLY_ALL = 95.0
_NO_SHARES: Mapping[int, Shares] = {}
_PROPERTY_ORDER = {key: index for index, key in enumerate(PROPERTIES)}


class State(StrEnum):
    """How far a value can be relied on now; each has a colour, a shape and a word."""

    FINE = "fine"
    UNCHECKED = "unchecked"
    SUSPECT = "suspect"
    FAILED = "failed"
    MISSING = "missing"
    STALE = "stale"
    NEVER = "never"


_BY_FLAG = {
    QualityFlag.PASS: State.FINE,
    QualityFlag.NOT_EVALUATED: State.UNCHECKED,
    QualityFlag.SUSPECT: State.SUSPECT,
    QualityFlag.FAIL: State.FAILED,
    QualityFlag.MISSING: State.MISSING,
}
WORDS = {
    State.FINE: "fine",
    State.UNCHECKED: "not checked",
    State.SUSPECT: "suspect",
    State.FAILED: "failed",
    State.MISSING: "missing",
    State.STALE: "stale",
    State.NEVER: "no reading yet",
}
_WITH_REASON = (State.SUSPECT, State.FAILED, State.MISSING)
_TEST_WORDS = {
    "gross_range": "out of range",
    "clock_unknown": "clock not trusted",
    "future_time": "ahead of time",
    "edge": "doubted by the sensor",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One datastream's newest value, ready to be written, and how much of the last day is here."""

    latest: Latest
    display: Display
    state: State
    share: Share | None = None

    @property
    def raw(self) -> bool:
        """Whether this is an instrument's own output, which people read only to look closer."""
        return self.latest.unit == "{raw}" or self.latest.property.endswith("_raw")

    @property
    def place(self) -> str:
        """Where its instrument is."""
        return place_of(self.latest)

    @property
    def number(self) -> str:
        """The value without its unit, or a dash."""
        value = self.latest.value
        return DASH if value is None else self.display.number(value)

    @property
    def words(self) -> str:
        """What is said beside the state's mark."""
        said = WORDS[self.state]
        told = self.state in _WITH_REASON and self.reason
        return f"{said}: {self.reason}" if told else said

    @property
    def reason(self) -> str:
        """Why the value is missing or doubted."""
        return self.latest.reason or ", ".join(_TEST_WORDS[one] for one in self.latest.tests)

    @property
    def lacks(self) -> bool:
        """Whether much of the last day is not here."""
        return self.share is not None and self.share.percent < NEARLY_ALL


@dataclass(frozen=True, slots=True)
class Instrument:
    """A sensor at its place, with its values."""

    key: str
    model: str
    place: str
    readings: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class Station:
    """A thing with its instruments; `raw` are the series folded away."""

    id: int
    name: str
    instruments: Sequence[Instrument]
    raw: Sequence[Reading]

    @property
    def readings(self) -> list[Reading]:
        """All values that are not raw; the raw ones where there are no others."""
        return [one for item in self.instruments for one in item.readings] or list(self.raw)

    @property
    def silent(self) -> bool:
        """Whether not one of its values is fresh."""
        return all(one.state in (State.STALE, State.NEVER) for one in self.readings)

    @property
    def newest(self) -> int | None:
        """Instant of its newest observation, ms UTC."""
        return newest(self.readings)

    @property
    def share(self) -> Share | None:
        """How much of the last day is here of all its values."""
        return together(one.share for one in self.readings)


@dataclass(frozen=True, slots=True)
class SiteBoard:
    """A site with its gateways and stations."""

    key: str
    name: str
    gateways: Sequence[Gateway]
    stations: Sequence[Station]


@dataclass(frozen=True, slots=True)
class Board:
    """The whole page, as of `now` (ms UTC)."""

    now: int
    sites: Sequence[SiteBoard]

    @property
    def stations(self) -> list[Station]:
        """All stations of all sites."""
        return [station for site in self.sites for station in site.stations]

    @property
    def newest(self) -> int | None:
        """Instant of the newest observation of all, ms UTC."""
        return newest(reading for station in self.stations for reading in station.readings)


def newest(readings: Iterable[Reading]) -> int | None:
    """Instant of the newest observation among the readings, ms UTC."""
    return max((r.latest.time for r in readings if r.latest.time is not None), default=None)


def state_of(latest: Latest, now: int) -> State:
    """Judge a newest observation at an instant; age comes before quality."""
    if latest.time is None or latest.flag is None:
        return State.NEVER
    if now - latest.time > STALE_INTERVALS * latest.interval_s * 1000 + GATHERING_MS:
        return State.STALE
    return State.MISSING if latest.value is None else _BY_FLAG[latest.flag]


def gateway_state(gateway: Gateway, now: int) -> str:
    """Judge a gateway at an instant: online, offline, resting, silent or unknown."""
    heard, status = gateway.status_at, gateway.status
    if gateway.state == "offline" and status.rests_until is not None:
        return "resting" if now <= status.rests_until + RETURN_MS else "offline"
    patience_ms = max(GATEWAY_SILENT_MS, SILENT_HEARTBEATS * 1000 * (status.heartbeat_s or 0))
    if gateway.state == "online" and heard is not None and now - heard > patience_ms:
        return "silent"
    return gateway.state


def build(
    now: int,
    sites: Sequence[Site],
    gateways: Sequence[Gateway],
    rows: Sequence[Latest],
    shares: Mapping[int, Shares] = _NO_SHARES,
) -> Board:
    """Arrange the newest values by site, station and instrument."""
    boards = [
        SiteBoard(
            site.key,
            site.name,
            [one for one in gateways if site.key in one.sites],
            _stations([_reading(row, now, shares) for row in rows if row.site == site.key]),
        )
        for site in sites
    ]
    return Board(now, boards)


def _stations(readings: Sequence[Reading]) -> list[Station]:
    ordered = sorted(readings, key=lambda one: (one.latest.thing_name, one.latest.thing))
    return [_station(list(group)) for _, group in groupby(ordered, key=attrgetter("latest.thing"))]


def _station(readings: Sequence[Reading]) -> Station:
    first = readings[0].latest
    ordered = sorted(readings, key=_place_order)
    instruments = [
        _instrument(list(group))
        for _, group in groupby((r for r in ordered if not r.raw), key=lambda r: r.latest.sensor)
    ]
    return Station(first.thing, first.thing_name, instruments, [r for r in ordered if r.raw])


def _reading(row: Latest, now: int, shares: Mapping[int, Shares]) -> Reading:
    share = shares.get(row.id, Shares()).day
    return Reading(row, display_for(row.property, row.unit), state_of(row, now), share)


def _place_order(reading: Reading) -> tuple[bool, float, float, str, int]:
    """Soil first, from the surface down; then what stands above ground, from the top down."""
    row = reading.latest
    depth = row.depth_m if row.depth_m is not None else 0.0
    height = row.height_m if row.height_m is not None else 0.0
    order = _PROPERTY_ORDER.get(row.property, len(_PROPERTY_ORDER))
    return row.depth_m is None, depth, -height, row.sensor, order


def _instrument(readings: Sequence[Reading]) -> Instrument:
    row = readings[0].latest
    return Instrument(row.sensor, row.model or "", place_of(row), readings)


def place_of(row: Latest) -> str:
    """Say where an instrument is: "10 cm deep", "2 m above ground", or its name."""
    if row.depth_m is not None:
        return "At the surface" if row.depth_m == 0 else f"{_length(row.depth_m)} deep"
    if row.height_m is not None:
        return f"{_length(row.height_m)} above ground"
    return row.sensor


def _length(metres: float) -> str:
    return f"{metres * 100:.3g} cm" if metres < 1 else f"{metres:.3g} m"
