"""What gateway.toml may say: one typed tree. What its types cannot tell, `faults` does."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import msgspec

from gateway.catalogue.models import known_models
from gateway.clock import Trust
from gateway.drivers.sdi12.adapter import AdapterKind
from wire.catalogue import Protocol, SensorModel
from wire.messages import Latitude, Longitude, Name, Text

GatewayId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}\Z")]
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
MAX_SECONDS = 366 * 86400
Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class GatewaySection(_Section, frozen=True, kw_only=True):
    """Who this gateway is, and the folder that holds its outbox."""

    id: GatewayId
    site: Name
    data_dir: str = "/var/lib/saxaul-gateway"


class ClockSection(_Section, frozen=True, kw_only=True):
    """When to believe which clock.

    "auto" believes the wall clock while the kernel says that NTP keeps it, and else a satellite
    receiver that talks NMEA 0183 (RMC, or ZDA with GGA) on one of the buses; "gnss" that receiver
    alone; "rtc" also the wall clock while it agrees with the machine's battery-backed one; "assume"
    takes the operator's word for the wall clock. Until one is believed, sealed batches wait for up
    to `hold_s` seconds.
    """

    trust: Trust = "auto"
    hold_s: Seconds = 86400.0


class UplinkSection(_Section, frozen=True, kw_only=True):
    """The broker, how often readings are sealed into a batch for it, and what the link may carry.

    `heartbeat_s` is 60, and 900 with a budget, unless given. `daily_mb` (10^6 bytes a UTC day, 0:
    any) counts all that TCP carries, both ways; live readings go first. `send_between` lists the
    hours (UTC, may go over midnight) at which to be connected; none: always. On a metered link a
    larger `batch_every_s` saves most.
    """

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    tls: bool = False
    ca_file: str = ""
    username: str = ""
    batch_every_s: Seconds = 60.0
    heartbeat_s: Seconds | None = None
    daily_mb: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 0.0
    send_between: list[str] = []

    @property
    def hours(self) -> list[tuple[int, int]]:
        """The spans of `send_between` in minutes of the day; raises ValueError for no such span."""
        return [_minutes(text) for text in self.send_between]


class CatalogueSection(_Section, frozen=True, kw_only=True):
    """Sensor models of your own: the folder with their files, named from where this file is."""

    folder: str = ""


class OutboxSection(_Section, frozen=True, kw_only=True):
    """How much is kept on this gateway's disk.

    Batches that the server has confirmed are kept for `keep_days`, so that a server restored from a
    backup can ask for them. Above `max_mb` (10^6 bytes) the oldest confirmed batches go first; only
    when none is left the oldest unconfirmed ones, which are then reported as lost.
    """

    keep_days: Annotated[float, msgspec.Meta(gt=0, le=3660)] = 30.0
    max_mb: Annotated[float, msgspec.Meta(ge=1, le=10_000_000)] = 2000.0


# An address and a port up to 65535, or nothing.
_PORT = (
    r"([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_LISTEN = rf"^(|(\[[0-9a-fA-F:]+\]|[0-9.]+):{_PORT})\Z"


class PageSection(_Section, frozen=True, kw_only=True):
    """The technician's page: `listen` is an address and a port; empty: no page.

    "127.0.0.1:8080" is for this machine only. Elsewhere, such as "0.0.0.0:8080" for the gateway's
    own wireless network, a PIN is asked for: set SAXAUL_PAGE_PIN to 4 to 12 digits.
    """

    listen: Annotated[str, msgspec.Meta(pattern=_LISTEN)] = ""

    @property
    def host(self) -> str:
        """The address alone."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port alone; 0 where there is no page, and for any port that is free."""
        return int(self.listen.rpartition(":")[2] or 0)


class ThingSection(_Section, frozen=True, kw_only=True):
    """A station: a place where sensors stand. Degrees WGS 84, metres."""

    id: Name
    name: Text
    lat: Latitude | None = None
    lon: Longitude | None = None
    elevation_m: float | None = None


