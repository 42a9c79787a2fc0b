"""The outbox keeps what it was given, in batches numbered without holes, until it is confirmed."""

import random
import sqlite3
from decimal import Decimal
from threading import Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.clock import Clock, TimeSources
from gateway.errors import StoreError
from gateway.outbox import Candidate, Outbox
from gateway.readings import Observation
from wire.batch import Sample, decode
from wire.messages import ClockSource, OutboxFigures, Refusal
from wire.quality import Flag
from wire.topics import EPOCH

NAME = "dune-1/soil-10cm/vwc_raw"
WALL_MS = 1_767_225_600_000


def rows_of(outbox, seq):
    return [row for one in decode(outbox.payload(seq)).series for row in one.samples()]


def test_a_batch_holds_what_was_appended(hand, outbox_of, observe):
    hand.synchronised = True
    outbox = outbox_of(hand)
    outbox.append([observe(1_000_000, "2493.40"), observe(1_010_000, None, reason="timeout")])
    assert outbox.seal() == 2
    assert rows_of(outbox, 1) == [
        Sample(WALL_MS, Decimal("2493.4")),
        Sample(WALL_MS + 10_000, None, Flag.MISSING, "timeout"),
    ]
    assert outbox.seal() == 0


def test_a_day_by_the_minute_is_one_batch_of_bzip2_and_kept_as_it_was_sealed(hand, outbox_of):
    chance = random.Random(1)
    values = [Decimal(chance.randrange(10_000)) / 100 for _ in range(28_800)]
    outbox = outbox_of(hand)
    outbox.append_stamped(
        (f"d-1/s-{n % 20}/x", Sample(WALL_MS + n // 20 * 60_000, v)) for n, v in enumerate(values)
    )
    assert (outbox.seal(), outbox.seal()) == (28_800, 0)
    assert outbox.payload(1).startswith(b"BZh")
    found = {one.name: list(one.samples()) for one in decode(outbox.payload(1)).series}
    assert found == {
        f"d-1/s-{one}/x": [Sample(WALL_MS + n * 60_000, v) for n, v in enumerate(values[one::20])]
        for one in range(20)
    }


def test_an_edge_flag_goes_over(hand, outbox_of, observe):
    hand.synchronised = True
    outbox = outbox_of(hand)
    outbox.append([observe(1_000_000, flag=Flag.SUSPECT)])
    outbox.seal()
    assert rows_of(outbox, 1)[0].flag is Flag.SUSPECT


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+30", "1E-13"])
def test_a_value_no_batch_can_carry_becomes_a_missing_and_stops_nothing(
    hand, outbox_of, observe, value
):
    hand.synchronised = True
    outbox = outbox_of(hand)
    outbox.append([observe(1_000_000, value), observe(1_001_000, "2")])
    outbox.seal()
    missing, present = rows_of(outbox, 1)
    assert (missing.value, missing.reason) == (None, f"value out of range: {value}")
    assert present.value == 2


def test_what_was_appended_survives_a_process_that_ends_at_once(hand, outbox_of, observe):
    """A second connection, as after a crash, sees the rows without any close or flush."""
    outbox_of(hand).append([observe(1_000_000)])
    hand.synchronised = True
    assert outbox_of(hand).seal() == 1


def test_the_epoch_is_the_files_and_stays(hand, outbox_of):
    assert outbox_of(hand).epoch == outbox_of(hand).epoch == "00c0ffee"


def test_a_new_epoch_is_random_and_fits_a_topic(hand, clock_of, tmp_path):
    epochs = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        with Outbox(folder, clock_of(hand), 1) as outbox:
            epochs.add(outbox.epoch)
    assert len(epochs) == 2
    assert all(EPOCH.fullmatch(epoch) for epoch in epochs)


def test_every_commit_is_flushed_to_the_disk(hand, outbox_of):
    database = outbox_of(hand)._db
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_seq_counts_without_holes_even_after_all_batches_are_gone(hand, outbox_of, observe):
    hand.synchronised = True
    outbox = outbox_of(hand)
    for number in (1, 2):
        outbox.append([observe(1_000_000 + number)])
        outbox.seal()
    outbox.confirm([(1, 2)])
    assert outbox.prune(max_bytes=0) == 2
    outbox.append([observe(1_000_003)])
    outbox.seal()
    assert [one.seq for one in outbox.unconfirmed(9, 0)] == [3]


def test_seal_takes_at_most_its_limit_oldest_first(hand, outbox_of, observe):
    hand.synchronised = True
    outbox = outbox_of(hand)
    outbox.append([observe(1_000_000 + n, str(n)) for n in range(5)])
    assert [outbox.seal(2), outbox.seal(2), outbox.seal(2), outbox.seal(2)] == [2, 2, 1, 0]
    assert [row.value for row in rows_of(outbox, 1)] == [0, 1]


# ---------------------------------------------------------------- clock


def test_rows_wait_for_the_clock_and_are_converted_with_the_offset_then_known(
    hand, outbox_of, observe
):
    """A board without a clock of its own starts in 1970 and learns the time a minute later."""
    true_offset_ms, hand.offset_ms = hand.offset_ms, 0
    outbox = outbox_of(hand)
    outbox.append([observe(1_000_000)])
    assert outbox.seal() == 0
    hand.offset_ms, hand.synchronised = true_offset_ms, True
    assert outbox.seal() == 1
    assert decode(outbox.payload(1)).clock is ClockSource.NTP
    assert rows_of(outbox, 1)[0].time_ms == WALL_MS


def test_after_hold_s_rows_go_as_unknown(hand, outbox_of, observe):
    outbox = outbox_of(hand, hold_s=60)
    outbox.append([observe(1_000_000), observe(1_030_000)])
    hand.advance(60_000)
    assert outbox.seal() == 1
    assert decode(outbox.payload(1)).clock is ClockSource.UNKNOWN
    hand.advance(30_000)
    assert outbox.seal() == 1


def test_rows_of_an_earlier_boot_keep_the_time_recorded_then(hand, outbox_of, observe):
    hand.synchronised = True
    outbox_of(hand, "boot-a").append([observe(1_000_000)])
    hand.mono_ms, hand.offset_ms = 5_000, WALL_MS + 999_000
    outbox = outbox_of(hand, "boot-b")
    outbox.append([observe(5_000)])
    assert outbox.seal() == 2
    times = sorted(rows_of(outbox, seq)[0].time_ms for seq in (1, 2))
    assert times == [WALL_MS, WALL_MS + 1_004_000]


def test_rows_taken_under_ntp_go_as_such_when_a_restarted_program_does_not_know_the_clock(
    hand, outbox_of, observe
):
    hand.synchronised = True
    outbox_of(hand).append([observe(1_000_000)])
    hand.synchronised = False
    outbox = outbox_of(hand)
    outbox.append([observe(1_001_000)])
    assert outbox.seal() == 1
    assert decode(outbox.payload(1)).clock is ClockSource.NTP


def test_stamped_values_of_the_past_are_sealed_as_they_are(hand, outbox_of):
    outbox = outbox_of(hand)
    outbox.append_stamped([(NAME, Sample(1_700_000_000_000, Decimal(7)))])
    assert outbox.seal() == 1
    assert rows_of(outbox, 1) == [Sample(1_700_000_000_000, Decimal(7))]


# ---------------------------------------------------------------- batches


@pytest.fixture
def four(hand, outbox_of):
    """An outbox with four batches, whose observations are from 4, 3, 2 and 1 s after 1970."""
    hand.synchronised = True
    outbox = outbox_of(hand)
    for second in (4, 3, 2, 1):
        outbox.append_stamped([(NAME, Sample(second * 1000, Decimal(1)))])
        outbox.seal()
    return outbox


def test_live_batches_come_first_then_the_oldest(four):
    listed = four.unconfirmed(10, live_since_ms=3000)
    assert [(one.seq, one.live) for one in listed] == [(1, True), (2, True), (4, False), (3, False)]


def test_unconfirmed_respects_limit_and_skip(four):
    size = len(four.payload(3))
    assert four.unconfirmed(1, live_since_ms=3000, skip={1, 2, 4}) == [
        Candidate(3, size, live=False)
    ]


def test_confirm_marks_ranges_once(four):
    assert four.confirm([(1, 2), (4, 4)]) == 3
    assert four.confirm([(1, 2)]) == 0
    assert [one.seq for one in four.unconfirmed(10, 0)] == [3]


def test_a_receipt_for_what_was_never_sealed_changes_nothing(four):
    assert four.confirm([(5, 2**63 - 1)]) == 0
    assert four.refuse([Refusal(seq=99, reason="x")]) == 0


def test_a_refused_batch_is_kept_with_its_reason_and_not_listed(four):
    assert four.refuse([Refusal(seq=2, reason="unknown unit 'furlong'")]) == 1
    assert 2 not in [one.seq for one in four.unconfirmed(10, 0)]
    assert four.payload(2) is not None
    found = four._db.execute("SELECT reason FROM batch WHERE seq = 2").fetchone()
    assert found == ("unknown unit 'furlong'",)


def test_of_a_reason_as_long_as_a_book_the_beginning_is_kept(four):
    """Whoever writes receipts must not fill the disk."""
    four.refuse([Refusal(seq=2, reason="x" * 200_000)])
    (kept,) = four._db.execute("SELECT length(reason) FROM batch WHERE seq = 2").fetchone()
    assert kept == 500


def test_refused_can_become_stored_but_stored_never_refused(four):
    four.refuse([Refusal(seq=1, reason="x")])
    assert four.confirm([(1, 2)]) == 2
    assert four.refuse([Refusal(seq=2, reason="x")]) == 0
    assert four.figures().refused == 0


def test_figures(four):
    four.confirm([(1, 1)])
    four.refuse([Refusal(seq=2, reason="x")])
    assert four.figures() == OutboxFigures(epoch="00c0ffee", sealed=4, unconfirmed=2, refused=1)


def test_figures_count_what_gave_way_in_memory(four):
    four.count_dropped(3)
    four.count_dropped(4)
    assert four.figures().dropped == 7


def test_prune_removes_confirmed_batches_by_age(four, hand):
    four.confirm([(1, 1)])
    hand.advance(10_000)
    four.confirm([(2, 2)])
    assert four.prune(keep_ms=9_999) == 1
    assert four.payload(1) is None
    assert four.payload(2) is not None


def test_notes_survive(hand, outbox_of):
    outbox_of(hand).set_meta({"inventory": "{}"})
    assert outbox_of(hand).meta("inventory") == "{}"
    assert outbox_of(hand).meta("other") is None


# ---------------------------------------------------------------- threads, faults


def test_threads_append_while_another_seals(hand, outbox_of, observe):
    hand.synchronised = True
    outbox = outbox_of(hand)

    def bus(first_ms):
        for n in range(50):
            outbox.append([observe(first_ms + n), observe(first_ms + n, "2")])

    threads = [Thread(target=bus, args=(1_000_000 + 1000 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    sealed = 0
    while any(thread.is_alive() for thread in threads):
        sealed += outbox.seal()
    sealed += outbox.seal()
    assert sealed == 400
    assert sum(len(decode(outbox.payload(n + 1))) for n in range(outbox.figures().sealed)) == 400


def test_a_disk_that_refuses_is_told_of_as_such_and_nothing_is_half_done(hand, outbox_of, observe):
    outbox = outbox_of(hand)
    outbox._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(StoreError, match=r"outbox\.db: database or disk is full; check the disk"):
        outbox.append([observe(n) for n in range(5000)])
    assert outbox._db.execute("SELECT count(*) FROM pending").fetchone() == (0,)


def test_another_programs_database_is_left_alone(hand, outbox_of, tmp_path):
    with sqlite3.connect(tmp_path / "outbox.db") as other:
        other.execute("CREATE TABLE weather (x)")
    other.close()
    with pytest.raises(StoreError, match="this is no outbox"):
        outbox_of(hand)


def test_a_file_of_a_newer_program_is_left_alone(hand, outbox_of):
    outbox = outbox_of(hand)
    outbox._db.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="written in format 2, this program reads 1"):
        outbox_of(hand)


def test_a_closed_outbox_says_so_in_its_own_words(hand, outbox_of, observe):
    outbox = outbox_of(hand)
    outbox.close()
    with pytest.raises(StoreError, match="closed"):
        outbox.append([observe(1)])


# ---------------------------------------------------------------- the whole, by chance


class OutboxMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, each observation is in exactly one place, as it was."""

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.synchronised, self.boots, self.mono_ms = False, 0, 1000
        self.expected, self.stored, self.sealed = [], set(), 0
        self.path = Path(self.folder.name)
        self.outbox = self.open()

    def open(self):
        sources = TimeSources(
            lambda: self.mono_ms * 1_000_000,
            lambda: (self.mono_ms + WALL_MS) * 1_000_000,
            lambda: self.synchronised,
        )
        return Outbox(self.path, Clock("auto", sources, f"boot-{self.boots}"), hold_s=5)

    def teardown(self):
        self.outbox.close()
        self.folder.cleanup()

    @rule(count=st.integers(1, 4))
    def append(self, count):
        self.mono_ms += 1000
        values = [Decimal(len(self.expected) + n) for n in range(count)]
        self.outbox.append([Observation(NAME, self.mono_ms, value) for value in values])
        self.expected += values

    @rule(limit=st.integers(1, 3))
    def seal(self, limit):
        self.outbox.seal(limit)

    @rule()
    def toggle_ntp(self):
        self.synchronised = not self.synchronised

    @rule()
    def restart(self):
        self.outbox.close()
        self.outbox = self.open()

    @rule()
    def reboot(self):
        self.boots += 1
        self.restart()

    @rule(first=st.integers(1, 8), more=st.integers(0, 3))
    def confirm(self, first, more):
        self.outbox.confirm([(first, first + more)])
        sealed = self.outbox.figures().sealed
        self.stored |= {seq for seq in range(first, first + more + 1) if seq <= sealed}

    @invariant()
    def each_observation_is_in_one_place(self):
        sealed = self.outbox.figures().sealed
        values = [row.value for seq in range(1, sealed + 1) for row in rows_of(self.outbox, seq)]
        found = self.outbox._db.execute("SELECT value FROM pending").fetchall()
        values += [Decimal(value) for (value,) in found]
        assert sorted(values) == self.expected

    @invariant()
    def only_what_was_confirmed_is_off_the_list(self):
        sealed = self.outbox.figures().sealed
        listed = {one.seq for one in self.outbox.unconfirmed(sealed + 1, 0)}
        assert listed == set(range(1, sealed + 1)) - self.stored


TestOutboxByChance = OutboxMachine.TestCase
TestOutboxByChance.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


def test_a_memo_is_kept_with_its_observation_or_neither(outbox_of, hand, observe):
    outbox = outbox_of(hand)
    outbox.append(
        [observe(1_000, memo='{"reading": "1"}'), observe(2_000, memo='{"reading": "2"}')]
    )
    with pytest.raises(AttributeError):
        outbox.append([observe(3_000, memo='{"reading": "3"}'), None])

    assert outbox.meta("memo:dune-1/soil-10cm/vwc_raw") == '{"reading": "2"}'
    assert outbox.pending().count == 2
