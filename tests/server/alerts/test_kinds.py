"""What holds for every kind."""

import pytest

from server.alerts.condition import Severity
from server.alerts.kinds import CAP_SEVERITY, KINDS, Kind, Pace, kind_of
from wire.properties import PROPERTIES

KINDS_ASKED_FOR = {
    "dry_soil",
    "getting_dry",
    "water_arrived",
    "frost",
    "heat",
    "strong_wind",
    "blowing_sand",
    "sandstorm",
    "surface_deflation",
    "sensor_fault",
    "no_data",
    "gateway_battery",
    "gateway_clock",
    "gateway_certificate",
    "gateway_offline",
    "threshold",
    "rate",
    "comparison",
}
# CAP 1.2, 3.2.2
CATEGORIES = {
    "Geo",
    "Met",
    "Safety",
    "Security",
    "Rescue",
    "Fire",
    "Health",
    "Env",
    "Transport",
    "Infra",
    "CBRNE",
    "Other",
}
RESPONSES = {
    "Shelter",
    "Evacuate",
    "Prepare",
    "Execute",
    "Avoid",
    "Monitor",
    "Assess",
    "AllClear",
    "None",
}
URGENCIES = {"Immediate", "Expected", "Future", "Past", "Unknown"}
CERTAINTIES = {"Observed", "Likely", "Possible", "Unlikely", "Unknown"}
SEVERITIES = {"Extreme", "Severe", "Moderate", "Minor", "Unknown"}


def test_every_kind_of_the_issue_is_there():
    assert KINDS.keys() >= KINDS_ASKED_FOR


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_complete(kind: Kind):
    assert KINDS[kind.key] is kind
    assert set(kind.properties) <= PROPERTIES.keys()
    assert (kind.side is None) == (not kind.levels)
    assert kind.fresh_ms > 0
    assert kind.label


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_speaks_cap(kind: Kind):
    assert kind.cap.category in CATEGORIES
    assert kind.cap.response in RESPONSES
    assert kind.cap.urgency in URGENCIES
    assert kind.cap.certainty in CERTAINTIES
    assert kind.cap.event


def test_every_severity_has_its_word_in_cap():
    assert set(CAP_SEVERITY) == set(Severity)
    assert set(CAP_SEVERITY.values()) <= SEVERITIES


def test_causes_come_before_what_they_explain():
    ranks = [
        KINDS[key].cause_rank for key in ("gateway_offline", "no_data", "sensor_fault", "heat")
    ]

    assert ranks == sorted(set(ranks))


def test_what_has_no_end_worth_a_word_is_not_told_again_while_it_lasts():
    """Soil that is dry all summer would be about to get dry each week of it."""
    once = {kind.key for kind in KINDS.values() if not kind.tells_recovery}

    assert once == {"getting_dry", "water_arrived", "rain"}
    assert {KINDS[key].realarm_ms for key in once} == {0}


def test_what_is_judged_by_hours_is_not_told_before_it_can_be():
    hourly = [kind for kind in KINDS.values() if kind.pace is Pace.HOUR]

    assert hourly
    assert all(kind.fresh_ms >= 2 * 3_600_000 for kind in hourly)


def test_an_unknown_kind_is_refused_with_those_like_it():
    with pytest.raises(KeyError, match="did you mean 'dry_soil'"):
        kind_of("drysoil")
