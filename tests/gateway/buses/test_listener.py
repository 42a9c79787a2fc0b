"""The talking sensors of a bus: real ports, a clock set by hand."""

import threading
from decimal import Decimal

import pytest

from gateway.buses.link import Link
from gateway.buses.listener import LINES_WAITED, Listened, Listener
from gateway.buses.serial_port import PortSettings
from gateway.codecs.checksums import xor_checksum
from gateway.config import SensorSection
from gateway.drivers.talkers import LineTalker
from gateway.sampling.schedule import Schedule
from wire.catalogue import bundled
from wire.quality import Flag

COUNTER = bundled()["Saltation counter, ASCII"]


def salt(number, count, unit=1):
    body = b"SALT,%d,%d,%d,0.0" % (unit, number, count)
    return b"$" + body + b"*%02X\r\n" % xor_checksum(body)


class Ear:
    """A listener with its line, fed one second at a time."""

    def __init__(self, port, clock, log, *names, interval_s=4.0):
        self.clock = clock
        settings = PortSettings(port, 9600, slice_s=0.01)
        self.link = Link(settings, clock.mono_ms, threading.Event(), log)
        sensors = [
            SensorSection(
                id=f"salt-{unit}",
                thing="dune-1",
                model=COUNTER.model,
                address=unit,
                interval_s=interval_s,
            )
            for unit in names or ("1",)
        ]
        self.listener = Listener(
            [
                Listened(
                    one,
                    COUNTER,
                    LineTalker(COUNTER, one.address),
                    Schedule(interval_s, clock.mono_ms() + 1),
                )
                for one in sensors
            ],
            self.link,
            clock,
            log,
        )

    def hear(self, device, data):
        """Take in what the device says, whole, as it comes."""
        before = self.listener.tally.polls
        self.link.ensure_open()
        self.listener.step()
        device.say(data)
        for _ in range(100):
            self.listener.step()
            if self.listener.tally.polls >= before + data.count(b"\n"):
                return
        raise AssertionError("the line was not heard")

    def wait_unread(self, device, data, seconds):
        """Let what the device says stand in the port for a while."""
        self.listener.step()
        device.say(data)
        self.clock.pass_s(seconds)
        self.listener.step()


@pytest.fixture
def ear(hand_clock, log):
    made = []

    def make(port, *names, **options):
        made.append(Ear(port, hand_clock, log, *names, **options))
        return made[-1]

    yield make
    for one in made:
        one.link.close()


def counts(observations):
    """Slots in seconds since the clock's start, with the sum of grains or the reason."""
    return [
        ((one.mono_ms - 1_000_000) / 1000, one.value if one.value is not None else one.reason)
        for one in observations
        if one.datastream.endswith("saltation_count")
    ]


def test_a_window_is_stamped_at_its_end_and_holds_the_lines_before_it(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port)
    hand_clock.pass_s(0.5)
    for number in range(9):
        one.hear(device, salt(number, 10 ** (number % 4)))
        hand_clock.pass_s(1)

    assert counts(one.listener.take()) == [(4.0, Decimal(1111)), (8.0, Decimal(1111))]


def test_a_line_that_arrives_on_the_end_is_of_the_next_window(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port)
    for number in range(9):
        one.hear(device, salt(number, 1 if number < 4 else 5))
        hand_clock.pass_s(1)
    one.listener.step()

    assert counts(one.listener.take()) == [(4.0, Decimal(4)), (8.0, Decimal(20))]


def test_a_window_is_closed_only_a_moment_after_its_end(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port)
    hand_clock.pass_s(4.29)
    one.listener.step()
    assert one.listener.take() == []

    hand_clock.pass_s(0.01)
    one.listener.step()
    assert len(one.listener.take()) == 3


def test_a_window_opened_midway_has_too_few_samples(ear, peer, hand_clock):
    device = peer()
    hand_clock.pass_s(2)
    one = ear(device.port)
    for number in range(3):
        hand_clock.pass_s(1)
        one.hear(device, salt(number, 1))

    assert counts(one.listener.take()) == [(4.0, "too few samples (1 of 4)")]


def test_damaged_lines_are_counted_and_not_used(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port)
    for number in range(4):
        one.hear(device, b"\xff\x00garbage\r\n" + salt(number, 1))
        hand_clock.pass_s(1)
    one.hear(device, b"$SALT,1,4,9,0.0*00\r\n")
    hand_clock.pass_s(0.5)
    one.listener.step()

    assert counts(one.listener.take()) == [(4.0, Decimal(4))]
    assert (one.listener.tally.polls, one.listener.tally.failures) == (9, 5)


