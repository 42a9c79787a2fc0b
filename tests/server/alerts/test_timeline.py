"""The language of timelines itself: a story that is not what happened must fail."""

import pytest

from tests.server.alerts.lazy import LazyWatch
from tests.server.alerts.stories import CONDITIONS
from tests.server.alerts.timeline import FLAGS, HOUR_MS, START_MS, Player, Row, instants, read, rows

DRIES = "10:00-16:00 dry\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (DRIES, "not expected: raised warning"),
        (DRIES + "16:00 expect nothing", "not expected: raised warning"),
        (DRIES + "16:00 expect raised critical since 10:00", "told was: raised warning"),
        (DRIES + "16:00 expect raised warning since 11:00", "told was"),
        (DRIES + "16:00 expect raised warning at 15:00 since 10:00", "told was"),
        (DRIES + "16:00 expect corrected raised warning", "told was"),
        (DRIES + "16:00 expect raised warning\n16:00 expect normal", "it is warning"),
        (
            DRIES + "16:00 expect raised warning\n16:00 expect warning since 09:00",
            "since day 1 10:00",
        ),
        ("15:00 expect raised warning", "nothing was told"),
        ("15:00 expect something else", "is no expectation"),
        ("at noon dry", "is no line of a timeline"),
    ],
)
def test_a_timeline_that_is_not_true_fails(wrong, said):
    with pytest.raises(AssertionError, match=said):
        Player(LazyWatch(CONDITIONS)).play(wrong)


def test_the_first_line_that_fails_is_named():
    with pytest.raises(AssertionError, match="12:00 expect warning"):
        Player(LazyWatch(CONDITIONS)).play("10:00 dry\n12:00 expect warning\n13:00 expect normal")


def test_spans_and_days():
    events = list(read("# a remark\nday 2 10:00-12:00 dry suspect\n11:30 missing", HOUR_MS))

    assert [one.times_ms for one in events] == [
        tuple(START_MS + (24 + hour) * HOUR_MS for hour in (10, 11, 12)),
        (START_MS + 35 * HOUR_MS + 30 * 60_000,),
    ]


def test_rows():
    assert rows((5,), "0.31 suspect") == [Row(5, 0.31, FLAGS["suspect"])]
    assert rows((5, 6), "missing") == [Row(5, None, 9), Row(6, None, 9)]
    assert rows(instants("00:00", 1, HOUR_MS), "dry") == [Row(START_MS, 0.4, 1)]
