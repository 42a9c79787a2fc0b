"""The station: 20 sensors on three buses, 100 readings a minute, and a week that goes wrong.

Faults come in spells, so that each has a beginning, an end and a recovery; every sensor has hours
in which nothing ails it. What a fault does is told by `firmware_sim.faults` and `.line`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from firmware_sim.faults import Fault
from firmware_sim.line import Faults
from firmware_sim.scenario import BusSection as SimulatedBus
from firmware_sim.scenario import DeviceSection, Scenario
from gateway.config import BusSection, SensorSection
from wire.catalogue import Protocol

BEGAN_S = 1_795_003_200.0  # a full hour
HOUR_S = 3600.0
INTERVAL_S = 60
THING = "dune-1"

_SDI, _MODBUS, _TALK = "sdi", "modbus", "talk"
_TEROS, _ATMOS, _CS655 = "METER TEROS 12", "METER ATMOS 41", "Campbell CS655"
_PROBE, _WEATHER = "RS485 soil probe ECTH (0x0000 family)", "Renke RS-FSXCS"
_TALKER = "NMEA 0183 weather station"
_CS655S = 5


@dataclass(frozen=True, slots=True)
class Unplugged:
    """An adapter that is gone, from and for so many seconds after the beginning."""

    bus: str
    after_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Instrument:
    """One sensor: where it hangs, what it is, what ails it and when."""

    bus: str
    id: str
    model: str
    address: str
    faults: Sequence[Mapping[str, Any]] = ()

    @property
    def name(self) -> str:
        """Give thing and sensor, as scenario and gateway name it."""
        return f"{THING}/{self.id}"


_PROTOCOLS = {_SDI: Protocol.SDI12, _MODBUS: Protocol.MODBUS, _TALK: Protocol.NMEA0183}
# A long cable beside a pump, all the time.
_NOISE = {
    _TALK: Faults(corrupt=0.002, truncate=0.002, garbage=0.002, trail=0.002, split=0.01, drop=0.002)
}


def buses() -> list[BusSection]:
    """Give the buses as gateway.toml names them."""
    return [
        BusSection(
            id=bus,
            port=f"virtual://{bus}",
            protocol=protocol,
            sensor=[
                SensorSection(
                    id=one.id,
                    thing=THING,
                    model=one.model,
                    address=one.address,
                    interval_s=INTERVAL_S,
                )
                for one in instruments()
                if one.bus == bus
            ],
        )
        for bus, protocol in _PROTOCOLS.items()
    ]


def scenario() -> Scenario:
    """Give the same buses as the simulator plays them."""
    return Scenario(
        seed=7,
        origin="2026-09-01",
        bus=[
            SimulatedBus(
                id=bus,
                protocol=protocol,
                device=[_device(one) for one in instruments() if one.bus == bus],
                faults=_NOISE.get(bus, Faults()),
            )
            for bus, protocol in _PROTOCOLS.items()
        ],
    )


def _device(one: Instrument) -> DeviceSection:
    return DeviceSection(
        id=one.name,
        model=one.model,
        address=one.address,
        serial=f"S-{one.address}",
        fault=[msgspec.convert(fault, Fault) for fault in one.faults],
    )


def instruments() -> list[Instrument]:
    """List the station's sensors with the faults of the week."""
    return [*_on_sdi12(), *_on_modbus(), Instrument(_TALK, "mast", _TALKER, "")]


def unplugged() -> list[Unplugged]:
    """Say when adapters are out of their sockets: once each day, another one each time."""
    buses = (_SDI, _MODBUS, _TALK)
    return [Unplugged(buses[day % 3], (24 * day + 20) * HOUR_S, 0.25 * HOUR_S) for day in range(7)]


def _daily(kind: str, at_h: float, for_h: float, **more: Any) -> list[dict[str, Any]]:
    """Let a fault come back every day, at an hour of its own."""
    return [
        {"kind": kind, "after_s": (24 * day + at_h) * HOUR_S, "for_s": for_h * HOUR_S, **more}
        for day in range(7)
    ]


def _on_sdi12() -> Iterator[Instrument]:
    ailing: Mapping[int, Sequence[Mapping[str, Any]]] = {
        1: _daily("absent", 2, 1),
        2: _daily("late", 3, 0.5, share=0.3),
        3: _daily("garbage", 4, 0.5, share=0.5),
        4: _daily("deaf_when_idle", 5, 1),
        5: _daily("wrong_address", 6, 0.5, share=0.5),
        6: _daily("fewer_values", 7, 0.5),
        7: _daily("no_service_request", 8, 0.5),
        8: _daily("swapped", 9, 1, model=_CS655, serial="S-99"),
    }
    for number in range(1, 9):
        model = _CS655 if number <= _CS655S else _TEROS
        yield Instrument(_SDI, f"soil-{number}", model, str(number), ailing[number])
    yield Instrument(_SDI, "weather", _ATMOS, "0", _daily("late", 10, 0.5, share=0.2))


def _on_modbus() -> Iterator[Instrument]:
    ailing: Mapping[int, Sequence[Mapping[str, Any]]] = {
        1: _daily("absent", 1, 1),
        2: _daily("exception", 2, 0.5),
        3: _daily("busy", 3, 0.5, share=0.5),
        4: _daily("late", 4, 0.5, share=0.3, by_s=1.5),
        5: _daily("garbage", 5, 0.5, share=0.5),
        6: _daily("fewer_values", 6, 0.5),
        7: _daily("wrong_address", 7, 0.5, share=0.5),
        8: (),
        9: (),
    }
    for number in range(1, 10):
        yield Instrument(_MODBUS, f"probe-{number}", _PROBE, str(number), ailing[number])
    yield Instrument(_MODBUS, "transmitter", _WEATHER, "20")
