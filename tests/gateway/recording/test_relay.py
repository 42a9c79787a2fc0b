"""Nobody who reads a line waits for the disk; what does not fit is counted."""

import re
from threading import Event, Timer

import pytest

from gateway.errors import StoreError
from gateway.recording import Recorder, Relay, StopNote, relay


class StalledOutbox:
    """An outbox whose disk takes its time."""

    def __init__(self):
        self.goes_on, self.is_asked = Event(), Event()
        self.kept, self.memos, self.dropped = [], {}, 0
        self.fault = None

    def append(self, observations, memos):
        self.is_asked.set()
        assert self.goes_on.wait(20)
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.kept += [one.mono_ms for one in observations]
        self.memos |= memos

    def count_dropped(self, count):
        self.dropped += count


@pytest.fixture
def outbox():
    one = StalledOutbox()
    yield one
    one.goes_on.set()


@pytest.fixture
def passing(outbox):
    one = Relay(Recorder(outbox))
    one.start()
    yield one
    outbox.goes_on.set()
    one.stop(20)


def test_what_is_observed_while_the_disk_stalls_is_kept_in_its_order(passing, outbox, observe):
    passing([observe(1)])
    assert outbox.is_asked.wait(20)
    passing([observe(2)])
    passing.keep({"dune-1/mast/rain": "gathered"})
    passing([observe(3)])
    assert outbox.kept == []
    outbox.goes_on.set()
    passing.stop(20)
    assert (outbox.kept, outbox.memos) == ([1, 2, 3], {"dune-1/mast/rain": "gathered"})


def test_what_does_not_fit_is_counted_the_oldest_first(passing, outbox, observe, monkeypatch):
    monkeypatch.setattr(relay, "RELAY_LIMIT", 2)
    passing([observe(0)])
    assert outbox.is_asked.wait(20)
    for number in range(1, 6):
        passing([observe(number)])
    outbox.goes_on.set()
    passing.stop(20)
    assert outbox.kept == [0, 4, 5]
    assert outbox.dropped == 3


def test_what_a_full_disk_refused_is_kept_with_what_comes_next(passing, outbox, observe, until):
    outbox.fault = StoreError("outbox.db: database or disk is full")
    outbox.goes_on.set()
    passing([observe(1)])
    until(lambda: outbox.fault is None)
    passing([observe(2)])
    passing.stop(20)
    assert outbox.kept == [1, 2]


def test_what_a_full_disk_refused_is_tried_again_though_nothing_comes(
    passing, outbox, observe, monkeypatch, until
):
    """The next reading may be an hour away; so long nothing would outlast a power cut."""
    monkeypatch.setattr(relay, "AGAIN_S", 0.01)
    outbox.fault = StoreError("outbox.db: database or disk is full")
    outbox.goes_on.set()
    passing([observe(1)])
    until(lambda: outbox.kept == [1])


def test_a_bug_on_the_way_is_told_of_and_loses_nothing(
    passing, outbox, observe, monkeypatch, until, capsys
):
    monkeypatch.setattr(relay, "RESTART_S", 0.01)
    outbox.fault = ZeroDivisionError()
    outbox.goes_on.set()
    passing([observe(1)])
    until(lambda: outbox.kept == [1])
    assert relay.RELAY_CRASHED in capsys.readouterr().out


def test_a_stop_does_not_wait_for_a_disk_that_stalls(passing, outbox, observe):
    passing([observe(1)])
    assert outbox.is_asked.wait(20)
    passing.stop(0.01)
    assert outbox.kept == []


def test_a_bug_at_the_stop_loses_nothing(passing, outbox, observe):
    outbox.fault = ZeroDivisionError()
    passing([observe(1)])
    assert outbox.is_asked.wait(20)
    Timer(0.2, outbox.goes_on.set).start()
    passing.stop(20)
    assert outbox.kept == [1]


def test_what_comes_after_the_stop_is_handed_on_as_it_comes(passing, outbox, observe):
    outbox.goes_on.set()
    passing.stop(20)
    passing([observe(1)])
    assert outbox.kept == [1]


def test_what_a_stalled_disk_has_not_taken_at_the_stop_is_told(passing, outbox, observe, capsys):
    passing([observe(1)])
    assert outbox.is_asked.wait(20)
    passing([observe(2), observe(3)])
    passing.close(0.01)
    told = capsys.readouterr().out

    assert "observations_dropped" in told
    assert "count=3" in re.sub(r"\x1b\[\d*m", "", told)


def test_nothing_is_told_of_a_stop_that_left_nothing(passing, outbox, observe, capsys):
    outbox.goes_on.set()
    passing([observe(1)])
    passing.close(20)

    assert outbox.kept == [1]
    assert "observations_dropped" not in capsys.readouterr().out


@pytest.fixture
def noting(outbox, tmp_path):
    """A relay whose stop is noted beside the outbox, and that note."""
    note = StopNote(tmp_path)
    one = Relay(Recorder(outbox, note.keep), note.keep)
    one.start()
    yield one, note
    outbox.goes_on.set()
    one.stop(20)


def test_what_a_stop_left_is_counted_at_the_next_start_once(noting, outbox, observe):
    passing, note = noting
    passing([observe(1)])
    assert outbox.is_asked.wait(20)
    passing([observe(2), observe(3)])
    passing.close(0.01)

    note.settle(outbox.count_dropped)
    note.settle(outbox.count_dropped)

    assert outbox.dropped == 3


def test_what_the_disk_takes_after_the_stop_is_not_lost(noting, outbox, observe, until, tmp_path):
    passing, note = noting
    passing([observe(1)])
    assert outbox.is_asked.wait(20)
    passing.close(0.01)
    assert list(tmp_path.iterdir())

    outbox.goes_on.set()
    until(lambda: not list(tmp_path.iterdir()))
    note.settle(outbox.count_dropped)

    assert (outbox.kept, outbox.dropped) == ([1], 0)
