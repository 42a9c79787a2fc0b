import errno
import threading

import pytest

from gateway.buses.link import BUS_BACK, BUS_UNAVAILABLE, Link
from gateway.buses.serial_port import Machine, PortSettings, StoppedError
from gateway.drivers.conversation import Ask, Wait, hold
from gateway.errors import BusError


def line_end(buffer):
    return buffer.find(b"\n") + 1


def talk():
    first = yield Ask(b"a", line_end, 5.0)
    yield Wait(0.01)
    second = yield Ask(b"b", line_end, 5.0)
    return first + second


@pytest.fixture
def place(tmp_path):
    """A name under which ports come and go, as /dev/serial/by-id does."""
    path = tmp_path / "usb-adapter"

    def plug(device):
        path.unlink(missing_ok=True)
        path.symlink_to(device.port)

    plug.path = str(path)
    plug.pull = path.unlink
    return plug


@pytest.fixture
def link(place, hand_clock, log):
    stop = threading.Event()
    made = Link(PortSettings(place.path, 9600), hand_clock.mono_ms, stop, log)
    made.stop = stop
    yield made
    made.close()


def events(logged):
    return [entry["event"] for entry in logged]


def test_a_conversation_is_held_over_the_port(link, place, peer):
    place(peer(lambda asked: asked + b"\n"))
    link.ensure_open()

    assert hold(talk(), link.take) == b"a\nb\n"


def test_a_port_that_stays_away_is_said_once_and_tried_with_growing_pauses(
    link, hand_clock, logged
):
    pauses = []
    for _ in range(7):
        assert not link.ensure_open()
        pauses.append(link.pause_s())
        hand_clock.pass_s(link.pause_s())

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert events(logged) == [BUS_UNAVAILABLE]
    assert "not there" in link.last_error


def test_during_the_pause_the_port_is_left_alone(link, place, peer, hand_clock):
    link.ensure_open()
    place(peer())

    assert not link.ensure_open()
    hand_clock.pass_s(1)
    assert link.ensure_open()


def test_a_port_that_comes_back_is_said_once_and_its_pauses_start_anew(
    link, place, peer, hand_clock, logged
):
    for _ in range(3):
        link.ensure_open()
        hand_clock.pass_s(link.pause_s())
    device = peer()
    place(device)

    assert link.ensure_open()
    assert link.read() == b""
    assert (link.last_error, link.openings) == ("", 1)
    device.unplug()
    place.pull()
    assert not link.ensure_open()
    assert link.pause_s() == 1
    assert events(logged) == [BUS_UNAVAILABLE, BUS_BACK, BUS_UNAVAILABLE]


class _Useless:
    """A device that opens and fails on every use, as an adapter half pulled out does."""

    break_condition = False
    in_waiting = 0

    def read(self, size=1):
        raise OSError(errno.EIO, f"cannot read {size}")

    def write(self, data):
        raise OSError(errno.EIO, f"cannot write {data!r}")

    def close(self):
        """Nothing is held."""


def test_a_port_that_opens_and_fails_on_every_use_is_said_once_and_backed_off(
    hand_clock, log, logged
):
    machine = Machine(open=lambda _: _Useless())
    link = Link(PortSettings("p", 9600), hand_clock.mono_ms, threading.Event(), log, machine)
    pauses = []
    for _ in range(7):
        assert link.ensure_open()
        with pytest.raises(BusError):
            link.read()
        pauses.append(link.pause_s())
        hand_clock.pass_s(link.pause_s())

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert events(logged) == [BUS_UNAVAILABLE]
    assert (link.openings, link.last_error != "") == (7, True)


def test_a_port_that_goes_in_a_conversation_raises_and_is_closed(link, place, peer):
    device = peer(lambda asked: asked + b"\n")
    place(device)
    link.ensure_open()
    device.unplug()

    with pytest.raises(BusError):
        hold(talk(), link.take)

    assert not link.is_open


def test_a_port_that_is_away_refuses_at_once(link):
    with pytest.raises(BusError):
        link.read()


def test_a_stop_ends_a_waiting_conversation(link, place, peer):
    def wait():
        yield Wait(60)

    place(peer())
    link.ensure_open()
    link.stop.set()

    with pytest.raises(StoppedError):
        hold(wait(), link.take)
