"""The asked sensors of a bus: real ports, a clock set by hand."""

import threading
from decimal import Decimal

import msgspec
import pytest

from gateway.buses.link import Link
from gateway.buses.poller import SENSOR_BACK, SENSOR_IDENTIFIED, SENSOR_UNAVAILABLE, Polled, Poller
from gateway.buses.serial_port import PortSettings, StoppedError
from gateway.config import SensorSection
from gateway.drivers.modbus import ModbusDriver
from gateway.drivers.sdi12 import Sdi12Driver
from gateway.readings import Observation
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Schedule
from wire.catalogue import bundled
from wire.quality import Flag

PROBE = bundled()["RS485 soil probe ECTH (0x0000 family)"]
TEROS = bundled()["METER TEROS 12"]

# An 0x0000-family probe at address 1, the published example; none at 2.
ASK = bytes.fromhex("01 03 00 00 00 03 05 CB")
REPLY = bytes.fromhex("01 03 06 01 EF 01 44 00 04 B5 59")


def answer(asked):
    return REPLY if asked == ASK else b""


class Bus:
    """A poller over a link, with what it needs."""

    def __init__(self, port, clock, log, sensors, on_identified=None):
        self.stop = threading.Event()
        self.link = Link(PortSettings(port, 9600), clock.mono_ms, self.stop, log)
        self.poller = Poller(sensors, self.link, clock, log, on_identified)

    def step(self):
        """Do all that is due."""
        self.poller.step()
        while self.poller.idle_s() == 0:
            self.poller.step()
        return self.poller.take()


@pytest.fixture
def probe(hand_clock):
    """Make a polled 0x0000-family probe."""

    def make(address="1", interval_s=10.0, name="probe"):
        sensor = SensorSection(
            id=name, thing="dune-1", model=PROBE.model, address=address, interval_s=interval_s
        )
        schedule = Schedule(interval_s, hand_clock.mono_ms() + 1)
        sampler = Sampler(f"dune-1/{sensor.id}", plan_of(PROBE, interval_s), hand_clock)
        return Polled(sensor, PROBE, ModbusDriver(PROBE, address), schedule, sampler)

    return make


@pytest.fixture
def bus(hand_clock, log):
    made = []

    def make(port, *sensors, on_identified=None):
        made.append(Bus(port, hand_clock, log, sensors, on_identified))
        return made[-1]

    yield make
    for one in made:
        one.link.close()


