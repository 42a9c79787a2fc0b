"""A line of talkers."""

import pytest

from firmware_sim.devices.base import Send, Setup
from firmware_sim.devices.talker import TalkerBus, xor_text

FULL_S = 1_795_000_000.0


class Counting:
    setup = Setup("dune-1/counter", model=None, surroundings=None)

    def say(self, second):
        return [Send(0.0, str(second).encode())]


@pytest.fixture
def bus():
    return TalkerBus([Counting()])


def _said(bus, now):
    return [int(send.data) for send in bus.wake(now)]


def test_checksum():
    assert xor_text(b"WIMWV,282,R,0.1,M,A") == "37"


def test_it_speaks_half_a_second_after_each_full_second(bus):
    assert bus.wake_at(FULL_S) == FULL_S + 0.5
    assert _said(bus, FULL_S + 0.4) == []
    assert _said(bus, FULL_S + 0.5) == [FULL_S]
    assert bus.wake_at(FULL_S + 0.5) == FULL_S + 1.5


def test_a_second_is_said_once(bus):
    bus.wake_at(FULL_S)
    assert _said(bus, FULL_S + 0.5) == [FULL_S]
    assert _said(bus, FULL_S + 0.9) == []


def test_seconds_slept_through_are_not_made_up_for(bus):
    bus.wake_at(FULL_S)
    assert _said(bus, FULL_S + 5.7) == [FULL_S + 5]
    assert bus.wake_at(FULL_S + 5.7) == FULL_S + 6.5


def test_it_listens_to_no_one(bus):
    assert bus.receive(b"?!", FULL_S) == []
