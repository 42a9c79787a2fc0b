"""What is taken in of what the server sends."""

import pytest

from gateway.uplink.inbox import Inbox
from gateway.uplink.window import Window
from wire.messages import Receipt, Refusal, encode

RECEIPT = "saxaul/1/kubuqi-dune/receipt"


class RecordedOutbox:
    """Notes what it was told."""

    epoch = "00c0ffee"

    def __init__(self):
        self.confirmed, self.refused = [], []

    def confirm(self, ranges):
        self.confirmed.append(list(ranges))

    def refuse(self, refusals):
        self.refused.append(list(refusals))


@pytest.fixture
def outbox():
    return RecordedOutbox()


@pytest.fixture
def inbox(outbox, hand, clock_of):
    return Inbox("kubuqi-dune", outbox, Window(), clock_of(hand))


def test_a_receipt_that_names_all_again_and_again_is_worked_through_once(inbox, outbox):
    """Each range goes through all that is kept: of 20,000 the readings would wait for minutes."""
    stored = [(1 + n % 3, 100_000 - n) for n in range(15_000)]

    inbox.take(RECEIPT, encode(Receipt(epoch="00c0ffee", stored=stored)))

    assert outbox.confirmed == [[(1, 100_000)]]


def test_what_was_refused_is_handed_on(inbox, outbox):
    refusal = Refusal(seq=3, reason="unknown unit 'furlong'")

    inbox.take(RECEIPT, encode(Receipt(epoch="00c0ffee", refused=[refusal])))

    assert (outbox.confirmed, outbox.refused) == ([[]], [[refusal]])
