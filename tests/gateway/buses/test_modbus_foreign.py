"""A foreign peer: our Modbus codec and driver against a pymodbus server on a pty."""

import asyncio
import os
import select
import threading
import tty
from decimal import Decimal
from functools import partial

import pytest
from msgspec import structs
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from gateway.buses.serial_port import SerialPort
from gateway.codecs import modbus_rtu
from gateway.codecs.modbus_rtu import ExceptionReplyError
from gateway.drivers.conversation import Ask, hold
from gateway.drivers.modbus import ModbusDriver
from gateway.readings import Reading
from wire.catalogue import Field, RegisterType, bundled

PROBE = bundled()["RS485 soil probe ECTH (0x0000 family)"]
MAST = bundled()["Renke RS-FSXCS"]


def registers(start, *values):
    return SimData(start, values=list(values), datatype=DataType.REGISTERS)


class Wire:
    """Two ptys, back to back: a serial line with a port at each end."""

    def __init__(self):
        pairs = [os.openpty() for _ in range(2)]
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]
        for slave in self._slaves:
            tty.setraw(slave)
        self.ours, self.theirs = map(os.ttyname, self._slaves)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join()
        for descriptor in (*self._masters, *self._slaves):
            os.close(descriptor)

    def _carry(self):
        left, right = self._masters
        while not self._stop.is_set():
            for master in select.select(self._masters, [], [], 0.02)[0]:
                os.write(right if master == left else left, os.read(master, 4096))


class Server:
    """A pymodbus RTU server in a thread with its own event loop."""

    def __init__(self, port, devices):
        self._ready = threading.Event()
        self._port = port
        self._devices = devices
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(30)

    def close(self):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = ModbusSerialServer(
            self._devices,
            framer=FramerType.RTU,
            port=self._port,
            baudrate=9600,
        )
        await server.serve_forever(background=True)
        self._ready.set()
        await self._over.wait()
        await server.shutdown()


@pytest.fixture
def port(settings):
    """Our end of a line with a soil probe at address 1 and a weather transmitter at 2."""
    wire = Wire()
    server = Server(
        wire.theirs,
        [
            SimDevice(1, [registers(0, 495, 0xFF9F, 4), registers(0x07D0, 1, 1)]),
            SimDevice(
                2,
                [
                    registers(0x01F4, 34),
                    registers(0x01F7, 315, 411, 76, 413, 7, 20, 887, 0x0001, 0x86A0),
                    registers(0x0201, 451),
                    registers(0x0203, 352),
                ],
            ),
            SimDevice(
                3,
                [
                    SimData(0, values=24.5, datatype=DataType.FLOAT32),
                    SimData(2, values=-0.1, datatype=DataType.FLOAT64),
                    SimData(6, values=-70000, datatype=DataType.INT32),
                    SimData(8, values=100309, datatype=DataType.UINT32),
                ],
            ),
        ],
    )
    opened = SerialPort(settings(wire.ours), lambda: False)
    yield opened
    opened.close()
    server.close()
    wire.close()


def request(port, frame, timeout_s=10.0):
    return port.exchange(Ask(frame, partial(modbus_rtu.reply_length, request=frame), timeout_s))


def test_a_soil_probe_is_read(port):
    assert hold(ModbusDriver(PROBE, "1").poll(), port.exchange) == [
        Reading("vwc", Decimal("49.5")),
        Reading("soil_temperature", Decimal("-9.7")),
        Reading("soil_ec", Decimal(4)),
    ]


def test_a_transmitter_that_refuses_the_gaps_between_its_registers_is_read(port):
    found = hold(ModbusDriver(MAST, "2").poll(), port.exchange)

    assert {one.key: one.value for one in found} == {
        "wind_speed": Decimal("3.4"),
        "wind_direction": Decimal(315),
        "relative_humidity": Decimal("41.1"),
        "air_temperature": Decimal("7.6"),
        "noise_level": Decimal("41.3"),
        "pm2_5": Decimal(7),
        "pm10": Decimal(20),
        "air_pressure": Decimal("88.7"),
        "illuminance": Decimal(100_000),
        "rain_total": Decimal("45.1"),
        "solar_radiation": Decimal(352),
    }


def test_floats_and_long_integers_are_read(port):
    kinds = {"vwc": (0, "float32"), "soil_temperature": (2, "float64")}
    kinds |= {"soil_ec": (6, "int32"), "air_pressure": (8, "uint32")}
    fields = [
        Field(property=key, unit="1", resolution=Decimal(1), register=at, type=RegisterType(kind))
        for key, (at, kind) in kinds.items()
    ]
    model = structs.replace(PROBE, field=fields, sentinel=[])

    found = hold(ModbusDriver(model, "3").poll(), port.exchange)

    assert {one.key: str(one.value) for one in found} == {
        "vwc": "24.5",
        "soil_temperature": "-0.1",
        "soil_ec": "-70000",
        "air_pressure": "100309",
    }


def test_both_read_functions_are_understood(port):
    for function in (3, 4):
        frame = modbus_rtu.read_registers(1, function, 0, 3)

        assert modbus_rtu.parse_registers(request(port, frame), frame) == [495, 0xFF9F, 4]


def test_both_write_functions_are_understood(port):
    one = modbus_rtu.write_register(1, 0x07D1, 2)
    many = modbus_rtu.write_registers(1, 0x07D0, [5, 3])
    read = modbus_rtu.read_registers(1, 3, 0x07D0, 2)

    modbus_rtu.check_written(request(port, one), one)
    assert modbus_rtu.parse_registers(request(port, read), read) == [1, 2]
    modbus_rtu.check_written(request(port, many), many)
    assert modbus_rtu.parse_registers(request(port, read), read) == [5, 3]


def test_its_exceptions_are_understood(port):
    frame = modbus_rtu.read_registers(1, 3, 0x4000, 1)

    with pytest.raises(ExceptionReplyError, match="illegal data address"):
        modbus_rtu.parse_registers(request(port, frame), frame)
