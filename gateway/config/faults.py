"""What the types of gateway.toml cannot tell: each fault with its line, and whom it concerns. Pure.

A fault of one sensor, or of one bus, keeps no other sensor from being read.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from gateway.catalogue.models import likely
from gateway.codecs.modbus_rtu import MAX_ADDRESS, MIN_ADDRESS
from gateway.codecs.sdi12 import ADDRESSES
from gateway.config.sections import (
    MAX_SECONDS,
    BusSection,
    Config,
    SensorSection,
    is_loopback,
    lender_of,
    place_of,
)
from gateway.drivers.sdi12.adapter import AdapterKind
from gateway.sampling import plan
from wire.catalogue import Protocol, SensorModel
from wire.toml_text import Path as KeyPath
from wire.toml_text import nearest_line

Lines = Mapping[KeyPath, int]
# A key, and what is wrong with it and what to do about it.
Found = tuple[str, str]

# A batch takes up to 256 KiB: with less than this a day, one could wait for ever.
MIN_DAILY_MB = 0.5
_TWICE = "this id is there twice; give each its own"
_DAVIS_CHANNELS = ("", "1", "2", "3", "4")


class RefusedSensor(NamedTuple):
    """A sensor that is in the settings and cannot be used, as far as it can be named."""

    thing: str
    id: str
    model: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file, and what to do about it.

    `bus` and `sensor` are the places, from 0, of what cannot be used for it: a sensor of a bus, a
    whole bus (`sensor` is None), or the whole file (both are None), unless the gateway `may_start`
    all the same. `about` names it for people, `sensors` are those that are not read for it.
    """

    source: str
    line: int | None
    message: str
    about: str = ""
    bus: int | None = None
    sensor: int | None = None
    sensors: tuple[RefusedSensor, ...] = ()
    may_start: bool = False

    def __str__(self) -> str:
        """Tell it in one line: file, line, place, remedy."""
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        return ": ".join(part for part in (where, self.about, self.message) if part)


