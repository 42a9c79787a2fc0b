"""Series equal what the observations say, whatever has happened to them and however far the worker is."""

import math
from collections import defaultdict
from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.api.series.assembly import Question, assemble
from server.api.series.choice import Level
from server.api.series.known import reading_known
from server.store.reading.series import Span
from tests.server.rollup.brute import EPOCH, at, instant, midnight, statistics
from tests.server.rollup.conftest import DIRECTION, ELSEWHERE, SERIES
from tests.server.rollup.test_any_sequence import BEGIN, HOUR, NOW, Story, deeds, happen

COLUMNS = ("mean", "min", "max", "sum", "last")
DAY = 24 * HOUR
# Within an hour, at its end, at midnight of some zone, and anywhere.
instants = st.one_of(
    st.integers(-2, 62).map(lambda hour: BEGIN + hour * HOUR),
    st.integers(-2, 122).map(lambda half: BEGIN + half * HOUR // 2),
    st.integers(-HOUR, 62 * HOUR).map(lambda offset: BEGIN + offset),
)
spans = st.tuples(instants, instants).filter(lambda ends: ends[0] < ends[1])
questions = st.tuples(
    spans,
    st.sampled_from([10, 25, 2000]),
    st.sampled_from([None, Level.RAW, Level.HOUR, Level.HOUR, Level.DAY, Level.DAY]),
    # Much later, and while hours are still under way.
    st.sampled_from([NOW, BEGIN + 30 * HOUR]),
)


def observations(world):
    """Every observation, by series."""
    with world.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT datastream_id, value, quality, time FROM observation"
        )
        found = defaultdict(list)
        for id_, value, quality, time in rows:
            found[id_].append((time if isinstance(time, int) else instant(time), value, quality))
    return found


def cell(time_ms, answer, zone):
    """The start of the bucket that an instant belongs to."""
    if answer.step_ms == 0:
        return time_ms
    if answer.level is not Level.DAY:
        return time_ms // answer.step_ms * answer.step_ms
    days = answer.step_ms // DAY
    local = at(midnight(time_ms, zone)).astimezone(ZoneInfo(zone)).date()
    back = (local - EPOCH.date()).days % days
    start = midnight(time_ms, zone)
    for _ in range(back):
        start = midnight(start - 1, zone)
    return start


def expected(rows, answer, zone, is_direction):
    span, buckets = answer.question.span, defaultdict(list)
    for row in rows:
        if span.from_ms <= row[0] < span.to_ms:
            buckets[cell(row[0], answer, zone)].append(row)
    return {start: statistics(own, is_direction) for start, own in buckets.items()}


def same(found, wanted, is_direction):
    if wanted is None:
        return math.isnan(found)
    difference = abs(found - wanted)
    if is_direction:
        difference = min(difference, 360 - difference)
    return difference <= 1e-9 * max(1.0, abs(wanted))


def some_stepped(series):
    """Take one of them for a state: only of such a series the last value is read and told."""
    return [replace(one, aggregate="last") if one.id == ELSEWHERE else one for one in series]


def check(answer, world, rows):
    for told in answer.series:
        id_ = told.known.id
        is_direction = id_ == DIRECTION
        wanted = expected(rows[id_], answer, world.zones[id_], is_direction)
        places = dict(enumerate(answer.time_ms.tolist()))
        assert set(wanted) <= set(places.values())
        for index, start in places.items():
            one = wanted.get(start, dict.fromkeys(COLUMNS) | {"n": 0, "n_good": 0})
            for name in ("n", "n_good"):
                assert told.columns.counts[name][index] == one[name], (id_, start, name)
            for name in COLUMNS if told.known.is_stepped else COLUMNS[:-1]:
                column = told.columns.floats[name]
                assert same(column[index], one[name], is_direction and name == "mean"), (
                    id_, start, name, column[index], one[name],
                )  # fmt: skip
        assert told.observed == sum(one["n"] for one in wanted.values())


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(deeds, min_size=1, max_size=6),
    after=st.lists(deeds, max_size=4),
    asked=st.lists(questions, min_size=3, max_size=6),
    series=st.lists(st.sampled_from(SERIES), min_size=1, max_size=3, unique=True),
)
def test_series_equal_what_is_computed_from_the_observations(engine, before, after, asked, series):
    """Of what was there before all rollups are computed, of what came after some are."""
    story = Story(engine)
    for deed in before:
        happen(story, deed)
    story.finish()
    for deed in after:
        happen(story, deed)
    rows = observations(story.world)

    for (from_ms, to_ms), points, level, now in asked:
        question = Question(Span(from_ms, to_ms), points, level)
        with reading_known(engine, 20, series) as opened:
            stepped = replace(opened, known=some_stepped(opened.known))
            answer = assemble(stepped, question, now)

        check(answer, story.world, rows)
        assert len(answer.time_ms) <= points + 1 or level is not None
