"""What a gateway means to send and has been stored: when to ask, and what to believe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from server.db.engine import writing
from server.db.tables import journal
from server.ingest.receipts import Receipts
from server.ledger.book import Epoch
from server.ledger.compare import Comparable, Comparisons, find_same
from server.ledger.pauses import MAX_REMEMBERED, Pauses
from server.ledger.runs import Fate
from server.ledger.tally import Tally
from wire.messages import Command, block_digest

DUNE = Epoch("dune", "a1b2c3d4")
NOW = 1_767_225_600_000

# Each number of an outbox: what its gateway holds it for, and what is known of it here.
numbers = st.lists(
    st.tuples(
        st.sampled_from(["confirmed", "unconfirmed", "refused", "dropped"]),
        st.sampled_from([None, *Fate]),
    ),
    max_size=60,
)


@given(numbers)
def test_so_many_as_are_counted_are_unconfirmed_there_and_settled_here(pairs):
    """Never more than there are; all of them when nothing else is missing here."""
    # What a gateway cannot send any more it does not count as unconfirmed.
    pairs = [
        (there, here) for there, here in pairs
        if not (there == "unconfirmed" and here in (Fate.LOST, Fate.CARRIED))
    ]  # fmt: skip
    fates = {fate: sum(here is fate for _, here in pairs) for fate in Fate}
    unconfirmed = sum(there == "unconfirmed" for there, _ in pairs)
    tally = Tally(DUNE.name, 0, 0, len(pairs), unconfirmed, 0, fates)

    settled = (Fate.STORED, Fate.REFUSED)
    true = sum(there == "unconfirmed" and here in settled for there, here in pairs)
    missing = [there for there, here in pairs if here in (None, Fate.WAITING)]
    assert tally.unheard_of <= true
    if all(there == "unconfirmed" for there in missing):
        assert tally.unheard_of == true


def found(excess):
    return [Comparable(DUNE, excess, [(1, 600)])]


def test_only_what_no_receipt_tells_is_asked_about():
    comparisons, receipts = Comparisons(), Receipts()
    receipts.add_same(DUNE, [(1, 3)])

    early = comparisons.take(found(3), receipts, 0.0)
    receipts.take_due(0.0)
    crossing = comparisons.take(found(3), receipts, 29.0)
    told = comparisons.take(found(3), receipts, 31.0)

    assert (early, crossing) == (None, None)
    assert told == ("dune", Command(kind="compare", epoch=DUNE.name, ranges=[(1, 600)]))


def test_more_than_is_on_its_way_is_asked_about_at_once():
    comparisons, receipts = Comparisons(), Receipts()
    receipts.add_same(DUNE, [(1, 3)])

    assert comparisons.take(found(4), receipts, 0.0) is not None
    assert comparisons.take(found(4), receipts, 59.0) is None


def test_receipts_rest_while_an_answer_may_come_and_go_out_with_it():
    """Each would let a full window send more of what the answer may spare."""
    receipts = Receipts()
    receipts.hold("dune", 10.0)
    receipts.add_same(DUNE, [(7, 8)])
    receipts.hold("edge", 10.0)
    receipts.add_same(Epoch("edge", DUNE.name), [(1, 1)])
    receipts.hold("edge", 10.0)

    assert [gateway for gateway, _ in receipts.take_due(10.1)] == ["dune"]
    assert receipts.take_due(11.9) == []
    assert [gateway for gateway, _ in receipts.take_due(12.0)] == ["edge"]


@pytest.fixture
def stored(sqlite_engine):
    """Batches 1 to 5 are stored, 3 after other bytes under its number were refused; 6 is refused."""
    seqs = [(n, b"%d" % n, "stored") for n in range(1, 6)]
    seqs += [(3, b"other", "refused"), (6, b"6", "refused")]
    rows = [
        {"gateway": "dune", "epoch": DUNE.name, "topic": "", "seq": seq, "digest": digest,
         "status": status, "received_at": NOW, "payload": b""}
        for seq, digest, status in seqs
    ]  # fmt: skip
    with writing(sqlite_engine) as connection:
        connection.execute(insert(journal), rows)
        yield connection


def block(first, last, **other):
    digests = [other.get(f"n{n}", b"%d" % n) for n in range(first, last + 1)]
    return first, last, block_digest(digests)


def test_blocks_are_the_same_only_when_every_batch_of_them_is(stored):
    blocks = [block(1, 2), block(3, 4), block(5, 6), block(4, 5, n5=b"other"), (5, 1, "0" * 32)]

    assert find_same(stored, DUNE, blocks) == [(1, 2), (3, 4)]
    assert find_same(stored, Epoch("edge", DUNE.name), blocks) == []


def test_what_is_remembered_is_bounded():
    pauses = Pauses()
    for n in range(MAX_REMEMBERED + 5):
        pauses.is_due(Epoch(f"gw-{n}", "e"), None, 0.0)

    assert len(pauses._asked) == MAX_REMEMBERED
