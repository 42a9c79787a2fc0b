"""Faults between the devices and the gateway."""

import re
from decimal import Decimal

import pytest

from firmware_sim.devices.base import Answer, Send
from firmware_sim.devices.talker import xor_text
from firmware_sim.line import Faults, FaultyLine
from firmware_sim.physics.chance import Dice

NOW = 1_795_000_000.0
ANSWER = Answer("dune-1/soil", "answer")
REPLY = Send(0.1, b"0+3.14\r\n", ANSWER)


class Parrot:
    """A bus that answers everything with the same reply."""

    def __init__(self):
        self.heard = []

    def receive(self, data, now):
        self.heard.append(data)
        return [REPLY]

    def wake_at(self, now):
        return now + 1.0

    def wake(self, now):
        return [REPLY]


@pytest.fixture
def parrot():
    return Parrot()


@pytest.fixture
def behind(parrot):
    return lambda **faults: FaultyLine(parrot, Faults(**faults), Dice(1, "faults bus"))


def test_without_faults_all_passes(behind):
    line = behind()
    assert line.receive(b"0D0!", NOW) == [REPLY] == line.receive(b"0D0!", NOW)
    assert line.wake_at(NOW) == NOW + 1.0
    assert not Faults().any()


def test_a_dropped_message_never_goes_out(behind):
    assert behind(drop=1.0).receive(b"0D0!", NOW) == []


def test_a_corrupt_message_differs_in_one_bit_and_is_no_answer(behind):
    (send,) = behind(corrupt=1.0).receive(b"0D0!", NOW)
    changed = [a ^ b for a, b in zip(send.data, REPLY.data, strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0].bit_count() == 1
    assert send.answer is None


def test_an_echo_comes_before_the_reply(behind):
    assert behind(echo=1.0).receive(b"0D0!", NOW) == [Send(0.0, b"0D0!"), REPLY]


def test_a_split_message_is_an_answer_with_its_second_half(behind):
    first, second = behind(split=1.0, pause_s=0.5).receive(b"0D0!", NOW)
    assert first.data + second.data == REPLY.data
    assert (first.answer, second.answer) == (None, ANSWER)
    assert second.delay_s == first.delay_s + 0.5


def test_a_delayed_message_comes_late(behind):
    (send,) = behind(delay=1.0, delay_s=3.0).receive(b"0D0!", NOW)
    assert send == REPLY._replace(delay_s=REPLY.delay_s + 3.0)


def test_garbage_comes_before_the_message(behind):
    (send,) = behind(garbage=1.0).receive(b"0D0!", NOW)
    assert send.data.endswith(REPLY.data)
    assert 1 <= len(send.data) - len(REPLY.data) <= 4


def test_a_dead_line_neither_hears_nor_speaks_until_it_is_over(behind, parrot):
    line = behind(silence=1.0, silence_s=30.0)
    assert line.receive(b"0!", NOW) == []
    assert line.receive(b"1!", NOW + 29.0) == []
    assert line.wake(NOW + 29.5) == []
    line.receive(b"2!", NOW + 60.1)
    assert parrot.heard == [b"0!", b"2!"]


def test_faults_strike_as_often_as_they_should_and_the_same_way_each_time(behind):
    def strikes():
        line = behind(drop=0.25)
        return [line.receive(b"0!", NOW) == [] for _ in range(2000)]

    first = strikes()
    assert first == strikes()
    assert 430 < sum(first) < 570


@pytest.mark.parametrize(
    "name", ["drop", "corrupt", "echo", "split", "delay", "garbage", "silence"]
)
def test_each_fault_counts_as_one(name):
    assert Faults(**{name: 0.1}).any()


def test_a_truncated_message_breaks_off_and_is_no_answer(behind):
    (send,) = behind(truncate=1.0).receive(b"0D0!", NOW)

    assert REPLY.data.startswith(send.data)
    assert len(send.data) < len(REPLY.data)
    assert send.answer is None


def test_stray_bytes_can_come_behind_a_message_too(behind):
    (send,) = behind(trail=1.0).receive(b"0D0!", NOW)

    assert send.data.startswith(REPLY.data)
    assert 1 <= len(send.data) - len(REPLY.data) <= 4
    assert send.answer is ANSWER


def test_two_that_speak_at_once_are_mixed_byte_by_byte(behind, parrot):
    parrot.wake = lambda now: [REPLY, Send(0.1, b"abc", ANSWER), REPLY]

    mixed, third = behind(collide=1.0).wake(NOW)
    assert mixed.data == b"0a+b3c.14\r\n"
    assert mixed.answer is None
    assert third == REPLY


class Talker(Parrot):
    """Says a sentence with another number each time."""

    number = 0

    def wake(self, now):
        self.number += 1
        body = f"WIMWV,{self.number},R,5.4,M,A"
        data = f"${body}*{xor_text(body.encode())}\r\n".encode()
        return [Send(0.0, data, Answer("mast", "line", {"number": Decimal(self.number)}))]


def heard(stream):
    """Read what a listener rightly can: sentences whose checksum holds, each ended by CR or LF."""
    lines = (one[max(one.rfind(b"$"), 0) :] for one in re.split(rb"[\r\n]", stream)[:-1])
    sentence = re.compile(rb"\$(WIMWV,(\d+),R,5\.4,M,A)\*([0-9A-Fa-f]{2})")
    found = (sentence.fullmatch(one) for one in lines)
    return [int(one[2]) for one in found if one and int(one[3], 16) == xor(one[1])]


def xor(body):
    return int(xor_text(body), 16)


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_of_a_noisy_line_is_what_can_rightly_be_read(seed):
    faults = Faults(corrupt=0.4, truncate=0.3, garbage=0.3, trail=0.3, split=0.2, drop=0.1)
    line = FaultyLine(Talker(), faults, Dice(seed, "faults bus"))
    sends = [send for _ in range(3000) for send in line.wake(NOW)]

    told = [int(one.answer.values["number"]) for one in sends if one.answer]
    assert heard(b"".join(one.data for one in sends)) == told
    assert 800 < len(told) < 2700


@pytest.mark.parametrize(
    ("at", "mask", "is_said"),
    [(-1, 1, True), (-2, 1, False), (-3, 32, True), (-3, 1, False), (9, 1, False)],
)
def test_a_line_of_which_only_the_end_is_spoilt_is_still_said(
    behind, monkeypatch, at, mask, is_said
):
    """CR ends a line by itself; `*2a` is `*2A`."""
    line = FaultyLine(Talker(), Faults(corrupt=1.0), Dice(1, "faults bus"))

    def spoil(data):
        spoilt = bytearray(data)
        spoilt[at] ^= mask
        return bytes(spoilt)

    monkeypatch.setattr(line, "_turn_a_bit", spoil)
    for _ in range(40):
        (send,) = line.wake(NOW)
        letter = send.data.rstrip(b"\x0b\n\r\x0c")[-1:]
        if at != -3 or letter.isalpha() or mask == 1:
            assert (send.answer is not None) is is_said
