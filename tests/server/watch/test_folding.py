"""Folding in leaps gives what folding sample by sample does."""

from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.alerts.condition import Side
from server.alerts.machine import Machine, fold
from server.watch.folding import fold_long
from tests.server.alerts.lazy import samples_of
from tests.server.alerts.stories import CONDITIONS
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from wire.quality import Flag, pack

VALUES = (0.05, 0.15, 0.3, 0.4, 0.5, 0.55, 0.6, 0.8, None)
conditions = st.sampled_from(sorted(CONDITIONS)).flatmap(
    lambda name: st.sampled_from(
        [
            CONDITIONS[name],
            replace(CONDITIONS[name], min_share=0.0, interval_ms=HOUR_MS // 2),
            replace(CONDITIONS[name], on_delay_ms=40 * HOUR_MS, off_delay_ms=30 * HOUR_MS),
        ]
    )
)
runs = st.lists(
    st.tuples(st.sampled_from(VALUES), st.integers(1, 100), st.sampled_from([1, 1, 2, 4])),
    min_size=1,
    max_size=12,
)


def rows(given_runs):
    found, time_ms = [], START_MS + 25 * 24 * HOUR_MS
    for value, count, hours in given_runs:
        for _ in range(count):
            time_ms += hours * HOUR_MS
            quality = pack(Flag.MISSING if value is None else Flag.PASS)
            found.append(Row(time_ms, value, quality))
    return found


@settings(deadline=None)
@example(  # a gap in the middle of what is pending
    condition=replace(CONDITIONS["rule"], on_delay_ms=40 * HOUR_MS),
    given_runs=[(0.8, 3, 1), (0.4, 5, 1), (0.4, 1, 4), (0.4, 40, 1)],
    cut=0,
)
@given(condition=conditions, given_runs=runs, cut=st.integers(0, 600))
def test_it_is_the_fold(condition, given_runs, cut):
    whole = rows(given_runs)

    machine, made = fold_long(condition, Machine(), samples_of(whole[:cut]))
    machine, more = fold_long(condition, machine, samples_of(whole))

    expected, transitions = fold(condition, Machine(), samples_of(whole))
    assert [*made, *more] == transitions
    assert machine == expected


def test_what_is_above_a_line_is_folded_alike():
    condition = replace(
        CONDITIONS["rule"],
        side=Side.ABOVE,
        levels=tuple(
            replace(one, threshold=-one.threshold, leave=-one.leave)
            for one in CONDITIONS["rule"].levels
        ),
    )
    values = [-0.8] * 200 + [-0.4] * 30 + [-0.05] * 90 + [-0.8] * 20
    samples = samples_of(
        [Row(START_MS + at * HOUR_MS, value, 1) for at, value in enumerate(values)]
    )

    assert fold_long(condition, Machine(), samples) == fold(condition, Machine(), samples)
    assert len(fold_long(condition, Machine(), samples)[1]) == 3
