"""The device side of each protocol, and the table of what can be played.

A sensor of SDI-12 or Modbus whose properties the world has is played from its catalogue entry
alone; one with quirks is a small class in its vendor's module and one line here.
"""

from collections.abc import Callable, Sequence
from functools import partial

from firmware_sim.devices.base import Line, Setup, Talker
from firmware_sim.devices.campbell import ClimaVue50, Sr50a
from firmware_sim.devices.counters import PulseCounter, SandTrap
from firmware_sim.devices.meter import Atmos41, Teros11, Teros12
from firmware_sim.devices.modbus import ModbusBus, ModbusDevice
from firmware_sim.devices.nmea0183 import WeatherTalker
from firmware_sim.devices.plain import PlainInstrument
from firmware_sim.devices.quantities import knows
from firmware_sim.devices.renke import WeatherTransmitter
from firmware_sim.devices.saltation import SaltationCounter
from firmware_sim.devices.sdi12 import Instrument, Sdi12Bus, Sensor
from firmware_sim.devices.streams import (
    AskedBus,
    AutomaticWxt,
    Composite,
    ConsoleBus,
    DavisStation,
    PolledWindSonic,
    PolledWxt,
    Sr50aSerial,
    TextDevice,
    VaisalaNmea,
    WindSonic,
)
from firmware_sim.devices.streams.gnss import Receiver
from firmware_sim.devices.talker import TalkerBus
from wire.catalogue import Protocol, SensorModel, bundled

SDI12_INSTRUMENTS: dict[str, Callable[[Setup], Instrument]] = {
    "METER TEROS 11": Teros11,
    "METER TEROS 12": Teros12,
    "METER ATMOS 41": Atmos41,
    "METER ATMOS 41 Gen 2": Atmos41,
    "Campbell ClimaVUE 50": ClimaVue50,
    "Campbell SR50A": Sr50a,
    "Campbell SR50AT": Sr50a,
}
MODBUS_KINDS: dict[str, Callable[[Setup], ModbusDevice]] = {
    "Renke RS-FSXCS": WeatherTransmitter,
    "Saltation pulse counter, Modbus": PulseCounter,
    "Saltation pulse counter, Modbus, 16 bit": PulseCounter,
    "Sand trap on a load cell, Modbus": SandTrap,
}
TALKERS: dict[str, Callable[[Setup], Talker]] = {
    "NMEA 0183 weather station": WeatherTalker,
    "Saltation counter, ASCII": SaltationCounter,
    "NMEA 0183 weather station, MDA": Composite,
    "Vaisala WXT530, NMEA": VaisalaNmea,
    "Vaisala WXT530, automatic": partial(AutomaticWxt, sealed=False),
    "Vaisala WXT530, automatic with checksum": partial(AutomaticWxt, sealed=True),
    "Gill WindSonic": WindSonic,
    "GNSS receiver, NMEA 0183": Receiver,
    "Campbell SR50A, serial": Sr50aSerial,
}
ASKED: dict[str, Callable[[Setup], TextDevice]] = {
    "Vaisala WXT530": PolledWxt,
    "Vaisala WXT530, with checksum": PolledWxt,
    "Gill WindSonic, polled": PolledWindSonic,
}


def playable() -> dict[str, SensorModel]:
    """Give the catalogue's models that can be played, by name."""
    return {name: model for name, model in bundled().items() if _can_play(model)}


def _can_play(model: SensorModel) -> bool:
    own = {**SDI12_INSTRUMENTS, **MODBUS_KINDS}
    if model.protocol in (Protocol.MODBUS, Protocol.SDI12) and model.model not in own:
        return all(knows(field.property) for field in model.field)
    if model.protocol is Protocol.DAVIS:
        return True
    return any(model.model in known for known in (own, TALKERS, ASKED))


def assemble(protocol: Protocol, setups: Sequence[Setup], *, wants_cr: bool = False) -> Line:
    """Build the devices of one line, and the line; the models must be playable.

    With `wants_cr` the adapter of an SDI-12 line takes commands that end with CR after the `!`.
    """
    if protocol is Protocol.SDI12:
        sensors = [
            Sensor(one, SDI12_INSTRUMENTS.get(one.model.model, PlainInstrument)(one))
            for one in setups
        ]
        return Line(Sdi12Bus(sensors, wants_cr=wants_cr), polled=sensors)
    if protocol is Protocol.MODBUS:
        servers = [MODBUS_KINDS.get(one.model.model, ModbusDevice)(one) for one in setups]
        return Line(ModbusBus(servers), polled=servers)
    if protocol is Protocol.DAVIS:
        stations = [DavisStation(one) for one in setups]
        return Line(ConsoleBus(stations), polled=stations)
    if all(one.model.model in ASKED for one in setups):
        asked = [ASKED[one.model.model](one) for one in setups]
        return Line(AskedBus(asked), polled=asked)
    talkers = [TALKERS[one.model.model](one) for one in setups]
    return Line(TalkerBus(talkers), talkers=talkers)
