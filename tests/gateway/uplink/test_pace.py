"""When to seal: small batches while they can leave, a day's worth while they cannot."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbox import Pending
from gateway.uplink.pace import Pace

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def nothing_asked():
    raise AssertionError("the outbox was asked")


def waiting(count, *, enough=30_000):
    return lambda: Pending(count, enough)


def sealed_at(now_ms=0, held=0):
    pace = Pace(MINUTE_MS, now_ms)
    pace.tried(now_ms)
    pace.sealed(now_ms, held)
    return pace


def test_while_batches_can_leave_it_is_time_every_period():
    pace = sealed_at(0)
    assert not pace.due(59_999, can_send=True, ask=nothing_asked)
    assert pace.due(60_000, can_send=True, ask=nothing_asked)


def test_what_an_earlier_run_left_is_sealed_as_soon_as_it_can_leave():
    assert Pace(MINUTE_MS, 5_000).due(5_000, can_send=True, ask=nothing_asked)


def test_while_nothing_can_leave_a_day_is_waited():
    pace = sealed_at(0)
    hours = range(1, 25)
    due = [one for one in hours if pace.due(one * HOUR_MS, can_send=False, ask=waiting(40))]
    assert due == [24]


@pytest.mark.parametrize("enough", [500, 30_000])
def test_what_is_enough_for_a_batch_is_not_kept_waiting(enough):
    """How much that is the outbox knows."""
    short, full = waiting(enough - 1, enough=enough), waiting(enough, enough=enough)
    assert not sealed_at(0).due(MINUTE_MS, can_send=False, ask=short)
    assert sealed_at(0).due(MINUTE_MS, can_send=False, ask=full)


def test_what_is_held_for_a_known_clock_does_not_count():
    """Else a gateway without a clock would seal every minute, and seal nothing."""
    pace = sealed_at(0, held=57_600)
    assert not pace.due(MINUTE_MS, can_send=False, ask=waiting(57_640))
    assert pace.due(2 * MINUTE_MS, can_send=False, ask=waiting(87_600))


def test_the_outbox_is_asked_once_a_period():
    pace = sealed_at(0)
    pace.due(MINUTE_MS, can_send=False, ask=waiting(40))
    assert not pace.due(MINUTE_MS + 59_999, can_send=False, ask=nothing_asked)


def test_when_the_way_is_free_again_what_waited_is_sealed_at_once():
    pace = sealed_at(0)
    pace.due(10 * MINUTE_MS, can_send=False, ask=waiting(400))
    assert pace.due(10 * MINUTE_MS + 1, can_send=True, ask=nothing_asked)


def test_what_failed_is_tried_again_after_a_period():
    pace = sealed_at(0)
    pace.tried(MINUTE_MS)
    assert not pace.due(2 * MINUTE_MS - 1, can_send=True, ask=nothing_asked)
    assert pace.due(2 * MINUTE_MS, can_send=True, ask=nothing_asked)


def test_what_had_to_be_left_behind_goes_on_at_once_if_it_can_leave_or_is_enough():
    pace = sealed_at(0)
    pace.tried(HOUR_MS // 2)
    pace.more()
    assert pace.due(HOUR_MS // 2, can_send=True, ask=nothing_asked)
    assert not pace.due(HOUR_MS // 2, can_send=False, ask=waiting(1_000))
    pace.more()
    assert pace.due(HOUR_MS // 2, can_send=False, ask=waiting(30_000))


def test_what_had_to_be_left_behind_after_a_day_goes_on_at_once():
    pace = sealed_at(0)
    assert pace.due(DAY_MS, can_send=False, ask=nothing_asked)
    pace.tried(DAY_MS)
    pace.more()
    assert pace.due(DAY_MS, can_send=False, ask=nothing_asked)


def test_a_period_longer_than_a_day_is_kept():
    pace = Pace(3 * DAY_MS, 0)
    pace.tried(0)
    pace.sealed(0, 0)
    assert not pace.due(2 * DAY_MS, can_send=False, ask=waiting(40))
    assert pace.due(3 * DAY_MS, can_send=False, ask=waiting(40))


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3_600_000), st.sampled_from([False] * 9 + [True]), st.integers(0, 99)
        ),
        max_size=300,
    )
)
def test_whatever_happens_no_observation_waits_much_longer_than_a_day(steps):
    """Nor does it seal more often than every period."""
    pace, now_ms, count, sealings, oldest_ms = sealed_at(0), 0, 0, [], None
    for ms, can_send, more in steps:
        now_ms, count = now_ms + ms, count + more
        oldest_ms = now_ms if oldest_ms is None and count else oldest_ms
        if pace.due(now_ms, can_send=can_send, ask=waiting(count)):
            pace.tried(now_ms)
            pace.sealed(now_ms, 0)
            sealings.append(now_ms)
            count, oldest_ms = 0, None
        assert oldest_ms is None or now_ms - oldest_ms <= DAY_MS + MINUTE_MS + 3_600_000
    gaps = [later - earlier for earlier, later in pairwise(sealings)]
    assert all(gap >= MINUTE_MS for gap in gaps)
