import pytest

from gateway.drivers.conversation import Ask, Wait, hold
from gateway.errors import BusError


def until_end(buffer):
    return len(buffer)


def polite(closed):
    try:
        first = yield Ask(b"a", until_end, 1.0)
        yield Wait(2.0)
        second = yield Ask(b"b", until_end, 1.0)
    finally:
        closed.append(True)
    return first + second


def test_a_conversation_gets_what_each_step_brought_and_gives_its_result():
    answers = {b"a": b"1", b"b": b"2"}
    steps = []

    def do(step):
        steps.append(step)
        return answers[step.request] if isinstance(step, Ask) else b""

    assert hold(polite([]), do) == b"12"
    assert steps == [Ask(b"a", until_end, 1.0), Wait(2.0), Ask(b"b", until_end, 1.0)]


def test_a_failing_port_ends_the_conversation_and_closes_it():
    closed = []

    def do(_):
        raise BusError

    with pytest.raises(BusError):
        hold(polite(closed), do)

    assert closed == [True]
