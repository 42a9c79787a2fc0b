"""A real outbox, recorded below SQLite, opened again after power cuts of all kinds."""

import itertools
from random import Random

import pytest

from benchmarks.chaos_suite.power_cut import fates
from benchmarks.chaos_suite.power_cut.disk import Enter
from benchmarks.chaos_suite.power_cut.experiment import Cut, cut_power, draw, draw_lies
from benchmarks.chaos_suite.power_cut.operations import (
    Create,
    Rename,
    Sync,
    SyncFolder,
    Told,
    Write,
)
from benchmarks.chaos_suite.power_cut.outcome import NOT_OURS, Outcome, Tally
from benchmarks.chaos_suite.power_cut.promises import Finding

STATES = 300


def told(life, name, start=0):
    """How many operations were done when it was first told of, at or after `start`."""
    return next(
        n
        for n in range(start + 1, len(life) + 1)
        if isinstance(life[n - 1], Told) and f'"{name}"' in life[n - 1].text
    )


def everywhere(first, last):
    """Each fate after each of these operations."""
    rng = Random(first)
    return [
        Cut(after, fate, rng.getrandbits(32))
        for after, fate in itertools.product(range(first, last + 1), fates.ALL)
    ]


def test_the_life_that_is_recorded_has_all_that_matters_in_it(life):
    """Else the tests below would not say what they seem to say."""
    log = "outbox.db-wal"
    begun = sum(isinstance(one, Write) and (one.name, one.offset) == (log, 0) for one in life)
    to_the_file = [one for one in life if isinstance(one, Write) and one.name == "outbox.db"]

    assert begun > life.count(Create(log)) == 3  # once anew over what was there
    assert len(to_the_file) > 100
    assert sum(isinstance(one, Rename) for one in life) == 3
    assert sum(isinstance(one, Told) for one in life) > 100


def test_nothing_promised_is_lost_wherever_the_power_is_cut(life, tmp_path):
    tally = cut_power(life, draw(life, 1, STATES), tmp_path)

    assert tally.states == STATES
    assert tally.examples == []


def test_a_cut_while_the_outbox_is_made_leaves_one_that_opens(life, tmp_path):
    tally = cut_power(life, everywhere(0, told(life, "Opened")), tmp_path)

    assert tally.examples == []


def all_but(lost):
    """Everything gets to the disk, but of the files' new names not those that are numbered."""

    def fate(rng, pending):
        renamed = [one for one in pending if isinstance(one, Enter) and one.instead_of]
        return [one for one in pending if one not in renamed or renamed.index(one) not in lost]

    return fate


def test_a_cut_while_names_change_in_a_salvage_leaves_one_outbox_to_go_on_with(life, tmp_path):
    """In whatever order the file system lets them last."""
    renames = [n for n, one in enumerate(life, 1) if isinstance(one, Rename)]
    losses = [set(one) for k in range(4) for one in itertools.combinations(range(3), k)]
    cuts = [
        Cut(after, all_but(lost), seed=0)
        for after, lost in itertools.product(range(renames[0], renames[-1] + 2), losses)
    ]
    tally = cut_power(life, cuts, tmp_path)

    assert tally.examples == []


def test_a_disk_that_forgets_what_it_synced_does_not_stop_the_gateway(life, tmp_path):
    tally = cut_power(life, draw_lies(life, 1, 40), tmp_path, NOT_OURS)

    assert tally.examples == []
    assert tally.counts["lost"] > 0
    assert tally.counts["renumbered"] > 0


@pytest.mark.parametrize(
    ("missing", "kind"),
    [(Sync("outbox.db-wal"), "lost"), (Sync("outbox.db"), "lost"), (SyncFolder(), "lost")],
    ids=["log", "file", "folder"],
)
def test_an_outbox_that_did_not_sync_would_be_found_out(life, tmp_path, missing, kind):
    careless = [one for one in life if one != missing]
    tally = cut_power(careless, draw(careless, 1, 40), tmp_path)

    assert tally.counts[kind] > 0


def test_the_same_seed_draws_the_same_cuts(life):
    assert draw(life, 5, 20) == draw(life, 5, 20)
    assert draw(life, 5, 20) != draw(life, 6, 20)


def test_an_outcome_without_states_shows_nothing():
    assert not Outcome(0, Tally(), Tally()).held


def test_an_outcome_counts_states_by_what_was_wrong():
    honest, lying = Tally(), Tally(NOT_OURS)
    honest.count("well", [])
    honest.count("ill", [Finding("lost", "a"), Finding("lost", "b"), Finding("invented", "c")])
    lying.count("forgot", [Finding("lost", "d")])
    outcome = Outcome(9, honest, lying)

    assert (outcome.states, outcome.lost, outcome.wrong, outcome.held) == (3, 1, 1, False)
    assert outcome.examples == ["ill: lost: a; lost: b; invented: c"]
    assert Outcome(9, Tally(states=1), lying).held


def test_a_lying_disk_must_still_leave_a_usable_outbox():
    lying = Tally(NOT_OURS)
    lying.count("forgot", [Finding("unusable", "no")])

    assert not Outcome(9, Tally(states=1), lying).held
