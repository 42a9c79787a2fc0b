"""Questions that a person puts between slots: answered soon, and the schedule stays as it is."""

from decimal import Decimal

import pytest

from gateway.buses.asking import Answer, Questions
from gateway.buses.poller import Polled
from gateway.config import SensorSection
from gateway.drivers.conversation import Wait
from gateway.drivers.modbus import ModbusDriver
from gateway.drivers.outcome import TIMEOUT, all_missing
from gateway.readings import Reading
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Schedule
from tests.gateway.buses.test_listener import Ear, salt
from tests.gateway.buses.test_poller import ASK, PROBE, Bus, answer, brief
from tests.gateway.sampling.made_up import field_of, model_of
from wire.catalogue import Statistic

NAME = "dune-1/probe"


def polled(clock, driver, model=PROBE, interval_s=600.0):
    sensor = SensorSection(
        id="probe", thing="dune-1", model=model.model, address="1", interval_s=interval_s
    )
    schedule = Schedule(interval_s, clock.mono_ms() + 1)
    sampler = Sampler(NAME, plan_of(model, interval_s), clock)
    return Polled(sensor, model, driver, schedule, sampler)


@pytest.fixture
def line_of(hand_clock, log):
    """Make a bus with one probe that is read every ten minutes; its port is opened."""
    made = []

    def make(port, driver=None, model=PROBE, interval_s=600.0):
        driver = driver or ModbusDriver(PROBE, "1")
        sensor = polled(hand_clock, driver, model, interval_s)
        made.append(Bus(port, hand_clock, log, [sensor]))
        made[-1].step()
        return made[-1]

    yield make
    for one in made:
        one.link.close()


def read_of(line):
    newest = line.poller.questions.newest(NAME)
    return newest and {one.key: one.value or one.reason for one in newest.readings}


def until_slot(clock):
    return (600_000 - (clock.mono + clock.offset) % 600_000) / 1000


def test_a_question_is_answered_between_slots_and_is_no_observation(line_of, peer, hand_clock):
    device = peer(answer)
    line = line_of(device.port)
    hand_clock.pass_s(60)
    line.poller.questions.put(NAME)

    assert line.step() == []
    assert read_of(line)["vwc"] == Decimal("49.5")
    assert line.poller.questions.newest(NAME).mono_ms == hand_clock.mono
    assert line.poller.questions.waiting() == []
    assert device.heard == [ASK]


def test_the_slot_after_a_question_is_where_it_was(line_of, peer, hand_clock):
    line = line_of(peer(answer).port)
    left_s = until_slot(hand_clock)
    hand_clock.pass_s(60)
    line.poller.questions.put(NAME)
    line.step()
    hand_clock.pass_s(left_s - 60)
    slot_ms = hand_clock.mono

    assert {one.mono_ms for one in line.step()} == {slot_ms}


def test_a_slot_that_comes_in_a_moment_answers_the_question(line_of, peer, hand_clock):
    """Twice within a second no gauge is asked, and the technician hardly waits."""
    device = peer(answer)
    line = line_of(device.port)
    hand_clock.pass_s(until_slot(hand_clock) - 2)
    line.poller.questions.put(NAME)
    assert line.step() == []
    assert device.heard == []
    hand_clock.pass_s(2)

    assert len(line.step()) == 3
    assert read_of(line)["vwc"] == Decimal("49.5")
    assert device.heard == [ASK]


class Mute:
    """Is silent until its cable is mended; a real one would be so for seconds each time."""

    identity = None
    mended = False

    def poll(self):
        return [Reading("vwc", Decimal(3))] if self.mended else all_missing(PROBE, TIMEOUT)
        yield


def test_a_sensor_that_is_given_up_is_asked_all_the_same(line_of, peer, hand_clock):
    """It was silent for hours; now somebody has mended its cable."""
    mute = Mute()
    line = line_of(peer().port, mute)
    for _ in range(6):
        hand_clock.pass_s(until_slot(hand_clock))
        line.step()
    assert line.poller._sensors[0].back_off.holds(hand_clock.mono)
    mute.mended = True
    hand_clock.pass_s(60)
    line.poller.questions.put(NAME)
    line.step()

    assert read_of(line)["vwc"] == 3
    hand_clock.pass_s(until_slot(hand_clock))
    assert brief(line.step())[0][1] == 3


