"""The device side of each protocol, and the table of what can be played.

A new SDI-12 sensor is a small class in its vendor's module and one line here; a Modbus sensor whose
properties the world has is played from its catalogue entry alone.
"""

from collections.abc import Callable, Sequence

from firmware_sim.devices.base import Line, Setup, Talker
from firmware_sim.devices.campbell import Sr50a
from firmware_sim.devices.meter import Atmos41, Teros12
from firmware_sim.devices.modbus import ModbusBus, ModbusDevice
from firmware_sim.devices.nmea0183 import WeatherTalker
from firmware_sim.devices.quantities import knows
from firmware_sim.devices.renke import WeatherTransmitter
from firmware_sim.devices.saltation import SaltationCounter
from firmware_sim.devices.sdi12 import Instrument, Sdi12Bus, Sensor
from firmware_sim.devices.talker import TalkerBus
from wire.catalogue import Protocol, SensorModel, bundled

SDI12_INSTRUMENTS: dict[str, Callable[[Setup], Instrument]] = {
    "METER TEROS 12": Teros12,
    "METER ATMOS 41": Atmos41,
    "Campbell SR50A": Sr50a,
}
MODBUS_KINDS: dict[str, Callable[[Setup], ModbusDevice]] = {
    "Renke RS-FSXCS": WeatherTransmitter,
}
TALKERS: dict[str, Callable[[Setup], Talker]] = {
    "NMEA 0183 weather station": WeatherTalker,
    "Saltation counter, ASCII": SaltationCounter,
}


def playable() -> dict[str, SensorModel]:
    """Give the catalogue's models that can be played, by name."""
    return {name: model for name, model in bundled().items() if _can_play(model)}


def _can_play(model: SensorModel) -> bool:
    if model.protocol is Protocol.MODBUS:
        return all(knows(field.property) for field in model.field)
    return model.model in SDI12_INSTRUMENTS or model.model in TALKERS


def assemble(protocol: Protocol, setups: Sequence[Setup]) -> Line:
    """Build the devices of one line, and the line; the models must be playable."""
    if protocol is Protocol.SDI12:
        sensors = [Sensor(one, SDI12_INSTRUMENTS[one.model.model](one)) for one in setups]
        return Line(Sdi12Bus(sensors), polled=sensors)
    if protocol is Protocol.MODBUS:
        servers = [MODBUS_KINDS.get(one.model.model, ModbusDevice)(one) for one in setups]
        return Line(ModbusBus(servers), polled=servers)
    talkers = [TALKERS[one.model.model](one) for one in setups]
    return Line(TalkerBus(talkers), talkers=talkers)
