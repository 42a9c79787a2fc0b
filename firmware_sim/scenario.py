"""Scenarios: a TOML file says which devices hang on which lines, and in what surroundings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import structs

from firmware_sim.devices import assemble, playable
from firmware_sim.devices.base import Bus, Line, Setup
from firmware_sim.faults import Ailments, Fault, FaultKind, companion, replacement
from firmware_sim.host import PortPlan
from firmware_sim.line import Faults, FaultyLine
from firmware_sim.physics.chance import Dice
from firmware_sim.replay import ReplayWorld
from firmware_sim.world import Surroundings, World
from wire.catalogue import Protocol, bundled
from wire.errors import ConfigError
from wire.toml_text import parse

_NAME = r"[a-z0-9][a-z0-9_.-]{0,62}"
_HIGHEST_MODBUS_ADDRESS = 247
# The adapter's own rate; NMEA 0183's; that of Davis consoles.
_SDI12_BAUD, _NMEA_BAUD, _DAVIS_BAUD = 9600, 4800, 19200


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class DeviceSection(_Section, frozen=True, kw_only=True):
    """A device; `id` is thing/sensor as the gateway names it, `fault` what is wrong with it."""

    id: Annotated[str, msgspec.Meta(pattern=rf"^{_NAME}/{_NAME}$")]
    model: str
    address: str = ""
    serial: str = ""
    depth_m: float | None = None
    height_m: float | None = None
    fault: Sequence[Fault] = ()


class BusSection(_Section, frozen=True, kw_only=True):
    """A serial line. `link` is a path, relative to the scenario, that will lead to its port.

    `adapter` is what its SDI-12 adapter wants, as in gateway.toml.
    """

    id: Annotated[str, msgspec.Meta(pattern=rf"^{_NAME}$")]
    protocol: Protocol
    device: Annotated[list[DeviceSection], msgspec.Meta(min_length=1)]
    link: str = ""
    adapter: Literal["line", "line-cr"] = "line"
    baud: Annotated[int, msgspec.Meta(ge=300, le=1_000_000)] | None = None
    faults: Faults = Faults()


class ReplaySection(_Section, frozen=True, kw_only=True):
    """A real station's record instead of the simulated site; a row lasts `row_s` seconds."""

    file: str
    station: str = ""
    row_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0


class Scenario(_Section, frozen=True, kw_only=True):
    """The whole file. `origin` is the date (UTC) at which the world's soil starts."""

    seed: int
    origin: str
    bus: Annotated[list[BusSection], msgspec.Meta(min_length=1)]
    truth: str = "truth.jsonl"
    replay: ReplaySection | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """A scenario come to life: its ports, and by bus id the lines behind them."""

    ports: Sequence[PortPlan]
    lines: Mapping[str, Line]
    truth: Path


def load(path: Path) -> Scenario:
    """Read a scenario; raises ConfigError naming file, line and remedy."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is no text in UTF-8") from None
    scenario = parse(text, Scenario, str(path))
    instant_s(scenario.origin, f"{path}: origin")
    _check_unique(scenario, str(path))
    for bus in scenario.bus:
        for device in bus.device:
            _check_device(bus, device, str(path))
        if len({bundled()[device.model].talks for device in bus.device}) > 1:
            raise ConfigError(
                str(path), f"bus '{bus.id}': some devices talk, others are asked; give each a bus"
            )
    return scenario


def build(scenario: Scenario, path: Path, began_s: float | None = None) -> Simulation:
    """Create surroundings, devices and lines; other paths are relative to the scenario's `path`.

    `began_s` is the instant from which the devices' faults count; without it they have none.
    """
    surroundings = _surroundings(scenario, path.parent)
    ports, lines = [], {}
    for bus in scenario.bus:
        setups = [
            setup
            for device in bus.device
            for setup in _setups(device, surroundings, scenario.seed, began_s)
        ]
        line = assemble(bus.protocol, setups, wants_cr=bus.adapter == "line-cr")
        lines[bus.id] = line
        ports.append(_port(bus, _heard_through(line.bus, bus, scenario.seed), path.parent))
    return Simulation(ports, lines, path.parent / scenario.truth)


def _heard_through(line: Bus, bus: BusSection, seed: int) -> Bus:
    if not bus.faults.any():
        return line
    return FaultyLine(line, bus.faults, Dice(seed, f"faults {bus.id}"))


def instant_s(text: str, where: str) -> float:
    """Read an ISO 8601 date or instant (UTC unless it says otherwise) as s since the epoch."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            where, f"'{text}' is no ISO 8601 date; write it like 2026-09-01 or 2026-09-01T06:00Z"
        ) from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _surroundings(scenario: Scenario, folder: Path) -> Surroundings:
    origin_s = instant_s(scenario.origin, "origin")
    if scenario.replay is None:
        return World(scenario.seed, origin_s)
    replay = scenario.replay
    return ReplayWorld(folder / replay.file, origin_s, replay.row_s, replay.station)


