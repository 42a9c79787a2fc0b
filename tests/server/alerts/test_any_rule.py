"""Property tests: whatever is written as a rule is refused in words, or can be judged by."""

from decimal import Decimal
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.condition import Condition, Side
from server.alerts.kinds import KINDS, InputKind, Pace
from server.alerts.machine import Change, Machine, begin_anew, fold
from server.alerts.rules import Input, LevelRule, Rule, Scope, rule_from_json, rule_to_json
from server.alerts.settling import Series, condition_of, faults_of, settle
from tests.server.alerts.lazy import samples_of
from tests.server.alerts.test_machine_against_oracle import ROWS, conditions, unique
from wire.errors import ConfigError
from wire.properties import PROPERTIES

NUMBERS = (
    st.none() | st.decimals(-100, 100, places=1) | st.decimals(allow_nan=True, allow_infinity=True)
)
WORDS = st.text(max_size=8)
DURATIONS = st.none() | st.sampled_from(["0 s", "90 s", "6 h", "30 d", "9 w", ""]) | WORDS
SOME_PROPERTY = st.none() | st.sampled_from(["vwc", "soil_ec", "wind_speed", "rain"]) | WORDS
UNITS = st.none() | st.sampled_from(["1", "%", "Cel", "[degF]", "m/s", "h", "d", "mm"]) | WORDS
LEVELS = st.builds(
    LevelRule,
    severity=st.sampled_from(["notice", "warning", "critical"]),
    below=NUMBERS,
    above=st.none() | NUMBERS,
    leave=st.none() | NUMBERS,
    deadband=NUMBERS,
)
SCOPES = st.builds(
    Scope, thing=st.none() | WORDS, property=SOME_PROPERTY, depth_m=st.none() | st.tuples(*[st.decimals()] * 2)
)  # fmt: skip
WILD = st.builds(
    Rule,
    key=st.just("a") | WORDS,
    kind=st.sampled_from(list(KINDS)) | WORDS,
    scope=SCOPES,
    input=st.builds(
        Input,
        of=st.none() | st.sampled_from(InputKind),
        window=DURATIONS,
        other=st.none() | SCOPES,
        threshold=NUMBERS,
    ),
    unit=UNITS,
    levels=st.lists(LEVELS, max_size=3),
    months=st.lists(st.integers(-1, 13), max_size=3),
    on_delay=DURATIONS,
    off_delay=DURATIONS,
    min_share=NUMBERS,
    silence=DURATIONS,
    realarm=DURATIONS,
)
GRADES = ("notice", "warning", "critical")
WIDTHS = st.integers(0, 9).map(Decimal)


@st.composite
def plausible(draw):
    """Rules in which little is wrong, mostly nothing."""
    kind = KINDS[draw(st.sampled_from(list(KINDS)))]
    side = kind.side or draw(st.sampled_from(Side))
    lines = draw(st.lists(st.integers(-20, 20), max_size=3, unique=True))
    levels = [
        LevelRule(severity=GRADES[at], deadband=draw(WIDTHS), **{side.value: Decimal(line)})
        for at, line in enumerate(sorted(lines, reverse=side is Side.BELOW))
    ]
    own = None if kind.properties or kind.levels else draw(st.sampled_from(["vwc", "soil_ec"]))
    other = Scope(thing="b") if kind.input is InputKind.DIFFERENCE else None
    return Rule(
        key="a",
        kind=kind.key,
        scope=Scope(property=draw(st.sampled_from([own, own, own, "rain"]))),
        input=Input(other=other),
        unit=draw(st.sampled_from([None, None, None, kind.unit, "%", "K", "h"])),
        levels=levels,
        months=draw(st.lists(st.integers(1, 12), max_size=3)),
        on_delay=draw(st.sampled_from([None, "6 h", "0 s"])),
    )


SERIES = st.builds(
    Series,
    name=st.just("x"),
    property=st.sampled_from(
        ["", "relative_extractable_water", "vwc", "soil_ec", "wind_speed", "rain"]
    ),
    unit=st.sampled_from(["1", "%", "m3/m3", "Cel", "uS/cm", "km/h", "mm"]),
    interval_s=st.sampled_from([0.0, 1.0, 600.0, 86400.0]),
)


def is_nested(condition: Condition):
    """Severer levels lie further out, each is left on the safe side, none later than a milder one."""
    sign = 1 if condition.side is Side.BELOW else -1
    lines = [(sign * one.threshold, sign * one.leave) for one in condition.levels]
    milder_first = pairwise(lines)
    return all(line <= leave for line, leave in lines) and all(
        severe <= mild and severe_leave <= mild
        for (mild, _), (severe, severe_leave) in milder_first
    )


def fitting(rule):
    """A series that the rule is about, in its property's own unit."""
    settled = settle(rule)
    if settled.pace in (Pace.GATEWAY, Pace.SILENCE):
        return Series("x")
    key = (settled.properties or ("vwc",))[0]
    return Series("x", key, PROPERTIES[key].unit, 600.0)


@given(WILD | plausible(), SERIES)
def test_a_rule_is_refused_in_words_or_makes_a_condition(rule, series):
    faults = faults_of(rule)
    if faults:
        assert all(str(one).startswith(f"rule '{rule.key}': ") for one in faults)
        return
    try:
        assert is_nested(condition_of(settle(rule), series))
    except ConfigError as error:
        assert str(error).startswith(f"rule '{rule.key}' on x: ")  # noqa: PT017 - either may be


@given(plausible())
def test_a_rule_without_faults_fits_a_series_of_its_property(rule):
    if faults_of(rule):
        return

    condition = condition_of(settle(rule), fitting(rule))

    assert is_nested(condition)
    assert len(condition.levels) == (len(rule.levels) or len(KINDS[rule.kind].levels)) > 0


@given(plausible())
def test_a_rule_without_faults_is_the_same_after_json(rule):
    if not faults_of(rule):
        assert rule_from_json(msgspec.json.encode(rule_to_json(rule)), "rule") == rule


@given(conditions(), conditions(), ROWS)
def test_an_edited_rule_stands_as_if_it_had_always_been_so(old, new, some):
    """And makes one transition at most, from the level before to the level now."""
    samples = samples_of(unique(some))
    before, _ = fold(old, Machine(), samples)

    machine, made = begin_anew(new, before, samples)

    assert machine.level == fold(new, Machine(), samples)[0].level
    assert len(made) == (before.level != machine.level)
    for one in made:
        assert (one.level_from, one.level_to, one.machine) == (before.level, machine.level, machine)
        assert (one.kind is Change.ENDED) == (machine.level == 0)
        assert one.evidence.reason == "rule changed"
    assert fold(new, machine, samples) == (machine, [])
