"""Batches that the server has lost go out again, as far as they are still there."""

import pytest

from gateway.outbox import Outbox
from gateway.outbox.recall import Recalled
from wire.messages import Refusal


@pytest.fixture
def outbox(hand, outbox_of, observe) -> Outbox:
    """Six batches: 1 to 4 confirmed, 5 refused, 6 unconfirmed; 2 is no longer kept."""
    hand.synchronised = True
    opened = outbox_of(hand)
    for _ in range(6):
        opened.append([observe(hand.mono_ms)])
        opened.seal()
        hand.advance(60_000)
    opened.confirm([(2, 2)])
    hand.advance(1000)
    opened.prune(keep_ms=500)
    opened.confirm([(1, 4)])
    opened.refuse([Refusal(seq=5, reason="unknown unit")])
    return opened


def unconfirmed(outbox):
    return sorted(one.seq for one in outbox.unconfirmed(99, 0))


def test_what_is_kept_is_sent_again_and_the_rest_is_named(outbox):
    assert outbox.recall([(1, 3), (5, 5)], 100) == Recalled(again=3, gone=[(2, 2)])
    assert unconfirmed(outbox) == [1, 3, 5, 6]
    assert outbox.figures().refused == 0


def test_a_recalled_batch_is_confirmed_again(outbox):
    outbox.recall([(1, 1)], 100)
    outbox.confirm([(1, 1)])

    assert unconfirmed(outbox) == [6]


def test_what_is_unconfirmed_anyway_is_not_counted(outbox):
    assert outbox.recall([(6, 6)], 100) == Recalled(again=0, gone=[])


def test_what_was_never_sealed_is_neither_sent_nor_gone(outbox):
    assert outbox.recall([(6, 2**63 - 1), (2**63 - 1, 2**63 - 1)], 100) == Recalled(0, [])


def test_no_more_than_the_limit_is_taken(outbox):
    assert outbox.recall([(1, 2), (3, 6)], 3) == Recalled(again=2, gone=[(2, 2)])
    assert unconfirmed(outbox) == [1, 3, 6]
