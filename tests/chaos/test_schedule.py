"""Schedules: drawn from a seed, the same each time, and such that they can be carried out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos import plan
from benchmarks.chaos_suite.schedule import (
    BROKER,
    DATABASE,
    Fault,
    Kind,
    Profile,
    Schedule,
    Timed,
    draw,
)

SEEDS = st.integers(min_value=0, max_value=2**31)
PROFILES = st.sampled_from(Profile)


@given(SEEDS, PROFILES)
def test_a_seed_gives_the_same_schedule_each_time(seed, profile):
    assert draw(seed, profile, 8.0) == draw(seed, profile, 8.0)


def test_seeds_give_different_schedules():
    drawn = {str(draw(seed, Profile.FULL, 8.0).faults) for seed in range(50)}

    assert len(drawn) == 50


@given(SEEDS, PROFILES, st.floats(min_value=1, max_value=60))
def test_no_place_suffers_two_faults_at_once(seed, profile, seconds):
    busy = {}
    for one in draw(seed, profile, seconds).faults:
        assert one.at_s >= busy.get(one.fault.place, 0)
        busy[one.fault.place] = one.until_s


@given(SEEDS, PROFILES)
def test_events_come_in_order_and_end_in_time(seed, profile):
    instants = [at_s for at_s, _, _ in draw(seed, profile, 8.0).events()]

    assert instants == sorted(instants)
    assert all(0 <= at_s < 8.0 for at_s in instants)


@given(SEEDS)
def test_the_embedded_profile_has_no_services_to_strike(seed):
    targets = {one.fault.target for one in draw(seed, Profile.EMBEDDED, 30.0).faults}

    assert not targets & {BROKER, DATABASE}


def test_every_kind_of_fault_is_drawn_sooner_or_later():
    drawn = [one.fault for seed in range(40) for one in draw(seed, Profile.FULL, 10.0).faults]

    assert {fault.kind for fault in drawn} == set(Kind)
    assert {BROKER, DATABASE} < {fault.target for fault in drawn}


def test_a_fault_is_undone_after_its_time_unless_the_end_comes_first():
    kill = Fault(Kind.KILL, "server", 1.5)
    late = Fault(Kind.CUT, "chaos-dune", 3.0)
    hostile = Fault(Kind.HOSTILE, "chaos-dune", 0.0)
    timed = (Timed(1.0, kill), Timed(2.0, hostile), Timed(6.0, late))

    assert list(Schedule(1, Profile.EMBEDDED, 8.0, timed).events()) == [
        (1.0, True, kill),
        (2.0, True, hostile),
        (2.5, False, kill),
        (6.0, True, late),
    ]


@pytest.mark.parametrize("profile", ["both", "embedded", "full"])
def test_a_run_can_be_repeated_alone_by_its_seed(profile):
    for schedule in plan(1000, 6, profile, 8.0):
        assert plan(schedule.seed, 1, profile, 8.0) == [schedule]
        assert plan(schedule.seed, 1, schedule.profile, 8.0) == [schedule]


def test_both_profiles_alternate():
    profiles = [one.profile for one in plan(10, 4, "both", 8.0)]

    assert profiles == [Profile.EMBEDDED, Profile.FULL] * 2
