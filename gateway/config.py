"""gateway.toml: one typed tree, read without touching hardware.

Passwords are not written here; the environment carries them (SAXAUL_MQTT_PASSWORD).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import msgspec

from gateway.catalogue.models import known_models, likely
from gateway.clock import Trust
from gateway.codecs.modbus_rtu import MAX_ADDRESS, MIN_ADDRESS
from gateway.codecs.sdi12 import ADDRESSES
from gateway.drivers.sdi12.adapter import AdapterKind
from gateway.sampling.plan import faults
from wire.catalogue import Protocol, SensorModel
from wire.errors import ConfigError
from wire.messages import Latitude, Longitude, Name, Text
from wire.toml_text import key_lines, nearest_line, parse

GatewayId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}\Z")]
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAVIS_CHANNELS = ("", "1", "2", "3", "4")
# A batch takes up to 256 KiB: with less than this a day, one could wait for ever.
MIN_DAILY_MB = 0.5
Seconds = Annotated[float, msgspec.Meta(gt=0, le=366 * 86400)]


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


class _FolderOnly(msgspec.Struct, frozen=True):
    catalogue: CatalogueSection = CatalogueSection()


class OutboxSection(_Section, frozen=True, kw_only=True):
    """How much is kept on this gateway's disk.

    Batches that the server has confirmed are kept for `keep_days`, so that a server restored from a
    backup can ask for them. Above `max_mb` (10^6 bytes) the oldest confirmed batches go first; only
    when none is left the oldest unconfirmed ones, which are then reported as lost.
    """

    keep_days: Annotated[float, msgspec.Meta(gt=0, le=3660)] = 30.0
    max_mb: Annotated[float, msgspec.Meta(ge=1, le=10_000_000)] = 2000.0


class PageSection(_Section, frozen=True, kw_only=True):
    """The technician's page: `listen` is an address and a port; empty: no page.

    "127.0.0.1:8080" is for this machine only. Elsewhere, such as "0.0.0.0:8080" for the gateway's
    own wireless network, a PIN is asked for: set SAXAUL_PAGE_PIN to 4 to 12 digits.
    """

    listen: Annotated[str, msgspec.Meta(pattern=r"^(|(\[[0-9a-fA-F:]+\]|[0-9.]+):\d{1,5})\Z")] = ""

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
    interval_s: Seconds = 600.0
    sample_s: Seconds | None = None
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


class Config(_Section, frozen=True, kw_only=True):
    """The whole of gateway.toml."""

    gateway: GatewaySection
    uplink: UplinkSection = UplinkSection()
    clock: ClockSection = ClockSection()
    outbox: OutboxSection = OutboxSection()
    catalogue: CatalogueSection = CatalogueSection()
    page: PageSection = PageSection()
    thing: Annotated[list[ThingSection], msgspec.Meta(min_length=1)]
    bus: Annotated[list[BusSection], msgspec.Meta(min_length=1)]

    @property
    def models(self) -> Mapping[str, SensorModel]:
        """Give the sensor models this gateway knows, by name; raises ConfigError."""
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


def load(path: Path) -> Config:
    """Read gateway.toml; raises ConfigError naming file, line and remedy."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read: {error.strerror}; name another file with --config"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is no text in UTF-8; save it as UTF-8") from None
    config = _placed(parse(text, Config, str(path)), path)
    lines = key_lines(text)
    _check(config, str(path))
    _check_sampling(config, str(path), lines)
    _check_clock(config, str(path), lines)
    _check_uplink(config.uplink, str(path), lines)
    return config


def catalogue_folder(path: Path) -> Path | None:
    """Find the folder of one's own models; None without one, or without gateway.toml.

    Whatever else may be wrong in gateway.toml: this is asked in order to mend it.
    """
    if not path.is_file():
        return None
    folder = parse(path.read_text(encoding="utf-8"), _FolderOnly, str(path)).catalogue.folder
    return path.absolute().parent / folder if folder else None


def _placed(config: Config, path: Path) -> Config:
    """Name the folder of models from anywhere, not only from where the file is."""
    folder = config.catalogue.folder
    if not folder:
        return config
    placed = CatalogueSection(folder=str(path.absolute().parent / folder))
    return msgspec.structs.replace(config, catalogue=placed)


def _check(config: Config, source: str) -> None:
    things = {thing.id for thing in config.thing}
    _check_unique(
        {
            "thing": [thing.id for thing in config.thing],
            "bus": [bus.id for bus in config.bus],
            "port": [bus.port for bus in config.bus],
            "sensor": [f"{one.thing}/{one.id}" for bus in config.bus for one in bus.sensor],
        },
        source,
    )
    for bus in config.bus:
        if bus.adapter is not AdapterKind.LINE and bus.protocol is not Protocol.SDI12:
            raise ConfigError(
                source, f"bus '{bus.id}': only an SDI-12 bus has an adapter; leave it"
            )
        for sensor in bus.sensor:
            _check_sensor(bus, sensor, things, source)
            _check_model(bus, sensor, config.models, source)
        _check_addresses(bus, source)
        if len({config.models[one.model].talks for one in bus.sensor}) > 1:
            raise ConfigError(
                source,
                f"bus '{bus.id}': some sensors talk by themselves, others must be asked, and would "
                "be talked over; give them a bus each",
            )