def _setups(
    device: DeviceSection, surroundings: Surroundings, seed: int, began_s: float | None
) -> list[Setup]:
    """Set up a device, and those that stand in for it or beside it while they do."""
    own = Setup(
        name=device.id,
        model=bundled()[device.model],
        surroundings=surroundings,
        address=device.address,
        serial=device.serial,
        depth_m=device.depth_m,
        height_m=device.height_m,
    )
    if began_s is None or not device.fault:
        return [own]
    faults, others = list(device.fault), []
    for number, fault in enumerate(device.fault):
        if fault.kind is FaultKind.SWAPPED:
            faults.append(structs.replace(fault, kind=FaultKind.ABSENT, share=1.0))
        if fault.kind in (FaultKind.SWAPPED, FaultKind.DOUBLED):
            is_swapped = fault.kind is FaultKind.SWAPPED
            other = replace(
                own,
                name=f"{device.id} ({fault.kind} {number})",
                model=bundled()[fault.model or device.model],
                serial=fault.serial,
                faults=Ailments(replacement(fault) if is_swapped else companion(fault), began_s),
            )
            others.append(other)
    dice = Dice(seed, f"faults {device.id}")
    return [replace(own, faults=Ailments(faults, began_s, dice)), *others]


def _port(bus: BusSection, line: Bus, folder: Path) -> PortPlan:
    link = folder / bus.link if bus.link else None
    return PortPlan(bus.id, line, bus.baud or _usual_baud(bus), link)


def _usual_baud(bus: BusSection) -> int:
    model = bundled()[bus.device[0].model]
    if model.modbus is not None:
        return model.modbus.baud
    if model.line is not None:
        return model.line.baud
    if bus.protocol is Protocol.DAVIS:
        return _DAVIS_BAUD
    return _SDI12_BAUD if bus.protocol is Protocol.SDI12 else _NMEA_BAUD


def _check_unique(scenario: Scenario, source: str) -> None:
    named = {
        "bus id": [bus.id for bus in scenario.bus],
        "link": [bus.link for bus in scenario.bus if bus.link],
        "device id": [device.id for bus in scenario.bus for device in bus.device],
    }
    for bus in scenario.bus:
        named[f"bus '{bus.id}': address"] = [one.address for one in bus.device if one.address]
    for what, values in named.items():
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise ConfigError(source, f"{what} '{twice[0]}' is there twice; give each its own")


def _check_device(bus: BusSection, device: DeviceSection, source: str) -> None:
    where = f"bus '{bus.id}', device '{device.id}'"
    model = playable().get(device.model)
    if model is None:
        known = ", ".join(f"'{name}'" for name in playable())
        raise ConfigError(
            source, f"{where}: cannot play the model '{device.model}'; there are {known}"
        )
    if model.protocol is not bus.protocol:
        raise ConfigError(
            source, f"{where}: {device.model} speaks {model.protocol}, the bus {bus.protocol}"
        )
    fault = _address_fault(bus.protocol, device.address)
    if fault:
        raise ConfigError(source, f"{where}: {fault}")
    for one in device.fault:
        if one.kind is FaultKind.SWAPPED or (one.kind is FaultKind.DOUBLED and one.model):
            other = playable().get(one.model)
            if other is None or other.protocol is not bus.protocol:
                done = "swapped for" if one.kind is FaultKind.SWAPPED else "doubled by"
                raise ConfigError(source, f"{where}: cannot be {done} '{one.model}' on this bus")


def _address_fault(protocol: Protocol, address: str) -> str | None:
    """Tell what is wrong with an address: SDI-12 v1.4, 4.2.1; Modbus over serial line 2.2."""
    if protocol is Protocol.SDI12 and not (
        len(address) == 1 and address.isascii() and address.isalnum()
    ):
        return f"`address` must be one of 0-9, A-Z, a-z, not '{address}'"
    if protocol is Protocol.MODBUS and not (
        address.isascii() and address.isdigit() and 1 <= int(address) <= _HIGHEST_MODBUS_ADDRESS
    ):
        return f"`address` must be a number from 1 to {_HIGHEST_MODBUS_ADDRESS}, not '{address}'"
    if protocol is Protocol.LINE and not (
        address == "" or (address.isascii() and address.isalnum() and len(address) <= 3)
    ):
        return f"`address` must be a unit's number or letters, up to three, not '{address}'"
    if protocol is Protocol.DAVIS and address not in ("", "1", "2", "3", "4"):
        return f"`address` must be empty, or a soil station's channel from 1 to 4, not '{address}'"
    return None
