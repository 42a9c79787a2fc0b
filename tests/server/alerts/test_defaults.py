"""The rules that a new site has at once."""

from decimal import Decimal

import pytest

from server.alerts.condition import Severity
from server.alerts.defaults import deadband, dry_line, gateway_rules, site_rules, thawed_months
from server.alerts.kinds import KINDS, Pace
from server.alerts.rules import rule_from_json, rule_to_json
from server.alerts.settling import Series, condition_of, faults_of, settle
from server.soil.ground import Said, ground_of
from server.soil.texture import CLASSES

REW = Series("x", "relative_extractable_water", "1", 600)


def ground(texture):
    sand, clay = CLASSES[texture]
    return ground_of(Said(sand=sand, clay=clay))


@pytest.mark.parametrize("texture", CLASSES)
@pytest.mark.parametrize("latitude_deg", [None, 40.6, -35.0, 5.0])
def test_every_default_rule_is_one_that_a_person_could_have_written(texture, latitude_deg):
    rules = [*site_rules("kubuqi_north.1", ground(texture), latitude_deg), *gateway_rules()]

    assert [fault for rule in rules for fault in faults_of(rule)] == []
    assert len({rule.key for rule in rules}) == len(rules)
    assert [rule_from_json(rule_to_json(rule), "rule") for rule in rules] == rules
    assert {rule.scope.site for rule in rules} == {"kubuqi_north.1", None}


def test_each_kind_with_levels_of_its_own_has_a_default_rule():
    rules = [*site_rules("a", ground("loam")), *gateway_rules()]

    assert {rule.kind for rule in rules} == {key for key, kind in KINDS.items() if kind.levels}


@pytest.mark.parametrize(
    ("texture", "line", "width"),
    [
        ("sand", "0.4", "0.22"),
        ("loamy sand", "0.4", "0.16"),
        ("sandy loam", "0.5", "0.11"),
        ("loam", "0.5", "0.08"),
        ("silt", "0.5", "0.05"),
    ],
)
def test_lines_and_deadbands_go_by_the_soil(texture, line, width):
    soil = ground(texture)

    levels = condition_of(settle(site_rules("a", soil)[0]), REW).levels

    assert (dry_line(soil), deadband(soil)) == (Decimal(line), Decimal(width))
    assert [(one.severity, one.threshold) for one in levels] == [
        (Severity.WARNING, float(line)),
        (Severity.CRITICAL, 0.1),
    ]
    assert levels[0].leave == pytest.approx(float(line) + float(width))


def test_a_soil_that_nobody_described_has_limits_enough():
    soil = ground_of(Said(wilting_point=0.05, field_capacity=0.065))

    assert (dry_line(soil), deadband(soil)) == (Decimal("0.5"), Decimal("0.25"))


@pytest.mark.parametrize(
    ("latitude_deg", "months"),
    [
        (40.6, [4, 5, 6, 7, 8, 9, 10]),
        (-35.0, [1, 2, 3, 4, 10, 11, 12]),
        (12.0, []),
        (-29.9, []),
        (None, []),
    ],
)
def test_soil_is_not_judged_while_it_may_be_frozen(latitude_deg, months):
    assert thawed_months(latitude_deg) == months
    assert {
        tuple(rule.months)
        for rule in site_rules("a", ground("sand"), latitude_deg)
        if rule.kind in ("dry_soil", "getting_dry", "water_arrived", "frost")
    } == {tuple(months)}


@pytest.mark.parametrize(("latitude_deg", "winter"), [(40.6, {12, 1, 2}), (-35.0, {6, 7, 8})])
def test_snow_that_melts_is_no_sand_blown_out(latitude_deg, winter):
    rules = {rule.kind: rule for rule in site_rules("a", ground("sand"), latitude_deg)}

    assert set(rules["surface_deflation"].months) == set(range(1, 13)) - winter


def test_what_nobody_there_can_act_on_is_to_be_switched_on():
    off = {rule.kind for rule in site_rules("a", ground("sand")) if not rule.enabled}

    assert off == {"rain", "frost", "heat", "blowing_sand", "gateway_battery"}


def test_days_are_counted_to_the_line_of_the_soil():
    rules = {rule.kind: rule for rule in site_rules("a", ground("sand"))}

    assert settle(rules["getting_dry"]).drying_line == 0.4


def test_gateway_rules_are_of_no_site():
    assert {settle(rule).pace for rule in gateway_rules()} == {Pace.GATEWAY}
