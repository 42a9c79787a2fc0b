"""A Davis console as its serial manual describes it."""

import struct

import pytest

from firmware_sim.devices import assemble
from firmware_sim.devices.streams.davis import crc16
from firmware_sim.faults import Ailments, Fault, FaultKind
from wire.catalogue import Protocol

NOW = 1_795_000_000.0
STATION = "Davis Vantage Pro2 Plus"


@pytest.fixture
def console(set_up):
    return lambda **more: assemble(Protocol.DAVIS, [set_up(STATION, address="", **more)]).bus


def said(console, command, now=NOW):
    return [send.data for send in console.receive(command, now)]


def loop(console):
    said(console, b"\n")
    acknowledged, packet = said(console, b"LOOP 1\n")
    assert acknowledged == b"\x06"
    return packet


def test_the_crc_is_that_of_the_manual():
    assert crc16(bytes.fromhex("C6 CE A2 03")) == b"\xe2\xb4"
    assert crc16(b"123456789") == b"\x31\xc3"


def test_it_sleeps_until_a_line_feed_and_then_answers(console):
    bus = console()

    assert said(bus, b"TEST\n") == [b"\n\r"]
    assert said(bus, b"TEST\n") == [b"\n\rTEST\n\r"]
    assert said(bus, b"\n") == [b"\n\r"]
    assert said(bus, b"TEST\n", NOW + 121.0) == [b"\n\r"]


def test_a_packet_has_99_bytes_and_its_values_in_place(console):
    packet = loop(console())

    assert len(packet) == 99
    assert packet[:5] == b"LOO\x00\x00"
    assert packet[95:97] == b"\n\r"
    assert crc16(packet) == b"\x00\x00"
    assert struct.unpack_from("<h", packet, 12) == (770,)  # 25 degC
    assert packet[14] == 12  # 5.4 m/s
    assert struct.unpack_from("<H", packet, 16) == (215,)
    assert struct.unpack_from("<H", packet, 54) == (61,)  # 12.34 mm in tips of 0.2


def test_the_collector_and_the_version_are_told(console):
    bus = console()
    said(bus, b"\n")

    assert said(bus, b"EEBRD 2B 01\n") == [b"\x06\x10" + crc16(b"\x10")]
    assert said(bus, b"NVER\n") == [b"\n\rOK\n\r3.15\n\r"]
    assert said(bus, b"WHAT\n") == [b"\x21"]


def test_three_packets_come_two_seconds_apart(console):
    bus = console()
    said(bus, b"\n")
    delays = [send.delay_s for send in bus.receive(b"LOOP 3\n", NOW)]

    assert delays == pytest.approx([0.03, 0.03, 2.03, 4.03])


def test_a_station_out_of_reach_is_dashed_but_the_console_keeps_its_counters(console):
    packet = loop(console(faults=Ailments([Fault(kind=FaultKind.AILS)], NOW)))

    assert struct.unpack_from("<h", packet, 12) == (0x7FFF,)
    assert packet[14] == packet[33] == 0xFF
    assert struct.unpack_from("<H", packet, 54) == (61,)


def test_deaf_when_idle_it_misses_the_first_line_feed(console):
    bus = console(faults=Ailments([Fault(kind=FaultKind.DEAF_WHEN_IDLE)], NOW))

    assert said(bus, b"\n") == []
    assert said(bus, b"\n") == [b"\n\r"]


def test_a_soil_channel_is_tension_in_centibar(set_up):
    bus = assemble(Protocol.DAVIS, [set_up("Davis soil moisture station", address="3")]).bus
    packet = loop(bus)

    assert packet[62:66] == bytes([255, 255, 7, 255])
    assert packet[27] == round(-9.7 * 1.8 + 32.0) + 90
