"""What `saxaul-gateway outbox` shows."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from gateway.errors import StoreError
from gateway.outbox import Outbox, report
from wire.batch import Sample
from wire.messages import Refusal
from wire.quality import Flag

NAME = "dune-1/soil-10cm/vwc_raw"


@pytest.fixture
def filled(hand, outbox_of, observe):
    """Two batches, the second refused, and one observation not sealed."""
    hand.synchronised = True
    outbox = outbox_of(hand)
    for second in (0, 10):
        outbox.append([observe(1_000_000 + second * 1000, f"{second}.5")])
        outbox.seal()
    outbox.refuse([Refusal(seq=2, reason="unknown unit 'furlong'")])
    outbox.append([observe(1_020_000, None, reason="timeout")])
    return outbox


def test_it_reads_while_a_gateway_writes(filled, tmp_path):
    found = report.read(tmp_path, newest=10)
    assert (found.epoch, found.sealed, found.pending) == ("00c0ffee", 2, 1)
    assert found.states == {"unconfirmed": 1, "refused": 1}
    assert [one.seq for one in found.newest] == [2, 1]
    assert found.values == {NAME: Sample(1_767_225_620_000, None, Flag.MISSING, "timeout")}


def test_it_reads_after_the_gateway_has_ended(filled, tmp_path):
    filled.close()
    assert report.read(tmp_path, newest=1).newest[0].seq == 2


def test_it_lists_as_many_batches_as_asked(filled, tmp_path):
    assert len(report.read(tmp_path, newest=1).newest) == 1


def test_the_last_value_is_the_newest_by_time(hand, outbox_of, tmp_path):
    outbox = outbox_of(hand)
    for second in (7, 3):
        outbox.append_stamped([(NAME, Sample(second * 1000, Decimal(second)))])
        outbox.seal()
    assert report.read(tmp_path, 1).values[NAME].value == 7


def test_of_large_batches_only_the_newest_are_looked_into(hand, outbox_of, tmp_path, monkeypatch):
    """A month of days by the minute would take the technician's Pi minutes to read."""
    monkeypatch.setattr(report, "_ENOUGH", 3)
    outbox = outbox_of(hand)
    for name, count in (("a/b/c", 1), ("a/b/d", 2), ("a/b/e", 2)):
        outbox.append_stamped([(name, Sample(n, Decimal(n))) for n in range(count)])
        outbox.seal()

    assert report.read(tmp_path, 1).values.keys() == {"a/b/d", "a/b/e"}


def test_a_person_can_read_it(filled, tmp_path):
    out = io.StringIO()
    report.show(report.read(tmp_path, 10), Console(file=out, width=140))
    text = out.getvalue()
    assert "2 batches sealed (1 unconfirmed, 1 refused, 0 confirmed and kept)" in text
    assert "1 observations not sealed yet" in text
    assert "unknown unit 'furlong'" in text
    assert "2026-01-01 00:00:20" in text
    assert "timeout" in text


def test_reasons_are_shown_as_they_are(hand, outbox_of, tmp_path):
    """Square brackets are markup to what prints the tables, and a wrong tag ends the program."""
    outbox = outbox_of(hand)
    outbox.append_stamped([(NAME, Sample(1000, None, Flag.MISSING, "answer [/1+2]"))])
    outbox.seal()
    outbox.refuse([Refusal(seq=1, reason="unknown unit '[furlong]'")])
    out = io.StringIO()
    report.show(report.read(tmp_path, 10), Console(file=out, width=200))
    assert "unknown unit '[furlong]'" in out.getvalue()
    assert "answer [/1+2]" in out.getvalue()


def test_without_an_outbox_it_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match="no outbox is there yet; start the gateway once"):
        report.read(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_is_lost_dropped_or_was_damaged_is_said_first(hand, clock_of, tmp_path):
    (tmp_path / "outbox.db").write_bytes(b"no database" * 100)
    hand.synchronised = True
    with Outbox(tmp_path, clock_of(hand), 60) as outbox:
        outbox.append_stamped([(NAME, Sample(1_767_225_620_000, Decimal(1)))])
        outbox.seal()
        outbox.prune(max_bytes=1)
        outbox.count_dropped(3)
        outbox.count_dropped(4)
    out = io.StringIO()
    report.show(report.read(tmp_path, 10), Console(file=out, width=140))
    text = out.getvalue()
    assert "Lost: 1 observations in 1 batches, measured between 2026-01-01 00:00:20" in text
    assert "Dropped: 7 observations" in text
    assert "was set aside as outbox.damaged-20260101T000000Z.db (file is not a database)" in text
