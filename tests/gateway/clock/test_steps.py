"""Wall clocks that are wrong, set and lost: every reading reaches a batch once, at its true time."""

from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import Clock, TimeSources
from gateway.outbox import Outbox
from gateway.readings import Observation
from gateway.sampling.schedule import Schedule, offset_of
from wire.batch import decode
from wire.messages import ClockSource

NAME = "dune-1/soil-10cm/vwc_raw"
MINUTE_MS = 60_000
TRUE_MS = 1_796_104_800_000  # when the machine starts: 2026-12-01T06:00:00Z
YEARS, WEEKS = 3 * 365 * 86_400_000, -14 * 86_400_000


class Site:
    """A gateway that polls once a minute; its wall clock is what happens to it."""

    def __init__(self, folder, wrong_ms):
        self.mono, self.wrong, self.synchronised = 0, wrong_ms, False
        sources = TimeSources(
            lambda: self.mono * 1_000_000,
            lambda: (TRUE_MS + self.mono + self.wrong) * 1_000_000,
            lambda: self.synchronised,
            lambda: None,
        )
        self.clock = Clock("auto", sources, "boot-a")
        self.outbox = Outbox(folder, self.clock, 86_400)
        self.schedule = Schedule(60, 0)
        self.taken = []

    def run(self, minutes):
        """Poll; the value of an observation is the true instant at which it was taken."""
        for _ in range(minutes * 60):
            self.mono += 1000
            for slot_ms in self.schedule.due(self.mono, offset_of(self.clock, self.mono)):
                self.taken.append(TRUE_MS + slot_ms)
                value = Decimal(TRUE_MS + slot_ms)
                self.outbox.append([Observation(NAME, slot_ms, value)])

    def sealed(self):
        """Seal what may go; give the clock, stamp and true instant of each observation sent."""
        while self.outbox.seal():
            pass
        found = []
        for candidate in sorted(self.outbox.unconfirmed(10_000, 0), key=lambda one: one.seq):
            batch = decode(self.outbox.payload(candidate.seq))
            for series in batch.series:
                found += [
                    (batch.clock, sample.time_ms, int(sample.value)) for sample in series.samples()
                ]
        return found


@contextmanager
def site(wrong_ms=0):
    with TemporaryDirectory() as folder:
        one = Site(Path(folder), wrong_ms)
        try:
            yield one
        finally:
            one.outbox.close()


def test_a_clock_two_weeks_behind_that_is_set_after_40_minutes():
    with site(WEEKS) as one:
        one.run(40)
        assert one.sealed() == []  # held: nobody knows the time
        one.wrong, one.synchronised = 0, True
        one.run(5)
        found = one.sealed()

    assert {clock for clock, _, _ in found} == {ClockSource.NTP}
    assert [stamp for _, stamp, _ in found] == [true for _, _, true in found]
    assert [true for _, _, true in found] == one.taken


def test_a_jump_of_three_years_after_the_network_went_is_not_believed():
    with site() as one:
        one.synchronised = True
        one.run(10)
        one.synchronised, one.wrong = False, YEARS
        one.run(10)
        found = one.sealed()

    assert [stamp for _, stamp, _ in found] == [true for _, _, true in found] == one.taken
    assert {stamp % MINUTE_MS for _, stamp, _ in found} == {0}


def test_a_clock_that_never_becomes_known_is_sent_as_unknown_after_the_hold():
    with site(WEEKS) as one:
        one.run(10)
        one.mono += 86_400_000
        found = one.sealed()

    assert {clock for clock, _, _ in found} == {ClockSource.UNKNOWN}
    assert [stamp - true for _, stamp, true in found] == [WEEKS] * len(one.taken)


events = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from(["nothing", "kept", "lost", "set by hand", "seal"]),
        st.sampled_from([YEARS, WEEKS, -1_500, 700, 3_600_000, -90_061_000]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(wrong_ms=st.sampled_from([0, WEEKS, YEARS, -40 * 60_000]), events=events)
def test_however_the_clock_is_set_every_reading_goes_once_at_its_true_time(wrong_ms, events):
    """While it is unknown nothing goes; in the end NTP comes back."""
    with site(wrong_ms) as one:
        found_unknown = []
        for minutes, event, step_ms in events:
            one.run(minutes)
            if event == "kept":
                one.synchronised, one.wrong = True, 0
            elif event == "lost":
                one.synchronised = False
            elif event == "set by hand":
                one.synchronised, one.wrong = False, one.wrong + step_ms
            else:
                found_unknown += [one for one in one.sealed() if one[0] is ClockSource.UNKNOWN]
        one.synchronised, one.wrong = True, 0
        one.run(2)
        found = one.sealed()

    assert found_unknown == []
    assert sorted(true for _, _, true in found) == one.taken
    assert all(abs(stamp - true) <= 500 for _, stamp, true in found)
    stamps = sorted(stamp for _, stamp, _ in found)
    assert len(set(stamps)) == len(stamps)
    gaps = [later - earlier for earlier, later in pairwise(one.taken)]
    assert all(MINUTE_MS // 2 < gap <= MINUTE_MS * 3 // 2 for gap in gaps)