def test_two_counters_on_one_line_are_kept_apart(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port, "1", "2")
    for number in range(4):
        one.hear(device, salt(number, 1, unit=1) + salt(number, 7, unit=2))
        hand_clock.pass_s(1)
    hand_clock.pass_s(0.5)
    one.listener.step()

    assert counts(one.listener.take()) == [(4.0, Decimal(4)), (4.0, Decimal(28))]


def test_while_the_port_is_away_windows_end_as_missing(ear, tmp_path, hand_clock):
    one = ear(str(tmp_path / "ttyUSB0"))
    for _ in range(3):
        hand_clock.pass_s(4)
        one.listener.step()
    hand_clock.pass_s(0.5)
    one.listener.step()

    assert counts(one.listener.take()) == [
        (4.0, "port not there"),
        (8.0, "port not there"),
        (12.0, "port not there"),
    ]


def test_a_port_that_is_pulled_is_opened_again_and_the_torn_line_forgotten(
    ear, peer, hand_clock, tmp_path
):
    place = tmp_path / "salt"
    first = peer()
    place.symlink_to(first.port)
    one = ear(str(place))
    one.hear(first, salt(0, 1) + b"$SALT,1,1,")
    first.unplug()
    one.listener.step()
    assert not one.link.is_open
    second = peer()
    place.unlink()
    place.symlink_to(second.port)
    hand_clock.pass_s(1)

    one.hear(second, salt(1, 1))

    assert one.listener.tally.failures == 0


def test_with_the_port_away_it_waits_for_the_next_try(ear, tmp_path):
    one = ear(str(tmp_path / "ttyUSB0"))
    one.listener.step()

    assert 0 < one.listener.idle_s() <= 1.0


def test_with_the_port_open_it_listens_on_at_once(ear, peer):
    one = ear(peer().port)
    one.listener.step()

    assert one.listener.idle_s() == 0


def test_a_window_that_has_just_ended_is_not_lost_when_the_gateway_stops(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port)
    hand_clock.pass_s(0.5)
    for number in range(4):
        one.hear(device, salt(number, 10))
        hand_clock.pass_s(0.9)
    assert one.listener.take() == []

    one.listener.finish("gateway stopped")

    assert counts(one.listener.take()) == [(4.0, Decimal(40))]


def test_giving_up_makes_nothing_of_an_open_window(ear, peer):
    device = peer()
    one = ear(device.port)
    one.hear(device, salt(0, 1))
    one.listener.abandon("gateway fault")
    one.listener.finish("gateway stopped")

    assert one.listener.take() == []


def test_a_window_that_fails_to_close_is_not_tried_again(ear, peer, hand_clock, monkeypatch):
    one = ear(peer().port)
    (listened,) = one.listener._sensors

    def fail(span):
        raise ZeroDivisionError

    monkeypatch.setattr(listened.current, "close", fail)
    hand_clock.pass_s(4.5)
    with pytest.raises(ZeroDivisionError):
        one.listener.step()
    hand_clock.pass_s(4)
    one.listener.step()

    assert counts(one.listener.take()) == [(8.0, "too few samples (0 of 4)")]


def test_lines_that_waited_in_the_port_are_of_no_known_second_and_left_out(
    ear, peer, hand_clock, logged
):
    """The program had no processor for 3 s: the window has too little, the next one is suspect."""
    device = peer()
    one = ear(device.port)
    hand_clock.pass_s(0.5)
    for number in range(2):
        one.hear(device, salt(number, 1))
        hand_clock.pass_s(1)
    one.wait_unread(device, b"".join(salt(number, 100) for number in (2, 3, 4)), 3)
    for number in range(3):
        one.hear(device, salt(5 + number, 10))
        hand_clock.pass_s(1)
    for _ in range(4):
        one.hear(device, salt(8, 1))
        hand_clock.pass_s(1)
    one.listener.step()

    done = [it for it in one.listener.take() if it.datastream.endswith("saltation_count")]
    assert counts(done) == [
        (4.0, "too few samples (2 of 4)"),
        (8.0, Decimal(30)),
        (12.0, Decimal(4)),
    ]
    assert [it.flag for it in done] == [Flag.MISSING, Flag.SUSPECT, Flag.PASS]
    assert [it["for_s"] for it in logged if it["event"] == LINES_WAITED] == [3.0]


def test_lines_that_waited_for_no_more_than_a_moment_are_heard(ear, peer, hand_clock):
    device = peer()
    one = ear(device.port)
    hand_clock.pass_s(0.5)
    for number in range(4):
        one.wait_unread(device, salt(number, 1), 0.4)
        hand_clock.pass_s(0.4)
        one.listener.step()
    hand_clock.pass_s(1)
    one.listener.step()

    (done,) = [it for it in one.listener.take() if it.datastream.endswith("saltation_count")]
    assert (done.value, done.flag) == (Decimal(4), Flag.PASS)
