"""Property tests: the fold against brute force, in any pieces, and through a database's life."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.alerts.condition import Condition, Level, Season, Severity, Side
from server.alerts.machine import Machine, fold, machine_from_json, to_json
from server.alerts.samples import Samples
from tests.server.alerts.lazy import LazyWatch, samples_of
from tests.server.alerts.oracle import of, verdicts
from tests.server.alerts.timeline import FLAGS, HOUR_MS, Row

MINUTE_MS = 60_000
MAY_31_EVENING_MS = 1_780_272_000_000 - 20 * HOUR_MS
TEN_MS = 10 * MINUTE_MS
GOOD = (1, FLAGS["unevaluated"])
BAD = (FLAGS["suspect"], FLAGS["failed"], FLAGS["clock-unknown"], FLAGS["future"])


@st.composite
def conditions(draw):
    """Conditions with levels on few values, so that samples fall on the lines and between them."""
    side = draw(st.sampled_from(Side))
    severities = sorted(draw(st.sets(st.sampled_from(list(Severity)[1:]), min_size=1)))
    lines = sorted(draw(st.lists(st.integers(0, 8), min_size=6, max_size=6)), reverse=True)
    sign = 1 if side is Side.BELOW else -1
    levels = tuple(
        # leave of the milder, its threshold, leave of the more severe, ...: never crossing
        Level(severity, sign * (lines[2 * at + 1] - at), sign * (lines[2 * at] - at))
        for at, severity in enumerate(severities)
    )
    return Condition(
        side=side,
        levels=levels,
        interval_ms=draw(st.sampled_from([0, TEN_MS, 2 * TEN_MS])),
        silence_ms=draw(st.sampled_from([3 * TEN_MS, 6 * TEN_MS])),
        on_delay_ms=draw(st.sampled_from([0, TEN_MS, 3 * TEN_MS])),
        off_delay_ms=draw(st.sampled_from([0, 2 * TEN_MS])),
        min_share=draw(st.sampled_from([0.0, 0.75, 1.0])),
        season=draw(
            st.none()
            | st.just(Season(frozenset({5}), "UTC"))
            | st.just(Season(frozenset({6}), "Asia/Shanghai"))
        ),
    )


def rows(most=60):
    """Rows on ten-minute slots of 20 h, about which a month begins; most are good."""
    return st.lists(
        st.builds(
            Row,
            time_ms=st.integers(0, 150).map(
                lambda slot: MAY_31_EVENING_MS + 2 * HOUR_MS + slot * TEN_MS
            ),
            value=st.integers(-9, 9).map(float),
            quality=st.sampled_from([*GOOD * 6, *BAD]),
        )
        | st.builds(
            Row,
            time_ms=st.integers(0, 150).map(
                lambda slot: MAY_31_EVENING_MS + 2 * HOUR_MS + slot * TEN_MS
            ),
            value=st.none(),
            quality=st.just(FLAGS["missing"]),
        ),
        max_size=most,
    )


@st.composite
def runs(draw):
    """Rows that stay for a while where they are: transitions are common."""
    made, slot = [], 0
    for value, length, step in draw(
        st.lists(
            st.tuples(st.integers(-9, 9), st.integers(1, 8), st.sampled_from([1, 1, 1, 2, 4])),
            max_size=14,
        )
    ):
        for _ in range(length):
            quality = draw(st.sampled_from([*GOOD * 4, BAD[0]]))
            made.append(Row(MAY_31_EVENING_MS + slot * TEN_MS, float(value), quality))
            slot += step
    return made


ROWS = runs() | rows()


def unique(some):
    """What a store keeps: the first of each instant."""
    kept = {}
    for row in some:
        kept.setdefault(row.time_ms, row)
    return list(kept.values())


def good_of(some):
    return [
        (row.time_ms, row.value) for row in some if row.value is not None and row.quality in GOOD
    ]


@given(conditions(), ROWS)
def test_fold_says_what_brute_force_says(condition, some):
    some = unique(some)

    _, transitions = fold(condition, Machine(), samples_of(some))

    assert [of(one) for one in transitions] == verdicts(condition, good_of(some))


@given(conditions(), ROWS, st.data())
def test_folding_in_pieces_or_again_is_folding_in_one_go(condition, some, data):
    """Also when the machine is stored and read between, and the pieces overlap."""
    some = sorted(unique(some), key=lambda row: row.time_ms)
    whole = fold(condition, Machine(), samples_of(some))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=6)))
    machine, found = Machine(), []

    for begin, end in zip([0, *cuts], [*cuts, len(some)], strict=True):
        overlap = data.draw(st.integers(0, begin))
        machine = machine_from_json(json.loads(json.dumps(to_json(machine))))
        machine, more = fold(condition, machine, samples_of(some[overlap:end]))
        found += more

    assert (machine, found) == whole
    assert fold(condition, machine, samples_of(some)) == (machine, [])


@given(conditions(), ROWS, st.data())
def test_a_fold_goes_on_from_the_snapshot_of_any_transition(condition, some, data):
    samples = samples_of(unique(some))
    machine, transitions = fold(condition, Machine(), samples)
    if not transitions:
        return
    at = data.draw(st.integers(0, len(transitions) - 1))

    again = fold(condition, transitions[at].machine, samples)

    assert again == (machine, transitions[at + 1 :])


@given(conditions(), ROWS)
def test_samples_that_are_no_evidence_change_nothing(condition, some):
    some = unique(some)
    good = [row for row in some if row.value is not None and row.quality in GOOD]

    assert fold(condition, Machine(), samples_of(some)) == fold(
        condition, Machine(), samples_of(good)
    )


@given(conditions(), ROWS)
def test_transitions_chain_and_never_repeat(condition, some):
    """Each begins at the level where the one before ended, later than it, and changes it."""
    _, transitions = fold(condition, Machine(), samples_of(unique(some)))

    level, at_ms = 0, 0
    for one in transitions:
        assert one.level_from == level != one.level_to
        assert one.at_ms > at_ms
        assert one.began_ms <= one.since_ms <= one.at_ms or one.kind == "ended"
        level, at_ms = one.level_to, one.at_ms


class Life(RuleBasedStateMachine):
    """A watch whose rows come in any order, batching and repetition, with restarts in between."""

    @initialize(condition=conditions())
    def begin(self, condition):
        self.condition = condition
        self.watch = LazyWatch({"rule": condition})
        self.now_ms = MAY_31_EVENING_MS

    @rule(
        steps=st.lists(
            st.tuples(
                st.integers(-9, 9),
                st.sampled_from([*GOOD * 4, *BAD]),
                st.sampled_from([1, 1, 2, 4]),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def new_rows(self, steps):
        some = []
        for value, quality, slots in steps:
            self.now_ms += slots * TEN_MS
            some.append(Row(self.now_ms, float(value), quality))
        self.watch.arrive(some)

    @rule(value=st.integers(-9, 9), count=st.integers(1, 12))
    def rows_that_stay(self, value, count):
        for _ in range(count):
            self.now_ms += TEN_MS
            self.watch.arrive([Row(self.now_ms, float(value), 1)])

    @rule(some=st.lists(st.tuples(st.integers(0, 30), st.integers(-9, 9)), min_size=1, max_size=4))
    def late_rows(self, some):
        self.watch.arrive(
            [Row(self.now_ms - back * TEN_MS, float(value), 1) for back, value in some]
        )

    @rule(back=st.integers(0, 200))
    def again(self, back):
        times = [one for one in self.watch.stored if one >= self.now_ms - back * TEN_MS]
        self.watch.arrive([self.watch.stored[one] for one in times])

    @rule()
    def restart(self):
        self.watch.restart()

    @invariant()
    def the_record_is_that_of_the_rows(self):
        """No transition is missing, none is there twice, and none is there that is not true."""
        if not hasattr(self, "watch"):
            return
        stored = list(self.watch.stored.values())

        current = self.watch.current()

        assert [of(one) for one in current] == verdicts(self.condition, good_of(stored))


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestLife = Life.TestCase


@given(conditions(), ROWS)
def test_what_is_quiet_changes_nothing_that_is_stored(condition, some):
    """A watch to which quiet rows are shown in no way comes to the same record and the same state."""
    watch = LazyWatch({"rule": condition})
    for row in sorted(unique(some), key=lambda row: row.time_ms):
        before = machine_from_json(json.loads(watch.machine))
        folds = watch.folds
        watch.arrive([row])
        if watch.folds == folds:
            after, told = fold(condition, before, watch.samples())
            assert told == []
            assert (after.level, after.since_ms, after.changed_ms) == (
                before.level,
                before.since_ms,
                before.changed_ms,
            )
            assert {run.level for run in after.pending} == {run.level for run in before.pending}


def test_a_late_sample_that_breaks_a_run_short_of_samples_may_complete_the_rest_of_it():
    """Three of five are too few; of the last two of them, alone, none is missing."""
    above = Condition(
        Side.ABOVE, (Level(Severity.NOTICE, 0.0, 0.0),), TEN_MS, 3 * TEN_MS, on_delay_ms=TEN_MS
    )
    watch = LazyWatch({"rule": above})
    end_ms = MAY_31_EVENING_MS + 11 * TEN_MS
    watch.arrive([Row(end_ms - back * TEN_MS, 0.0, 1) for back in (11, 8, 7)])
    watch.arrive([Row(end_ms, -1.0, 1)])
    assert watch.current() == []

    watch.arrive([Row(end_ms - 9 * TEN_MS, -1.0, 1)])

    assert [str(one.kind) for one in watch.current()] == ["raised", "cleared"]


def test_an_empty_fold_changes_nothing():
    none = Samples.of(np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))
    condition = Condition(Side.BELOW, (Level(Severity.WARNING, 1.0, 2.0),), 1000, 5000)

    assert fold(condition, Machine(), none) == (Machine(), [])