class SensorSection(_Section, frozen=True, kw_only=True):
    """An instrument on a bus; `model` names a catalogue entry, `installed` is an ISO date.

    `interval_s` is how often it is reported, `sample_s` how often it is asked (by itself once an
    interval) or speaks: of several samples the mean, the sum or the highest is reported.
    `reference_m` is the distance from a sensor over the sand to the sand when it was put up (at its
    air temperature): heights are from there. `temperature_from` names the sensor whose air
    temperature corrects that distance, by its id at the same thing, or as thing/sensor.
    """

    id: Name
    thing: Name
    model: str
    address: Text = ""
    serial: Text = ""
    depth_m: float | None = None
    height_m: float | None = None
    installed: Text = ""
    interval_s: float = 600.0
    sample_s: float | None = None
    reference_m: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    temperature_from: Text = ""


class BusSection(_Section, frozen=True, kw_only=True):
    """A serial port and what is attached to it. `baud` and `frame` default to the model's own.

    `adapter` says what an SDI-12 adapter wants: "line" takes `0M!` and gives a line back, "line-cr"
    wants CR after the `!`, "line-boots" starts when its port is opened (Arduino), "uart" only
    changes levels: 1200 baud, and the breaks are ours.
    """

    id: Name
    port: str
    protocol: Protocol
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] | None = None
    frame: Annotated[str, msgspec.Meta(pattern=r"^[78][NEO][12]\Z")] | None = None
    adapter: AdapterKind = AdapterKind.LINE
    sensor: Annotated[list[SensorSection], msgspec.Meta(min_length=1)]


class Config(_Section, frozen=True, kw_only=True, dict=True):
    """The whole of gateway.toml. Without a bus there is the page alone, to find sensors with."""

    gateway: GatewaySection
    uplink: UplinkSection = UplinkSection()
    clock: ClockSection = ClockSection()
    outbox: OutboxSection = OutboxSection()
    catalogue: CatalogueSection = CatalogueSection()
    page: PageSection = PageSection()
    thing: Annotated[list[ThingSection], msgspec.Meta(min_length=1)]
    bus: list[BusSection] = []

    @cached_property
    def models(self) -> Mapping[str, SensorModel]:
        """Give the sensor models this gateway knows, by name; raises ConfigError.

        They are read once: a file that somebody is at work on does not change what runs.
        """
        folder = self.catalogue.folder
        return known_models(Path(folder) if folder else None)

    def sensors(self) -> Iterator[tuple[BusSection, SensorSection, SensorModel]]:
        """Walk all sensors with their bus and catalogue entry."""
        models = self.models
        for bus in self.bus:
            for sensor in bus.sensor:
                yield bus, sensor, models[sensor.model]


def _minutes(span: str) -> tuple[int, int]:
    """Read "05:00-06:00" as (300, 360); raises ValueError with the remedy."""
    found = _SPAN.fullmatch(span)
    if found:
        hours_minutes = [int(digits) for digits in found.groups()]
        first, end = (
            hours_minutes[0] * 60 + hours_minutes[1],
            hours_minutes[2] * 60 + hours_minutes[3],
        )
        if first != end <= 24 * 60:
            return first, end
    raise ValueError(f"'{span}' is no span of a day: write it in UTC like '05:00-06:00'")


def place_of(sensor: SensorSection) -> str:
    """Name where a sensor stands: thing/sensor."""
    return f"{sensor.thing}/{sensor.id}"


def lender_of(sensor: SensorSection) -> str:
    """Name the place of the sensor that lends this one its temperature; empty for none."""
    name = sensor.temperature_from
    return name if "/" in name or not name else f"{sensor.thing}/{name}"


def datastream_name(sensor: SensorSection, property_key: str) -> str:
    """Name a series: thing/sensor/property."""
    return f"{place_of(sensor)}/{property_key}"


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own, for this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
