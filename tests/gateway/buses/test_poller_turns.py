"""Several sensors of a bus at once: whose turn it is, who waits, and who is left alone for a while."""

import threading
from decimal import Decimal

import pytest

from gateway.buses.link import Link
from gateway.buses.poller import Polled, Poller
from gateway.buses.serial_port import PortSettings
from gateway.config import SensorSection
from gateway.drivers.conversation import Ask, Wait
from gateway.drivers.outcome import TIMEOUT, all_missing
from gateway.readings import Reading
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Schedule
from wire.catalogue import bundled

MODEL = bundled()["RS485 soil probe ECTH (0x0000 family)"]


def line_end(buffer):
    return buffer.find(b"\n") + 1


def ask(name, what):
    return Ask(f"{name} {what}".encode(), line_end, 20.0)


class Overlapping:
    """A sensor that measures for a while, during which others may be asked."""

    identity = None

    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds

    def poll(self):
        yield ask(self.name, "start")
        yield Wait(self.seconds, others=True)
        answer = yield ask(self.name, "data")
        if not answer:
            return all_missing(MODEL, TIMEOUT)
        return [Reading(field.property, Decimal(1)) for field in MODEL.field]


class Mute:
    """A sensor that does not answer, until it is mended."""

    identity = None

    def __init__(self, name="mute"):
        self.name = name
        self.polls = 0
        self.mended = False

    def poll(self):
        self.polls += 1
        yield from self.tries()
        if self.mended:
            return [Reading(field.property, Decimal(2)) for field in MODEL.field]
        return all_missing(MODEL, TIMEOUT)

    def tries(self):
        yield Wait(0)


class Dead(Mute):
    """One that is really asked, twice; what it says is nothing that could be understood."""

    def tries(self):
        yield ask(self.name, "first try")
        yield Wait(0, others=True)
        yield ask(self.name, "second try")


class Broken:
    identity = None

    def poll(self):
        yield Wait(0)
        raise ZeroDivisionError


