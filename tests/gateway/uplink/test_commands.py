"""What the gateway answers to a command."""

import pytest
from msgspec import structs

from gateway.errors import StoreError
from gateway.outbox.recall import Recalled
from gateway.uplink.commands import carry_out
from wire.errors import ContractError
from wire.messages import (
    MAX_GONE,
    MAX_RESENT,
    Command,
    CommandResult,
    block_digest,
    decode,
    encode,
)

RESEND = Command(kind="resend", epoch="00c0ffee", ranges=[(1, 9)])


class RecordedOutbox:
    """Notes what was asked of it."""

    epoch = "00c0ffee"

    def __init__(self, answer=Recalled(7, [(3, 4)])):  # noqa: B008 - frozen
        self.answer, self.asked, self.held, self.looks = answer, [], [], 0

    def digests(self, span, limit):
        self.looks += 1
        held = [(seq, bytes([seq % 251])) for seq in self.held if span[0] <= seq <= span[1]]
        return held[:limit]

    def recall(self, wanted, limit):
        self.asked.append((wanted, limit))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def never():
    raise AssertionError("nothing that is under way was asked for")


def test_batches_are_recalled_and_what_is_gone_is_named():
    outbox = RecordedOutbox()

    result = carry_out(encode(RESEND), outbox, never)

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

    result = carry_out(encode(command), outbox, never)

    assert (result.ok, result.gone, outbox.asked) == (False, [], [])
    assert result.reason.startswith(reason)


def test_a_disk_that_fails_makes_nothing_lost():
    result = carry_out(encode(RESEND), RecordedOutbox(StoreError("disk " * 100)), never)

    assert (result.ok, result.gone, len(result.reason)) == (False, [], 200)


def test_an_answer_stays_short():
    gone = [(2 * n, 2 * n) for n in range(1, MAX_GONE + 2)]

    result = carry_out(encode(RESEND), RecordedOutbox(Recalled(0, gone)), never)

    assert result.gone == gone[:MAX_GONE]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"kind":"resend","ranges":[[2,1]]}'])
def test_a_command_that_cannot_be_read_is_a_breach_of_contract(payload):
    with pytest.raises(ContractError):
        carry_out(payload, RecordedOutbox(), never)


def test_with_neither_epoch_nor_ranges_all_that_is_under_way_goes_out_again():
    outbox = RecordedOutbox()

    result = carry_out(encode(Command(kind="resend")), outbox, lambda: 5)

    assert result == CommandResult(kind="resend", ok=True, again=5)
    assert outbox.asked == []


COMPARE = Command(kind="compare", epoch="00c0ffee", ranges=[(1, 50), (90, 99)])


def test_unconfirmed_batches_are_named_by_blocks_of_consecutive_ones():
    outbox = RecordedOutbox()
    outbox.held = [*range(2, 40), 45, 60, 99]

    result = carry_out(encode(COMPARE), outbox, never)

    assert [(first, last) for first, last, _ in result.blocks] == [
        (2, 33), (34, 39), (45, 45), (99, 99)
    ]  # fmt: skip
    assert result.blocks[2][2] == block_digest([bytes([45])])
    assert result.blocks[0][2] == block_digest(bytes([seq]) for seq in range(2, 34))
    assert not result.more
    assert decode(encode(result), CommandResult) == result


def test_of_many_batches_the_lowest_are_named_and_that_there_are_more():
    outbox = RecordedOutbox()
    outbox.held = range(1, 10_000)
    command = Command(kind="compare", epoch="00c0ffee", ranges=[(1, 2**63 - 1)])

    result = carry_out(encode(command), outbox, never)

    assert (len(result.blocks), result.blocks[-1][1], result.more) == (128, 4096, True)
    assert decode(encode(result), CommandResult) == result


def test_a_range_that_is_named_again_and_again_is_looked_at_once():
    """Each look goes through all that is kept: five hundred keep the outbox from its readings."""
    outbox = RecordedOutbox()
    outbox.held = [7]
    ranges = [(1, 1000 - n) for n in range(500)]

    compared = carry_out(encode(structs.replace(COMPARE, ranges=ranges)), outbox, never)
    resent = carry_out(encode(structs.replace(RESEND, ranges=ranges)), outbox, never)

    assert len(compared.blocks) == 1
    assert outbox.looks == 2
    assert outbox.asked == [([(1, 1000)], MAX_RESENT)]
    assert resent.ok


def test_of_another_outbox_nothing_is_compared():
    command = Command(kind="compare", epoch="ffffffff", ranges=[(1, 9)])

    assert carry_out(encode(command), RecordedOutbox(), never).ok is False