def brief(observations):
    """Slots in seconds since the first, with the value or the reason."""
    return [((one.mono_ms - 1_010_000) // 1000, one.value or one.reason) for one in observations]


def test_nothing_is_asked_before_a_slot(bus, probe, peer):
    device = peer(answer)

    assert bus(device.port, probe()).step() == []
    assert device.heard == []


def test_a_slot_becomes_an_observation_of_every_field_stamped_with_the_slot(
    bus, probe, peer, hand_clock
):
    line = bus(peer(answer).port, probe())
    hand_clock.pass_s(10.2)  # the thread woke up a little late

    assert line.step() == [
        Observation("dune-1/probe/vwc", 1_010_000, Decimal("49.5")),
        Observation("dune-1/probe/soil_temperature", 1_010_000, Decimal("32.4")),
        Observation("dune-1/probe/soil_ec", 1_010_000, Decimal(4)),
    ]
    assert (1_010_000 + hand_clock.offset) % 10_000 == 0


def test_a_clock_that_is_set_after_the_start_dates_no_first_reading_far_back(
    bus, probe, peer, hand_clock
):
    """A machine without a battery-backed clock learns the time a while after it has started."""
    line = bus(peer(answer).port, probe(interval_s=600.0))
    begun_ms = hand_clock.mono
    hand_clock.offset -= (begun_ms + hand_clock.offset) % 600_000 - 10_000  # a slot in 590 s
    for _ in range(50):
        hand_clock.pass_s(10)
        assert line.step() == []
    hand_clock.offset += 580_000  # as it turns out there was one 10 s after the start
    seen = line.step()
    hand_clock.pass_s(110)
    seen += line.step()

    assert {one.mono_ms - begun_ms for one in seen} == {610_000}


def test_what_one_sensor_said_is_handed_over_before_the_next_is_asked(bus, probe, peer, hand_clock):
    """A power cut during a round costs what is being read, not what has been read."""
    device = peer(answer)
    line = bus(device.port, probe("1"), probe("2", name="next"))
    hand_clock.pass_s(10)

    line.poller.step()

    assert {one.datastream.split("/")[1] for one in line.poller.take()} == {"probe"}
    assert device.heard == [ASK]


def test_an_observation_converts_back_to_the_aligned_slot(bus, probe, peer, hand_clock):
    hand_clock.offset += 3_456
    line = bus(peer(answer).port, probe())
    hand_clock.pass_s(10)

    stamps = {hand_clock.wall_of(one.mono_ms) % 10_000 for one in line.step()}

    assert stamps == {0}


def test_a_dead_probe_is_missing_and_does_not_hold_up_its_neighbour(bus, probe, peer, hand_clock):
    line = bus(peer(answer).port, probe("2", name="dead"), probe("1"))
    hand_clock.pass_s(10)

    found = {one.datastream: (one.value, one.flag, one.reason) for one in line.step()}

    assert found["dune-1/dead/vwc"] == (None, Flag.MISSING, "timeout")
    assert found["dune-1/probe/vwc"] == (Decimal("49.5"), Flag.PASS, "")
    assert (line.poller.tally.polls, line.poller.tally.failures) == (2, 1)


def test_the_slots_that_come_up_during_a_poll_are_missing_because_the_bus_was_busy(
    bus, probe, peer, hand_clock
):
    device = peer()

    def slow(asked):
        hand_clock.pass_s(25)
        return answer(asked)

    device.answer = slow
    line = bus(device.port, probe())
    hand_clock.pass_s(10)

    assert brief(line.step())[::3] == [
        (0, Decimal("49.5")),
        (10, "bus busy"),
        (20, "bus busy"),
    ]
    assert line.step() == []


def test_a_sensor_that_waited_for_a_slow_neighbour_is_stamped_with_the_slot_its_poll_began_in(
    bus, probe, peer, hand_clock
):
    device = peer()

    def slow_once(asked):
        hand_clock.pass_s(12)
        device.answer = answer
        return answer(asked)

    device.answer = slow_once
    line = bus(device.port, probe(name="first"), probe(name="second"))
    hand_clock.pass_s(10)
    found = line.step()

    second = brief(one for one in found if "second/vwc" in one.datastream)
    assert second == [(0, "bus busy"), (10, Decimal("49.5"))]


def test_while_the_port_is_away_every_slot_is_missing(bus, probe, tmp_path, hand_clock):
    line = bus(str(tmp_path / "ttyUSB0"), probe())
    slots = []
    for _ in range(3):
        hand_clock.pass_s(10)
        slots += brief(line.step())[::3]

    assert slots == [(0, "port not there"), (10, "port not there"), (20, "port not there")]


def test_slots_slept_through_while_the_port_is_away_say_so_too(bus, probe, tmp_path, hand_clock):
    line = bus(str(tmp_path / "ttyUSB0"), probe())
    hand_clock.pass_s(30)

    assert {reason for _, reason in brief(line.step())} == {"port not there"}


def test_a_port_that_goes_during_a_poll_misses_that_slot_and_those_after_it(
    bus, probe, peer, hand_clock, eventually
):
    device = peer()
    line = bus(device.port, probe(name="first"), probe(name="second"))

    def pulled(_):
        threading.Thread(target=device.unplug).start()
        return b""

    device.answer = pulled
    hand_clock.pass_s(10)
    found = line.step()

    assert {one.reason for one in found} == {"port not there"}
    assert len(found) == 6


def test_a_failing_sensor_is_said_once_and_its_return_once(bus, probe, peer, hand_clock, logged):
    refused = bytes.fromhex("01 83 02 C0 F1")
    device = peer(lambda _: refused)
    line = bus(device.port, probe())
    for _ in range(3):
        hand_clock.pass_s(10)
        line.step()
    device.answer = answer
    for _ in range(2):
        hand_clock.pass_s(10)
        line.step()

    events = [entry["event"] for entry in logged]
    assert events == [SENSOR_UNAVAILABLE, SENSOR_BACK]
    assert logged[0]["reason"] == "exception: illegal data address"


def test_who_answers_is_told_once(bus, peer, hand_clock, logged):
    replies = {
        b"1I!": b"112METER   TER12 400T12-00001\r\n",
        b"1M!": b"10003\r\n",
        b"1D0!": b"1+2493.4+16.1+39\r\n",
    }
    sensor = SensorSection(id="soil-10cm", thing="dune-1", model=TEROS.model, address="1")
    sampler = Sampler("dune-1/soil", plan_of(TEROS, sensor.interval_s), hand_clock)
    schedule = Schedule(10.0, hand_clock.mono_ms() + 1)
    one = Polled(sensor, TEROS, Sdi12Driver(TEROS, "1"), schedule, sampler)
    told = []
    line = bus(
        peer(lambda asked: replies.get(asked, b"")).port,
        one,
        on_identified=lambda *heard: told.append(heard),
    )
    for _ in range(2):
        hand_clock.pass_s(10)
        line.step()

    assert [(thing, name, who.serial) for thing, name, who in told] == [
        ("dune-1", "soil-10cm", "T12-00001")
    ]
    assert [entry["event"] for entry in logged] == [SENSOR_IDENTIFIED]


def test_a_poll_that_is_stopped_becomes_missing_and_so_do_the_slots_behind_it(
    bus, probe, peer, hand_clock
):
    device = peer()
    line = bus(device.port, probe(name="first"), probe(name="second"))

    def stopping(_):
        line.stop.set()
        return b""

    device.answer = stopping
    hand_clock.pass_s(10)
    with pytest.raises(StoppedError):
        line.poller.step()
    line.poller.finish("gateway stopped")

    found = line.poller.take()
    assert [one.datastream for one in found][::3] == ["dune-1/first/vwc", "dune-1/second/vwc"]
    assert {one.reason for one in found} == {"gateway stopped"}


def test_a_poll_that_crashes_becomes_missing(bus, probe, peer, hand_clock):
    class Broken:
        identity = None

        def poll(self):
            raise ZeroDivisionError
            yield

    one = probe()
    one.driver = Broken()
    line = bus(peer().port, one)
    hand_clock.pass_s(10)
    with pytest.raises(ZeroDivisionError):
        line.poller.step()
    line.poller.abandon("gateway fault")

    assert {found.reason for found in line.poller.take()} == {"gateway fault"}


def test_a_value_that_the_wire_cannot_carry_is_missing(bus, probe, peer, hand_clock):
    fields = [msgspec.structs.replace(PROBE.field[0], scale=Decimal("1E-14"))]
    model = msgspec.structs.replace(PROBE, field=fields)
    one = probe()
    one.driver = ModbusDriver(model, "1")
    one.sampler = Sampler("dune-1/probe", plan_of(model, 10.0), hand_clock)
    reply = bytes.fromhex("01 03 02 01 EF F8 58")
    line = bus(peer(lambda _: reply).port, one)
    hand_clock.pass_s(10)

    assert [(found.value, found.reason) for found in line.step()] == [(None, "unrepresentable")]


def test_there_is_nothing_to_do_until_the_next_slot(bus, probe, peer, hand_clock):
    line = bus(peer(answer).port, probe())
    line.step()
    hand_clock.pass_s(9.7)

    assert line.poller.idle_s() == pytest.approx(0.3)


def test_the_schedule_is_looked_at_every_second_at_least(bus, probe, peer):
    """The wall clock may be set while we wait."""
    line = bus(peer(answer).port, probe(interval_s=600))
    line.step()

    assert line.poller.idle_s() == 1.0
