"""What is observed goes into the outbox, or waits until that takes it."""

import sqlite3

from gateway.errors import StoreError
from gateway.recording import Recorder, StopNote, recorder


class RefusingOutbox:
    """An outbox whose disk is full for a while."""

    def __init__(self):
        self.full, self.kept, self.memos, self.dropped = True, [], {}, 0

    def append(self, observations, memos):
        if self.full:
            raise StoreError("outbox.db: database or disk is full")
        self.kept += observations
        self.memos |= {one.datastream: one.memo for one in observations if one.memo} | memos

    def count_dropped(self, count):
        self.dropped += count


def test_observations_wait_in_memory_while_the_disk_refuses_them(observe):
    outbox = RefusingOutbox()
    record = Recorder(outbox)
    record([observe(1)])
    record([observe(2)])
    outbox.full = False
    record([observe(3)])
    assert [one.mono_ms for one in outbox.kept] == [1, 2, 3]
    record([observe(4)])
    assert [one.mono_ms for one in outbox.kept] == [1, 2, 3, 4]


def test_what_waits_is_bounded_and_what_gave_way_is_counted(observe, monkeypatch, capsys):
    monkeypatch.setattr(recorder, "WAITING_LIMIT", 2)
    outbox = RefusingOutbox()
    record = Recorder(outbox)
    record([observe(n) for n in range(5)])
    outbox.full = False
    record([observe(5)])
    assert [one.mono_ms for one in outbox.kept] == [3, 4, 5]
    assert (record.dropped, outbox.dropped) == (3, 3)
    record([observe(6)])
    assert outbox.dropped == 3
    assert "observations_dropped" in capsys.readouterr().out


def test_what_a_full_disk_refuses_to_the_last_is_counted(observe, capsys):
    record = Recorder(RefusingOutbox())
    record([observe(1), observe(2)])
    record.close()
    assert record.dropped == 2
    assert "observations_dropped" in capsys.readouterr().out


def test_an_empty_tick_touches_nothing():
    outbox = RefusingOutbox()
    Recorder(outbox)([])
    assert outbox.kept == []


def test_a_memo_waits_with_the_observations_and_gives_way_to_a_newer_one(observe):
    outbox = RefusingOutbox()
    record = Recorder(outbox)
    record([], {"dune-1/soil-10cm/vwc_raw": "gathered", "dune-1/mast/rain": "gathered"})
    record([observe(1, memo="reported")])
    outbox.full = False
    record([])
    assert outbox.memos == {"dune-1/soil-10cm/vwc_raw": "reported", "dune-1/mast/rain": "gathered"}


def test_a_memo_that_comes_after_an_observation_holds(observe):
    outbox = RefusingOutbox()
    record = Recorder(outbox)
    record([observe(1, memo="reported")])
    record([], {"dune-1/soil-10cm/vwc_raw": "gathered"})
    outbox.full = False
    record([])
    assert outbox.memos == {"dune-1/soil-10cm/vwc_raw": "gathered"}


def test_half_a_surrogate_in_a_reason_keeps_nothing_from_being_written(observe, outbox_of, hand):
    """The outbox writes UTF-8: it would refuse this one, and all that comes behind, for ever."""
    outbox = outbox_of(hand)
    record = Recorder(outbox)
    record([observe(1, None, reason="no ok: \udcff"), observe(2, None, reason="sec: \u00b5")])
    with sqlite3.connect(outbox.path) as db:
        kept = [reason for (reason,) in db.execute("SELECT reason FROM pending ORDER BY id")]
    db.close()

    assert kept == ["no ok: ?", "sec: \u00b5"]


def test_what_a_full_disk_refuses_to_the_last_is_counted_at_the_next_start(observe, tmp_path):
    """The outbox has no room for the count either; a few bytes beside it often have."""
    outbox, note = RefusingOutbox(), StopNote(tmp_path)
    record = Recorder(outbox, note.keep)
    record([observe(1), observe(2)])
    record.close()
    assert outbox.dropped == 0

    StopNote(tmp_path).settle(outbox.count_dropped)

    assert outbox.dropped == 2
    assert not list(tmp_path.iterdir())


def test_a_count_that_cannot_be_taken_yet_stays_noted(tmp_path):
    def refuse(count):
        raise StoreError("outbox.db: database or disk is full")

    outbox, note = RefusingOutbox(), StopNote(tmp_path)
    note.keep(2)
    note.settle(refuse)
    note.settle(outbox.count_dropped)

    assert outbox.dropped == 2


def test_a_note_that_cannot_be_read_is_told_of_and_goes(tmp_path, capsys):
    outbox, note = RefusingOutbox(), StopNote(tmp_path)
    note.keep(2)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"\x00\x00")
    note.settle(outbox.count_dropped)

    assert outbox.dropped == 0
    assert not list(tmp_path.iterdir())
    assert "loss_not_noted" in capsys.readouterr().out
