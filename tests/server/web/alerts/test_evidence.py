"""What is drawn as evidence."""

import pytest

from server.alerts.condition import Level, Severity
from server.alerts.machine import Change
from server.watch.reading import Happened, Lines
from server.web.alerts.evidence import active_spans, hours_shown, level_lines
from server.web.display import display_for

HOUR = 3_600_000


def change(kind, at, since, levels, **values):
    """A change on record, in hours."""
    gone = {"corrected": False, "superseded_at_ms": None} | values
    return Happened(at, Change(kind), at * HOUR, since * HOUR, at * HOUR, *levels, {}, **gone)


def spans(*history):
    found = active_spans(list(history)[::-1])
    return [(one.since / 3600, one.until and one.until / 3600, one.severity) for one in found]


def test_it_was_so_from_where_the_run_began_to_where_the_one_began_that_ended_it():
    assert spans(change("raised", 10, 4, (0, 2)), change("cleared", 30, 24, (2, 0))) == [
        (4, 24, "warning")
    ]


def test_what_lasts_has_no_end_and_changes_its_severity():
    assert spans(change("raised", 10, 4, (0, 2)), change("risen", 20, 14, (2, 3))) == [
        (4, 14, "warning"),
        (14, None, "critical"),
    ]


def test_silence_ends_nothing():
    assert spans(
        change("raised", 10, 4, (0, 2)),
        change("lost", 20, 15, (2, 2)),
        change("found", 30, 30, (2, 2)),
    ) == [(4, None, "warning")]


def test_what_was_taken_back_is_not_drawn():
    gone = {"superseded_at_ms": 99}
    assert spans(change("raised", 10, 4, (0, 2), **gone), change("raised", 12, 6, (0, 1))) == [
        (6, None, "notice")
    ]


@pytest.mark.parametrize(("judged", "count"), [("sample", 1), ("mean", 1), ("rise", 0), ("", 0)])
def test_a_level_is_drawn_where_it_is_a_value_of_the_series(judged, count):
    lines = Lines([1], [Level(Severity.WARNING, 0.5, 0.6)], "1")

    found = level_lines(lines, judged, display_for("relative_extractable_water", "1"))

    assert [(one.value, one.severity) for one in found] == [(50.0, "warning")] * count


@pytest.mark.parametrize(
    ("since", "hours"), [(None, 48), (1000 - 3, 48), (1000 - 72, 144), (0, 2000)]
)
def test_as_much_is_shown_of_what_was_before(since, hours):
    assert hours_shown(None if since is None else since * HOUR, 1000 * HOUR) == hours
