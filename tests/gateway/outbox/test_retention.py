"""What goes when the outbox is too old or too large, and what is counted as lost."""

import random
from decimal import Decimal

import pytest

from gateway.outbox import Budget, Outbox, room
from gateway.outbox.retention import Lost, read_lost, used_bytes
from gateway.outbox.schema import NoRoomError
from wire.batch import Sample
from wire.messages import Refusal

NAME = "dune-1/soil-10cm/vwc_raw"
WALL_MS = 1_767_225_600_000


def fill(outbox, batches, rows=400, seed=1):
    """Seal batches of values that do not compress, about 2.5 KB each, a second apart."""
    chance = random.Random(seed)
    for number in range(batches):
        outbox.append_stamped(
            (NAME, Sample(WALL_MS + number * 1000 + n, Decimal(chance.randrange(10**12))))
            for n in range(rows)
        )
        outbox.seal()


def file_bytes(outbox):
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return outbox.path.stat().st_size


@pytest.fixture
def budgeted(hand, clock_of, tmp_path):
    """An outbox that may use 200 kB."""
    hand.synchronised = True
    with Outbox(tmp_path, clock_of(hand), 60, budget=Budget(max_bytes=200_000)) as outbox:
        yield outbox


def seqs(outbox, state):
    found = outbox._db.execute("SELECT seq FROM batch WHERE state = ? ORDER BY seq", (state,))
    return [seq for (seq,) in found]


def test_a_link_that_never_comes_cannot_fill_the_disk(budgeted):
    fill(budgeted, 300)
    assert file_bytes(budgeted) <= 240_000
    kept = seqs(budgeted, "unconfirmed")
    assert kept == list(range(kept[0], 301))  # the newest, without a hole
    assert kept[0] > 1


def test_what_went_unconfirmed_is_counted_and_dated_and_the_count_survives(
    budgeted, hand, clock_of, tmp_path
):
    fill(budgeted, 100)
    gone = 100 - len(seqs(budgeted, "unconfirmed"))
    assert gone > 0
    budgeted.close()
    with Outbox(tmp_path, clock_of(hand), 60) as again:
        figures = again.figures()
        assert (figures.sealed, figures.lost) == (100, gone)
        assert read_lost(again._db) == Lost(
            gone, gone * 400, WALL_MS, WALL_MS + (gone - 1) * 1000 + 399
        )


def test_confirmed_batches_go_before_unconfirmed_ones(budgeted):
    fill(budgeted, 10)
    budgeted.confirm([(5, 10)])
    fill(budgeted, 36, seed=2)
    assert seqs(budgeted, "unconfirmed")[:4] == [1, 2, 3, 4]
    assert 5 not in seqs(budgeted, "stored")
    assert budgeted.figures().lost == 0


def test_refused_batches_go_before_unconfirmed_ones(budgeted):
    fill(budgeted, 10)
    budgeted.refuse([Refusal(seq=n, reason="x") for n in range(5, 11)])
    fill(budgeted, 36, seed=2)
    assert seqs(budgeted, "unconfirmed")[:4] == [1, 2, 3, 4]
    assert 5 not in seqs(budgeted, "refused")
    assert budgeted.figures().lost == 0


def test_the_oldest_by_observation_go_first(budgeted):
    """A backfill of last year is older than this morning's batch, though it was sealed later."""
    budgeted.append_stamped([(NAME, Sample(WALL_MS + 86_400_000, Decimal(1)))])
    budgeted.seal()
    fill(budgeted, 100)
    assert 1 in seqs(budgeted, "unconfirmed")
    assert budgeted.figures().lost > 0


def test_what_waits_is_kept_while_batches_remain(budgeted):
    fill(budgeted, 40)
    budgeted.append_stamped((NAME, Sample(WALL_MS + n, Decimal(n))) for n in range(1000))
    assert budgeted.prune(max_bytes=110_000) > 0
    assert budgeted._db.execute("SELECT count(*) FROM pending").fetchone() == (1000,)


def test_what_waits_goes_when_no_batch_is_left(hand, clock_of, tmp_path, observe):
    """A clock that is never set holds all back: even that is bounded, and counted."""
    with Outbox(tmp_path, clock_of(hand), 60) as outbox:
        outbox.append([observe(1_000_000 + n) for n in range(6000)])
        assert outbox.prune(max_bytes=used_bytes(outbox._db) - 1) == 5000
        assert read_lost(outbox._db).observations == 5000
        left = outbox._db.execute("SELECT min(mono_ms), count(*) FROM pending").fetchone()
        assert left == (1_005_000, 1000)


def test_a_smaller_budget_gives_the_disk_back(hand, clock_of, tmp_path):
    hand.synchronised = True
    with Outbox(tmp_path, clock_of(hand), 60) as outbox:
        fill(outbox, 300)
        large = file_bytes(outbox)
        outbox.confirm([(1, 300)])
        outbox.prune(max_bytes=100_000)
        assert file_bytes(outbox) < 150_000 < large


def test_within_the_budget_nothing_goes(budgeted):
    fill(budgeted, 10)
    budgeted.confirm([(1, 5)])
    assert budgeted.prune() == 0
    assert len(seqs(budgeted, "stored")) == 5


def test_prune_never_takes_by_age_what_is_unconfirmed_or_refused(budgeted, hand):
    fill(budgeted, 2)
    budgeted.refuse([Refusal(seq=1, reason="x")])
    hand.advance(400 * 86_400_000)
    assert budgeted.prune() == 0


# ---------------------------------------------------------------- the disk itself is short


def test_on_a_disk_that_is_nearly_full_confirmed_batches_make_room_in_the_file(
    budgeted, monkeypatch
):
    fill(budgeted, 40)
    budgeted.confirm([(1, 20)])
    size = file_bytes(budgeted)
    monkeypatch.setattr(room, "free_bytes", lambda _: 0)
    fill(budgeted, 1, seed=2)
    assert seqs(budgeted, "stored") == []
    fill(budgeted, 15, seed=3)  # 40 kB: they fit into what the 20 have left
    assert file_bytes(budgeted) <= size + 3 * 4096
    assert budgeted.figures().lost == 0


def test_a_disk_that_takes_nothing_makes_confirmed_batches_go_and_the_reading_is_kept(
    budgeted, observe, capsys
):
    fill(budgeted, 30)
    budgeted.confirm([(1, 20)])
    pages = budgeted._db.execute("PRAGMA page_count").fetchone()[0]
    budgeted._db.execute(f"PRAGMA max_page_count = {pages}")
    budgeted.append([observe(1_000_000 + n) for n in range(800)])
    assert budgeted.payload(1) is None
    assert len(seqs(budgeted, "unconfirmed")) == 10
    assert "confirmed_batches_dropped_for_room" in capsys.readouterr().out


def test_without_confirmed_batches_a_disk_that_takes_nothing_costs_no_batch(budgeted, observe):
    fill(budgeted, 10)
    pages = budgeted._db.execute("PRAGMA page_count").fetchone()[0]
    budgeted._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(NoRoomError):
        budgeted.append([observe(1_000_000 + n) for n in range(3000)])
    assert len(seqs(budgeted, "unconfirmed")) == 10
    assert budgeted.figures().lost == 0
