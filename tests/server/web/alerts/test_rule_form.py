"""A rule in a form, and back."""

from decimal import Decimal

import pytest

from server.alerts.rules import LevelRule, Rule, Scope
from server.alerts.settling import settle
from server.web.alerts.forms import Form
from server.web.alerts.rule_form import (
    COMMON,
    describe,
    fields_of,
    is_common,
    new_key,
    place_of,
    read_fields,
    scope_of,
)
from wire.errors import ConfigError


def form(**fields):
    return Form({name: [value] for name, value in fields.items()})


def sent(fields):
    """What a browser sends of a form that nobody changed."""
    levels = {f"enter_{one.severity}": one.enter for one in fields.levels}
    levels |= {f"leave_{one.severity}": one.leave for one in fields.levels}
    return form(name=fields.rule.name, **levels)


@pytest.mark.parametrize("kind", COMMON)
def test_a_form_sent_as_it_is_means_what_the_kind_says(kind):
    rule = Rule(key="mine", kind=kind)
    read = read_fields(sent(fields_of(rule)), rule)

    assert describe(read, {}) == describe(rule, {})
    settle(read)


def test_levels_are_in_the_unit_that_people_read():
    fields = fields_of(Rule(key="mine", kind="dry_soil"))

    assert (fields.unit, fields.side) == ("%", "below")
    assert [(one.severity, one.enter, one.leave) for one in fields.levels] == [
        ("warning", "50", "60"),
        ("critical", "10", "20"),
    ]


def test_what_is_written_becomes_a_rule_that_keeps_what_is_not_shown():
    base = Rule(
        key="mine",
        kind="frost",
        months=[3, 4],
        on_delay="1 h",
        enabled=False,
        scope=Scope(site="a"),
    )

    rule = read_fields(
        form(name="Buds", enter_warning="\N{MINUS SIGN}1,5", leave_warning="0"), base
    )

    assert rule.levels == [LevelRule(severity="warning", below=Decimal("-1.5"), leave=Decimal(0))]
    assert (rule.name, rule.months, rule.on_delay, rule.enabled) == ("Buds", [3, 4], "1 h", True)
    assert (rule.unit, rule.scope) == ("Cel", Scope(site="a"))


def test_depths_are_in_centimetres():
    base = Rule(key="mine", kind="dry_soil")

    rule = read_fields(
        form(enter_warning="50", leave_warning="60", depth_from="5", depth_to="30"), base
    )

    assert rule.scope.depth_m == (Decimal("0.05"), Decimal("0.3"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "at least one"),
        ({"enter_warning": "dry"}, "'dry' is no number"),
        ({"enter_warning": "NaN"}, "is no number"),
        ({"enter_warning": "1e99"}, "is no number"),
        ({"enter_warning": "50", "depth_from": "30", "depth_to": "5"}, "the shallower first"),
        ({"enter_warning": "50", "depth_from": "30"}, "both depths"),
    ],
)
def test_what_makes_no_rule_is_refused_with_the_remedy(fields, said):
    with pytest.raises(ConfigError, match=said):
        read_fields(form(**fields), Rule(key="mine", kind="dry_soil"))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(key="k", kind="gateway_offline"), "All sites."),
        (
            Rule(key="k", kind="no_data"),
            "All sites: warning above 6 h, serious warning above 48 h.",
        ),
        (
            Rule(key="k", kind="dry_soil", months=[4, 5, 6], scope=Scope(site="north")),
            "Kubuqi North: warning below 50 %, serious warning below 10 %; Apr to Jun.",
        ),
        (
            Rule(key="k", kind="frost", months=[12, 1, 2]),
            "All sites: warning below 0 °C, serious warning below \N{MINUS SIGN}5 °C; Jan, Feb, Dec.",
        ),
    ],
)
def test_a_rule_is_said_in_a_sentence(rule, said):
    assert describe(rule, {"north": "Kubuqi North"}) == said


def test_a_place_is_chosen_and_read_back():
    assert scope_of("") == Scope()
    assert scope_of(place_of("north")) == Scope(site="north")
    assert scope_of(place_of("north", "g", "dune-1")) == Scope(
        site="north", gateway="g", thing="dune-1"
    )
    with pytest.raises(ConfigError):
        scope_of("a|b")


def test_a_new_rule_never_takes_the_place_of_another():
    scope = Scope(site="north", thing="dune-1")

    assert new_key("dry_soil", scope, []) == "north-dune-1-dry-soil"
    taken = ["north-dune-1-dry-soil", "north-dune-1-dry-soil-2"]
    assert new_key("dry_soil", scope, taken) == "north-dune-1-dry-soil-3"


def test_a_rule_that_says_more_than_the_form_is_not_common():
    assert is_common(Rule(key="k", kind="frost"))
    assert not is_common(Rule(key="k", kind="no_data"))
