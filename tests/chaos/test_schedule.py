"""Schedules: drawn from a seed, the same each time, and such that they can be carried out."""

from hypothesis import given
from hypothesis import strategies as st

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
from benchmarks.chaos_suite.site import GATEWAYS

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
    drawn = [one.fault for seed in range(80) for one in draw(seed, Profile.FULL, 10.0).faults]

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


@given(SEEDS, PROFILES)
def test_each_run_has_its_hostile_payloads(seed, profile):
    """Seven bursts of forty, of which two may fall into one moment: more than 200 remain."""
    kinds = [one.fault.kind for one in draw(seed, profile, 8.0).faults]

    assert kinds.count(Kind.HOSTILE) == 7


@given(SEEDS, PROFILES)
def test_a_backup_is_not_restored_where_something_was_given_up(seed, profile):
    schedule = draw(seed, profile, 8.0)
    if schedule.targets(Kind.RESTORE):
        assert not schedule.tight
        assert not schedule.targets(Kind.SWAP)
        assert not schedule.targets(Kind.FILL) & set(GATEWAYS)


def test_some_outboxes_are_too_small_and_some_clocks_are_believed():
    drawn = [draw(seed, Profile.FULL, 8.0) for seed in range(200)]

    assert 4 < sum(bool(one.tight) for one in drawn) < 40
    assert 20 < sum(bool(one.assumed) for one in drawn) < 160


@given(SEEDS)
def test_a_clock_is_set_wrong_by_weeks_or_years_and_never_by_whole_intervals(seed):
    step_s = Fault(Kind.STEP, "chaos-dune", 1.0, seed).step_s

    assert abs(step_s) > 60
    assert -3 * 366 * 86_400 < step_s < 3 * 366 * 86_400


def test_a_database_server_that_is_down_is_neither_filled_up_nor_copied():
    places = {Fault(kind, DATABASE, 1.0).place for kind in (Kind.KILL, Kind.FILL, Kind.RESTORE)}

    assert places == {DATABASE}
    assert Fault(Kind.FILL, "server", 1.0).place == Fault(Kind.RESTORE, "server", 1.0).place
    assert Fault(Kind.FILL, "server", 1.0).place != Fault(Kind.KILL, "server", 1.0).place