class Rig:
    """A poller with its clock and its far end."""

    def __init__(self, device, clock, log, drivers, interval_s):
        self.device, self.clock = device, clock
        self.stop = threading.Event()
        self.link = Link(PortSettings(device.port, 9600), clock.mono_ms, self.stop, log)
        self.poller = Poller(
            [self._polled(number, driver, interval_s) for number, driver in enumerate(drivers)],
            self.link,
            clock,
            log,
        )

    def _polled(self, number, driver, interval_s):
        name = getattr(driver, "name", f"s{number}")
        sensor = SensorSection(
            id=name, thing="dune-1", model=MODEL.model, address="1", interval_s=interval_s
        )
        return Polled(
            sensor,
            MODEL,
            driver,
            Schedule(interval_s, self.clock.mono_ms() + 1),
            Sampler(f"dune-1/{name}", plan_of(MODEL, interval_s), self.clock),
        )

    def work(self):
        """Do all that is due; gives slot, sensor and reason (empty: a value) of each slot."""
        self.poller.step()
        while self.poller.idle_s() == 0:
            self.poller.step()
        return [
            ((one.mono_ms - 1_010_000) // 1000, one.datastream.split("/")[1], one.reason)
            for one in self.poller.take()
            if one.datastream.endswith("/vwc")
        ]

    def heard(self):
        said, self.device.heard[:] = [one.decode() for one in self.device.heard], []
        return said


@pytest.fixture
def rig(peer, hand_clock, log):
    made = []

    def make(*drivers, interval_s=10.0):
        # An empty line ends a try: silence would, too, perhaps before the device has read it.
        device = peer(lambda asked: b"\n" if b"try" in asked else b"here\n")
        made.append(Rig(device, hand_clock, log, drivers, interval_s))
        return made[-1]

    yield make
    for one in made:
        one.link.close()


def test_measurements_of_several_sensors_overlap_and_exchanges_do_not(rig, hand_clock):
    line = rig(Overlapping("a", 5), Overlapping("b", 3))
    hand_clock.pass_s(10)

    assert line.work() == []
    assert line.heard() == ["a start", "b start"]
    assert line.poller.idle_s() == 1.0
    hand_clock.pass_s(3)
    assert line.work() == [(0, "b", "")]
    hand_clock.pass_s(1.5)
    assert line.work() == []
    assert line.poller.idle_s() == pytest.approx(0.5)
    hand_clock.pass_s(0.5)
    assert line.work() == [(0, "a", "")]
    assert line.heard() == ["b data", "a data"]


def test_a_sensor_that_is_measuring_is_not_begun_anew(rig, hand_clock):
    """A command to the same sensor would abort its measurement."""
    line = rig(Overlapping("a", 25))
    hand_clock.pass_s(10)
    line.work()
    hand_clock.pass_s(11)
    assert line.work() == []
    hand_clock.pass_s(14)

    assert line.work() == [(0, "a", ""), (10, "a", "bus busy"), (20, "a", "bus busy")]
    assert line.heard() == ["a start", "a data"]


def test_a_silent_sensor_is_asked_again_after_those_whose_turn_has_come(rig, hand_clock):
    line = rig(Dead("dead"), Overlapping("b", 0), Overlapping("c", 0))
    hand_clock.pass_s(10)
    line.work()

    assert line.heard()[:3] == ["dead first try", "b start", "c start"]


def test_a_sensor_that_fails_comes_after_those_that_work(rig, hand_clock):
    line = rig(Dead("dead"), Overlapping("b", 0))
    hand_clock.pass_s(10)
    line.work()
    line.heard()
    hand_clock.pass_s(10)
    line.work()

    assert line.heard() == ["b start", "b data", "dead first try", "dead second try"]


def test_it_comes_first_when_it_has_waited_long(rig, hand_clock):
    """Else a bus that is always busy would never find out that it is back."""
    line = rig(Dead("dead"), Overlapping("b", 6))
    hand_clock.pass_s(10)
    line.work()
    hand_clock.pass_s(6)
    line.work()
    line.heard()
    hand_clock.pass_s(4)
    line.poller.step()  # b is begun
    hand_clock.pass_s(6)
    line.poller.step()

    assert line.heard() == ["b start", "dead first try"]


def test_a_dead_sensor_is_asked_at_longer_and_longer_pauses(rig, hand_clock):
    dead = Mute()
    line = rig(dead)
    slots, asked = [], []
    for slot in range(0, 1800, 10):
        hand_clock.pass_s(10)
        before = dead.polls
        slots += line.work()
        if dead.polls > before:
            asked.append(slot)

    assert slots == [(slot, "mute", "timeout") for slot in range(0, 1800, 10)]
    assert asked == [0, 10, 20, 40, 80, 160, 320, 620, 920, 1220, 1520]


def test_a_sensor_of_a_long_interval_is_asked_at_each_of_its_slots(rig, hand_clock):
    dead = Mute()
    line = rig(dead, interval_s=600.0)
    for _ in range(10):
        hand_clock.pass_s(600)
        line.work()

    assert dead.polls == 10


def test_a_dead_sensor_that_is_back_has_its_full_cadence_at_once(rig, hand_clock):
    dead = Mute()
    line = rig(dead)
    for _ in range(10):
        hand_clock.pass_s(10)
        line.work()
    dead.mended = True
    slots = []
    for _ in range(12):
        hand_clock.pass_s(10)
        slots += line.work()

    reasons = [reason for _, _, reason in slots]
    assert reasons == ["timeout"] * 6 + [""] * 6


def test_one_that_is_back_gives_the_others_their_turn_too(rig, hand_clock):
    """What ailed it, a cable or the supply, may have ailed them all."""
    first, second = Mute("first"), Mute("second")
    second.mended = True
    line = rig(first, second)
    for number in range(60):
        hand_clock.pass_s(10)
        line.work()
        second.mended = number < 40
    first.mended = second.mended = True
    back = {}
    for number in range(40):
        hand_clock.pass_s(10)
        for _, name, reason in line.work():
            if not reason:
                back.setdefault(name, number)

    assert back["second"] > 0
    assert back["first"] <= back["second"] + 1


def test_after_it_was_back_its_pauses_begin_anew(rig, hand_clock):
    mute = Mute()
    line = rig(mute)
    asked = []
    for number in range(50):
        mute.mended = 20 <= number < 41
        before = mute.polls
        hand_clock.pass_s(10)
        line.work()
        if mute.polls > before:
            asked.append(number)

    assert asked == [0, 1, 2, 4, 8, 16, *range(32, 44), 45, 49]


def test_a_port_that_was_plugged_in_again_ends_the_pauses(rig, hand_clock, peer, tmp_path):
    dead = Mute()
    line = rig(dead)
    for _ in range(40):
        hand_clock.pass_s(10)
        line.work()
    line.link.close()
    dead.mended = True
    hand_clock.pass_s(10)

    assert line.work() == [(400, "mute", "")]


def test_a_crash_costs_the_poll_that_crashed_and_no_other(rig, hand_clock):
    line = rig(Overlapping("a", 5), Broken())
    hand_clock.pass_s(10)
    with pytest.raises(ZeroDivisionError):
        line.work()
    line.poller.abandon("gateway fault")
    hand_clock.pass_s(5)

    assert line.work() == [(0, "s1", "gateway fault"), (0, "a", "")]


def test_a_sink_that_fails_costs_no_poll(rig, hand_clock):
    line = rig(Overlapping("a", 5))
    hand_clock.pass_s(10)
    line.work()
    line.poller.abandon("gateway fault")
    hand_clock.pass_s(5)

    assert line.work() == [(0, "a", "")]


def test_a_port_that_goes_while_sensors_measure_misses_their_slots(rig, hand_clock, eventually):
    line = rig(Overlapping("a", 5), Overlapping("b", 5))
    hand_clock.pass_s(10)
    line.work()
    line.device.unplug()
    hand_clock.pass_s(5)

    assert line.work() == [(0, "a", "port not there"), (0, "b", "port not there")]


def test_what_is_under_way_at_the_end_is_missing(rig, hand_clock):
    line = rig(Overlapping("a", 5), Overlapping("b", 50))
    hand_clock.pass_s(10)
    line.work()
    hand_clock.pass_s(10)
    line.poller.finish("gateway stopped")

    assert [one.reason for one in line.poller.take()] == ["gateway stopped"] * 12