def find_faults(
    config: Config,
    models: Mapping[str, SensorModel],
    source: str,
    lines: Lines,
    unfit: Sequence[Fault] = (),
) -> list[Fault]:
    """Find all that keeps a file, a bus or a sensor from being used, in the order of the file.

    `unfit` are faults found before, for which sensors and buses were left out of `config`: they are
    there all the same.
    """
    unread = {f"{one.thing}/{one.id}" for fault in unfit for one in fault.sensors}
    found = [
        Fault(source, nearest_line(lines, path), message)
        for path, message in _of_file(config, is_whole=not unfit)
    ]
    found += _of_things(config, source, lines)
    if not unfit:
        found += _of_clock(config, source, lines)
    for at, bus in enumerate(config.bus):
        about = f"bus '{bus.id}'"
        for key, message in _of_bus(config, bus, models):
            line = nearest_line(lines, ("bus", at, key))
            found.append(Fault(source, line, message, about, at, None, _refused(bus.sensor)))
        for index, sensor in enumerate(bus.sensor):
            for key, message in _of_sensor(config, bus, sensor, models, unread):
                line = nearest_line(lines, ("bus", at, "sensor", index, key))
                whose = f"{about}, sensor '{sensor.id}'"
                found.append(Fault(source, line, message, whose, at, index, _refused([sensor])))
    return in_order(found)


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Put faults in the order of their lines."""
    return sorted(faults, key=lambda fault: fault.line or 0)


def _refused(sensors: Sequence[SensorSection]) -> tuple[RefusedSensor, ...]:
    return tuple(RefusedSensor(one.thing, one.id, one.model) for one in sensors)


def _of_file(config: Config, *, is_whole: bool) -> Iterator[tuple[KeyPath, str]]:
    for at, thing in enumerate(config.thing):
        if thing.elevation_m is not None and not isfinite(thing.elevation_m):
            message = f"elevation_m must be a number of metres, not {thing.elevation_m:g}"
            yield ("thing", at, "elevation_m"), f"{message}; leave it away if unknown"
    if is_whole and not config.bus and not config.page.listen:
        found = "'saxaul-gateway scan --write' finds sensors and adds them"
        yield ("bus",), f"there is no [[bus]]: {found}; so does the page, with page.listen set"
    yield from _of_uplink(config)


def twice(config: Config) -> set[str]:
    """Name the things of which nobody can know which is meant: their id is there twice."""
    return {one for one, count in Counter(thing.id for thing in config.thing).items() if count > 1}


def _of_things(config: Config, source: str, lines: Lines) -> Iterator[Fault]:
    """Tell of things that share an id: their sensors are refused, those of others are read."""
    for at, thing in enumerate(config.thing):
        if thing.id in twice(config):
            line = nearest_line(lines, ("thing", at, "id"))
            yield Fault(source, line, _TWICE, f"thing '{thing.id}'", may_start=True)


def _of_clock(config: Config, source: str, lines: Lines) -> Iterator[Fault]:
    """Tell of a satellite receiver that is waited for, and attached nowhere.

    Where there is a page it can be found and added on that: until then the time is not known.
    """
    spoken = {bus.protocol for bus in config.bus}
    if config.clock.trust == "gnss" and Protocol.NMEA0183 not in spoken:
        message = (
            "clock.trust is 'gnss' and no bus has protocol = \"nmea0183\": attach the receiver "
            "(model 'GNSS receiver, NMEA 0183'), or set trust to 'auto'"
        )
        line, has_page = nearest_line(lines, ("clock", "trust")), bool(config.page.listen)
        yield Fault(source, line, message, "a known clock" if has_page else "", may_start=has_page)


def _of_uplink(config: Config) -> Iterator[tuple[KeyPath, str]]:
    """Refuse what would send in the open, or never."""
    uplink = config.uplink
    if not uplink.tls and not is_loopback(uplink.host):
        yield (
            ("uplink", "host"),
            (
                f"uplink.host '{uplink.host}' is not on this machine: set uplink.tls = true "
                "(readings travel unencrypted only over loopback)"
            ),
        )
    if 0 < uplink.daily_mb < MIN_DAILY_MB:
        message = f"uplink.daily_mb: give at least {MIN_DAILY_MB}, or 0 for no limit"
        yield ("uplink", "daily_mb"), message
    try:
        list(uplink.hours)
    except ValueError as error:
        yield ("uplink", "send_between"), f"uplink.send_between: {error}"


def _of_bus(config: Config, bus: BusSection, models: Mapping[str, SensorModel]) -> Iterator[Found]:
    if [one.id for one in config.bus].count(bus.id) > 1:
        yield "id", _TWICE
    if [one.port for one in config.bus].count(bus.port) > 1:
        yield "port", f"port '{bus.port}' is there twice; give each its own"
    if bus.adapter is not AdapterKind.LINE and bus.protocol is not Protocol.SDI12:
        yield "adapter", "only an SDI-12 bus has an adapter; leave it away"
    if len({models[one.model].talks for one in bus.sensor if one.model in models}) > 1:
        yield (
            "sensor",
            (
                "some sensors talk by themselves, others must be asked, and would be talked over; "
                "give them a bus each"
            ),
        )


def _of_sensor(
    config: Config,
    bus: BusSection,
    sensor: SensorSection,
    models: Mapping[str, SensorModel],
    unread: Collection[str],
) -> Iterator[Found]:
    if sensor.thing not in {thing.id for thing in config.thing}:
        known = ", ".join(thing.id for thing in config.thing)
        message = f"thing '{sensor.thing}' has no [[thing]] table: add it, or name one of {known}"
        yield "thing", message
    if sensor.thing in twice(config):
        yield "thing", f"thing '{sensor.thing}' is there twice; give each its own id"
    yield from _of_name(config, sensor)
    if fault := _address_fault(bus, sensor.address) or _clash(bus, sensor):
        yield "address", fault
    model = models.get(sensor.model)
    if model is None:
        yield (
            "model",
            (
                f"model '{sensor.model}' is not in the catalogue{likely(sensor.model, models)}; "
                "'saxaul-gateway catalogue list' shows all"
            ),
        )
        return
    if model.protocol is not bus.protocol:
        yield (
            "model",
            (
                f"{sensor.model} speaks {model.protocol}, the bus {bus.protocol}: "
                "correct the model, or attach it to a bus of its protocol"
            ),
        )
    yield from _of_sampling(sensor, model)
    yield from _of_level(sensor)
    if lender_of(sensor) not in unread or not model.borrowed:
        yield from _of_temperature(config, sensor, model, models)


def _of_name(config: Config, sensor: SensorSection) -> Iterator[Found]:
    """Tell of series that two sensors would share; nobody can know which of them is meant."""
    places = Counter(place_of(one) for bus in config.bus for one in bus.sensor)
    if places[place_of(sensor)] > 1:
        yield "id", f"sensor '{place_of(sensor)}' is there twice; give each its own"


def _of_sampling(sensor: SensorSection, model: SensorModel) -> Iterator[Found]:
    """Tell of intervals that no sensor could keep."""
    spans = {"interval_s": sensor.interval_s, "sample_s": sensor.sample_s}
    impossible = [
        (key, f"{key} must be more than 0 and at most {MAX_SECONDS} s (366 days), not {value:g}")
        for key, value in spans.items()
        if value is not None and not 0 < value <= MAX_SECONDS
    ]
    if impossible:
        yield from impossible
        return
    for key, fault in plan.faults(model, sensor.interval_s, sensor.sample_s):
        yield key, f"{key} {fault}"


def _of_level(sensor: SensorSection) -> Iterator[Found]:
    """Tell of a depth or a height that is no length, which TOML can write."""
    for key, value in (("depth_m", sensor.depth_m), ("height_m", sensor.height_m)):
        if value is not None and not isfinite(value):
            yield key, f"{key} must be a number of metres, not {value:g}; leave it away if unknown"


def _of_temperature(
    config: Config, sensor: SensorSection, model: SensorModel, models: Mapping[str, SensorModel]
) -> Iterator[Found]:
    """Find a temperature that is not there, or that nothing needs.

    A lender that is there and refused for a fault of its own is no fault of who would borrow.
    """
    if not sensor.temperature_from:
        return
    key = "temperature_from"
    if not model.borrowed:
        yield key, f"{key} leave it away: {model.model} needs no temperature"
        return
    lent, others = model.borrowed[0].lent, _others(config, sensor)
    lenders = [
        place_of(one)
        for one in others
        if one.model in models and models[one.model].field_for(lent) is not None
    ]
    unknown = [place_of(one) for one in others if one.model not in models]
    if lender_of(sensor) not in (*lenders, *unknown):
        known = ", ".join(lenders) or "none"
        yield key, f"{key} '{lender_of(sensor)}' measures no {lent}; sensors that do: {known}"


def _others(config: Config, sensor: SensorSection) -> list[SensorSection]:
    return [one for bus in config.bus for one in bus.sensor if one is not sensor]


def _clash(bus: BusSection, sensor: SensorSection) -> str | None:
    """Tell of other sensors at the same address: every answer must belong to one sensor."""
    mine = _as_asked(sensor.address)
    sharing = [one.id for one in bus.sensor if _as_asked(one.address) == mine]
    if len(sharing) == 1:
        return None
    names = " and ".join(f"'{one}'" for one in sharing)
    return f"sensors {names} share the address '{sensor.address}'; give each its own"


def _as_asked(address: str) -> str:
    """Write an address as the bus has it: numbers without the zeros before them."""
    return address.lstrip("0") or address[:1]


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