def _check_uplink(
    uplink: UplinkSection, source: str, lines: Mapping[tuple[str | int, ...], int]
) -> None:
    """Refuse what would send in the open, or never."""

    def wrong(key: str, message: str) -> ConfigError:
        return ConfigError(source, f"uplink.{key}: {message}", lines.get(("uplink", key)))

    if not uplink.tls and not is_loopback(uplink.host):
        raise ConfigError(
            source,
            f"uplink.host '{uplink.host}' is not on this machine: set uplink.tls = true "
            "(readings travel unencrypted only over loopback)",
        )
    if 0 < uplink.daily_mb < MIN_DAILY_MB:
        raise wrong("daily_mb", f"give at least {MIN_DAILY_MB}, or 0 for no limit")
    try:
        list(uplink.hours)
    except ValueError as error:
        raise wrong("send_between", str(error)) from None


def _check_sensor(bus: BusSection, sensor: SensorSection, things: set[str], source: str) -> None:
    if sensor.thing not in things:
        where = f"bus '{bus.id}', sensor '{sensor.id}'"
        raise ConfigError(source, f"{where}: thing '{sensor.thing}' has no [[thing]] table")


def _check_model(
    bus: BusSection, sensor: SensorSection, models: Mapping[str, SensorModel], source: str
) -> None:
    where = f"bus '{bus.id}', sensor '{sensor.id}'"
    model = models.get(sensor.model)
    if model is None:
        raise ConfigError(
            source,
            f"{where}: model '{sensor.model}' is not in the catalogue"
            f"{likely(sensor.model, models)}; 'saxaul-gateway catalogue list' shows all",
        )
    if model.protocol is not bus.protocol:
        raise ConfigError(
            source, f"{where}: {sensor.model} speaks {model.protocol}, the bus {bus.protocol}"
        )


def _check_sampling(
    config: Config, source: str, lines: Mapping[tuple[str | int, ...], int]
) -> None:
    """Refuse intervals that no sensor could keep."""
    models = config.models
    for at, bus in enumerate(config.bus):
        for index, sensor in enumerate(bus.sensor):
            model = models[sensor.model]
            found = [*faults(model, sensor.interval_s, sensor.sample_s)]
            found += _placing_faults(config, sensor, model)
            for key, fault in found:
                where = f"bus '{bus.id}', sensor '{sensor.id}': {key}"
                line = nearest_line(lines, ("bus", at, "sensor", index, key))
                raise ConfigError(source, f"{where} {fault}", line)


def _placing_faults(
    config: Config, sensor: SensorSection, model: SensorModel
) -> Iterator[tuple[str, str]]:
    """Find a temperature that is not there, or that nothing needs."""
    if not sensor.temperature_from:
        return
    if not model.borrowed:
        yield "temperature_from", f"leave it away: {model.model} needs no temperature"
        return
    lender, lent = lender_of(sensor), model.borrowed[0].lent
    lenders = [
        place_of(one)
        for _, one, other in config.sensors()
        if one is not sensor and other.field_for(lent) is not None
    ]
    if lender not in lenders:
        known = ", ".join(lenders) or "none"
        yield "temperature_from", f"'{lender}' measures no {lent}; sensors that do: {known}"


def _check_clock(config: Config, source: str, lines: Mapping[tuple[str | int, ...], int]) -> None:
    """Refuse to wait for a satellite receiver that is attached nowhere."""
    spoken = {bus.protocol for bus in config.bus}
    if config.clock.trust == "gnss" and Protocol.NMEA0183 not in spoken:
        raise ConfigError(
            source,
            "clock.trust is 'gnss' and no bus has protocol = \"nmea0183\": attach the receiver "
            "(model 'GNSS receiver, NMEA 0183'), or set trust to 'auto'",
            lines.get(("clock", "trust")),
        )


def _check_unique(names: Mapping[str, Sequence[str]], source: str) -> None:
    for what, known in names.items():
        for name, count in Counter(known).items():
            if count > 1:
                raise ConfigError(source, f"{what} '{name}' is there twice; give each its own")


def _check_addresses(bus: BusSection, source: str) -> None:
    """Make sure that every answer and every line on a bus belongs to one sensor."""
    seen: dict[str, str] = {}
    for sensor in bus.sensor:
        if fault := _address_fault(bus, sensor.address):
            raise ConfigError(source, f"bus '{bus.id}', sensor '{sensor.id}': {fault}")
        address = sensor.address.lstrip("0") or sensor.address[:1]
        if other := seen.get(address):
            raise ConfigError(
                source,
                f"bus '{bus.id}': sensors '{other}' and '{sensor.id}' share the address "
                f"'{sensor.address}'; give each its own",
            )
        seen[address] = sensor.id


def _address_fault(bus: BusSection, address: str) -> str | None:
    """Tell what is wrong with an address: SDI-12 v1.4, 4.2; Modbus over serial line v1.02, 2.2."""
    alone = len(bus.sensor) == 1
    match bus.protocol:
        case Protocol.SDI12 if len(address) != 1 or address not in ADDRESSES:
            return f"address '{address}' is no SDI-12 address: give one of 0-9, A-Z, a-z"
        case Protocol.MODBUS if not (
            address.isdecimal() and MIN_ADDRESS <= int(address) <= MAX_ADDRESS
        ):
            return (
                f"address '{address}' is no Modbus address: "
                f"give a number from {MIN_ADDRESS} to {MAX_ADDRESS}"
            )
        case Protocol.LINE if not address and not alone:
            return "sensors that share a line need an address each: their unit's number"
        case Protocol.DAVIS if address not in _DAVIS_CHANNELS:
            return "a Davis console has no address; that of a soil station is its channel, 1 to 4"
        case Protocol.NMEA0183 if not alone:
            return "NMEA 0183 does not say who talks: give each station a bus of its own"
        case _:
            return None


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own, for this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
