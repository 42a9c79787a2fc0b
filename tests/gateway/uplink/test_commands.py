"""What the gateway answers to a command."""

import pytest

from gateway.errors import StoreError
from gateway.outbox.recall import Recalled
from gateway.uplink.commands import carry_out
from wire.errors import ContractError
from wire.messages import MAX_GONE, MAX_RESENT, Command, CommandResult, encode

RESEND = Command(kind="resend", epoch="00c0ffee", ranges=[(1, 9)])


class RecordedOutbox:
    """Notes what was asked of it."""

    epoch = "00c0ffee"

    def __init__(self, answer=Recalled(7, [(3, 4)])):  # noqa: B008 - frozen
        self.answer, self.asked = answer, []

    def recall(self, wanted, limit):
        self.asked.append((wanted, limit))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_batches_are_recalled_and_what_is_gone_is_named():
    outbox = RecordedOutbox()

    result = carry_out(encode(RESEND), outbox)

    assert outbox.asked == [([(1, 9)], MAX_RESENT)]
    assert result == CommandResult(kind="resend", ok=True, epoch="00c0ffee", again=7, gone=[(3, 4)])


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Command(kind="dance"), "this gateway knows no command 'dance'"),
        (Command(kind="resend", epoch="ffffffff", ranges=[(1, 9)]), "another outbox is in use"),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(command, reason):
    outbox = RecordedOutbox()

    result = carry_out(encode(command), outbox)

    assert (result.ok, result.gone, outbox.asked) == (False, [], [])
    assert result.reason.startswith(reason)


def test_a_disk_that_fails_makes_nothing_lost():
    result = carry_out(encode(RESEND), RecordedOutbox(StoreError("disk " * 100)))

    assert (result.ok, result.gone, len(result.reason)) == (False, [], 200)


def test_an_answer_stays_short():
    gone = [(2 * n, 2 * n) for n in range(1, MAX_GONE + 2)]

    result = carry_out(encode(RESEND), RecordedOutbox(Recalled(0, gone)))

    assert result.gone == gone[:MAX_GONE]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"kind":"resend","ranges":[[2,1]]}'])
def test_a_command_that_cannot_be_read_is_a_breach_of_contract(payload):
    with pytest.raises(ContractError):
        carry_out(payload, RecordedOutbox())
