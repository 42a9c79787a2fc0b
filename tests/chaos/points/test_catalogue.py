"""The catalogue of points: none of those that matter is missing, in either profile."""

import pytest

from benchmarks.chaos_suite.points import POINTS, names
from benchmarks.chaos_suite.points.catalogue import GATEWAY
from benchmarks.chaos_suite.schedule import BROKER, DATABASE, SERVER, Profile

EVERYWHERE = {
    "before-outbox-commit",
    "after-outbox-commit",
    "after-seal",
    "before-publish",
    "after-publish",
    "after-puback",
    "before-commit",
    "after-commit",
    "receipt-at-broker",
    "after-receipt-kept",
}
# SQLite writes nothing before the commit, and the embedded broker ends with the server.
FULL_ONLY = {"after-journal", "before-copy", "after-copy", "before-receipt", "after-puback-broker"}


def test_both_profiles_have_the_points_that_both_can_have():
    assert set(names(Profile.EMBEDDED)) >= EVERYWHERE
    assert set(names(Profile.FULL)) >= EVERYWHERE | FULL_ONLY
    assert set(names(Profile.EMBEDDED)).isdisjoint(FULL_ONLY)


@pytest.mark.parametrize("profile", Profile)
def test_only_programs_of_the_profile_are_killed(profile):
    victims = {POINTS[name].triggers[profile].victim for name in names(profile)}

    services = {BROKER, DATABASE} if profile is Profile.FULL else set()
    assert victims == {GATEWAY, SERVER} | services


def test_in_the_full_profile_every_point_exists():
    assert names(Profile.FULL) == list(POINTS)