def test_of_a_sensor_that_is_given_up_even_the_slot_is_asked_while_a_person_waits(
    line_of, peer, hand_clock
):
    mute = Mute()
    line = line_of(peer().port, mute, interval_s=60.0)
    for _ in range(10):
        hand_clock.pass_s(60)
        line.step()
    mute.mended = True
    hand_clock.pass_s(59)
    line.poller.questions.put(NAME)
    line.step()
    hand_clock.pass_s(1)

    assert line.poller._sensors[0].back_off.holds(hand_clock.mono)
    assert brief(line.step())[0][1] == 3


def test_questions_in_vain_do_not_put_the_next_slot_off(line_of, peer, hand_clock):
    mute = Mute()
    line = line_of(peer().port, mute)
    hand_clock.pass_s(60)
    for _ in range(9):
        line.poller.questions.put(NAME)
        line.step()
    assert read_of(line)["vwc"] == "timeout"
    mute.mended = True
    hand_clock.pass_s(until_slot(hand_clock))

    assert brief(line.step())[0][1] == 3


class Slow:
    """Measures for a while, in which others may be asked."""

    identity = None

    def poll(self):
        yield Wait(20, others=True)
        return [Reading("vwc", Decimal(3))]


@pytest.mark.parametrize(("asked_after_s", "waited_s", "value"), [(10, 10, 3), (0, 15, "scanned")])
def test_a_poll_under_way_ends_before_the_port_is_given_up_or_is_given_up_in_time(
    line_of, peer, hand_clock, asked_after_s, waited_s, value
):
    line = line_of(peer().port, Slow(), interval_s=60.0)
    hand_clock.pass_s(60)
    line.step()
    hand_clock.pass_s(asked_after_s)
    assert not line.poller.settles("scanned")
    hand_clock.pass_s(waited_s)
    line.poller.step()

    assert line.poller.settles("scanned")
    assert brief(line.poller.take())[0][1] == value


def test_nothing_new_begins_while_the_port_is_wanted(line_of, peer, hand_clock):
    line = line_of(peer().port, Slow(), interval_s=60.0)
    assert line.poller.settles("being scanned")
    hand_clock.pass_s(60)
    line.step()
    assert line.poller.settles("being scanned")
    line.poller.go_on()
    line.step()

    assert not line.poller.settles("being scanned")


def test_with_the_port_away_the_question_is_answered_with_that(line_of, tmp_path):
    line = line_of(str(tmp_path / "ttyUSB7"))
    line.poller.questions.put(NAME)
    line.step()

    told = line.poller.questions.newest(NAME)
    assert told.readings == ()
    assert "ttyUSB7: not there" in told.reason


class Gauge:
    """Hands over what fell since it was last asked."""

    identity = None

    def __init__(self):
        self.fell = Decimal(0)

    def poll(self):
        given, self.fell = self.fell, Decimal(0)
        return [Reading("rain", given)]
        yield


def test_what_a_gauge_hands_over_to_a_person_is_in_the_next_observation(line_of, peer, hand_clock):
    gauge = Gauge()
    rain = model_of(field_of("rain", Statistic.SUM, "mm", "0.001"))
    line = line_of(peer().port, gauge, rain)
    seen = []
    for fell, asked in (("0.2", True), ("0.4", False), ("0.1", True), ("0.3", True)):
        hand_clock.pass_s(200)
        gauge.fell += Decimal(fell)
        if asked:
            line.poller.questions.put(NAME)
        seen += line.step()
    hand_clock.pass_s(until_slot(hand_clock))
    seen += line.step()

    assert sum(one.value for one in seen if one.value is not None) == Decimal("1.0")


def test_a_talker_is_not_asked_but_what_it_said_last_is_told(peer, hand_clock, log):
    device = peer()
    ear = Ear(device.port, hand_clock, log, interval_s=600.0)
    try:
        ear.hear(device, salt(0, 5))
        said_ms = hand_clock.mono
        hand_clock.pass_s(3)
        told = ear.listener.heard("dune-1/salt-1")
        hand_clock.pass_s(10)
        later = ear.listener.heard("dune-1/salt-1")
    finally:
        ear.link.close()

    assert (told.mono_ms, told.reason) == (said_ms, "")
    assert Reading("count", Decimal(5)) in told.readings
    assert (later.readings, later.reason) == ((), "no line that can be read")


def test_a_question_is_put_once_and_only_what_was_asked_is_answered():
    questions = Questions()
    questions.put("a/b")
    questions.put("a/b")
    questions.answer("a/c", Answer(1, reason="nobody asked"))

    assert questions.waiting() == ["a/b"]
    assert questions.newest("a/c") is None
    questions.answer("a/b", Answer(2, reason="timeout"))
    assert (questions.waiting(), questions.newest("a/b")) == ([], Answer(2, reason="timeout"))
