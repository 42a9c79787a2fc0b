"""Rules put together with their kinds, and the conditions that come of them."""

import re

import pytest

from server.alerts.condition import Condition, Level, Season, Severity, Side
from server.alerts.kinds import KINDS, InputKind, Pace, Subject
from server.alerts.rules import Rule, read_rules
from server.alerts.settling import Series, condition_of, faults_of, settle, value_unit
from tests.server.alerts.timeline import DAY_MS, HOUR_MS
from wire.errors import ConfigError

MINUTE_MS = 60_000
REW = Series("dune-1/soil/relative_extractable_water", "relative_extractable_water", "1", 600)
VWC = Series("dune-1/soil/vwc", "vwc", "m3/m3", 600)
AIR = Series("dune-1/air/air_temperature", "air_temperature", "Cel", 600)
LEVEL = '[[rule.level]]\nseverity = "warning"\n'


def rule_of(kind, body=""):
    return read_rules(f'[[rule]]\nkey = "r"\nkind = "{kind}"\n{body}', "rules.toml")[0]


def condition(kind, body, series):
    return condition_of(settle(rule_of(kind, body)), series)


def test_a_rule_that_says_nothing_is_its_kind():
    settled = settle(rule_of("dry_soil"))

    assert (settled.pace, settled.subject) == (Pace.SAMPLE, Subject.DATASTREAM)
    assert condition_of(settled, REW) == Condition(
        side=Side.BELOW,
        levels=(Level(Severity.WARNING, 0.5, 0.6), Level(Severity.CRITICAL, 0.1, 0.2)),
        interval_ms=10 * MINUTE_MS,
        silence_ms=2 * HOUR_MS,
        on_delay_ms=6 * HOUR_MS,
        off_delay_ms=6 * HOUR_MS,
        min_share=0.75,
        season=None,
    )


def test_what_a_rule_says_stands():
    settled = settle(
        rule_of(
            "dry_soil",
            'months = [5, 6]\non_delay = "1 d"\noff_delay = "2 h"\nmin_share = 0.5\n'
            'silence = "12 h"\nrealarm = "3 d"\n' + LEVEL + "below = 0.4\ndeadband = 0.2",
        )
    )
    found = condition_of(settled, Series(REW.name, REW.property, "1", 600, "Asia/Shanghai"))

    assert found.levels == (Level(Severity.WARNING, 0.4, 0.6),)
    assert (found.on_delay_ms, found.off_delay_ms) == (DAY_MS, 2 * HOUR_MS)
    assert (found.min_share, found.silence_ms) == (0.5, 12 * HOUR_MS)
    assert found.season == Season(frozenset({5, 6}), "Asia/Shanghai")
    assert settled.realarm_ms == 3 * DAY_MS


def test_levels_are_put_in_order_of_severity():
    found = condition(
        "frost",
        '[[rule.level]]\nseverity = "critical"\nbelow = -10\n' + LEVEL + "below = -2",
        AIR,
    )

    assert found.levels == (
        Level(Severity.WARNING, -2.0, -1.0),
        Level(Severity.CRITICAL, -10.0, -9.0),
    )


def test_the_kinds_deadband_goes_with_a_threshold_of_ones_own():
    assert condition("heat", LEVEL + "above = 35", AIR).levels == (
        Level(Severity.WARNING, 35.0, 33.0),
    )


def test_levels_are_converted_to_the_unit_of_the_series():
    percent = Series("x", "vwc", "%", 600)
    body = 'scope.property = "vwc"\nunit = "m3/m3"\n' + LEVEL + "below = 0.08\ndeadband = 0.01"
    fahrenheit = 'unit = "[degF]"\n' + LEVEL + "below = 32"

    assert condition("dry_soil", body, percent).levels[0] == Level(Severity.WARNING, 8.0, 9.0)
    assert condition("dry_soil", body, VWC).levels[0] == Level(Severity.WARNING, 0.08, 0.09)
    frost = condition("frost", fahrenheit, AIR).levels[0]
    assert (frost.threshold, frost.leave) == pytest.approx((0.0, 1.0))


def test_differences_are_converted_without_an_offset():
    body = (
        'scope.property = "air_temperature"\nunit = "[degF]"\n'
        'input.other = { thing = "dune-2" }\n' + LEVEL + "above = 9\ndeadband = 1.8"
    )

    level = condition("comparison", body, AIR).levels[0]

    assert (level.threshold, level.leave) == pytest.approx((5.0, 4.0))


def test_the_kinds_own_levels_follow_the_unit_of_the_rule():
    level = condition("frost", 'unit = "K"', AIR).levels[0]

    assert (level.threshold, level.leave) == pytest.approx((0.0, 1.0))


def test_a_threshold_rule_is_in_the_unit_of_its_property():
    settled = settle(
        rule_of(
            "threshold",
            'scope.property = "soil_ec"\n' + LEVEL + "above = 900\ndeadband = 50",
        )
    )

    assert settled.unit == "uS/cm"
    assert condition_of(settled, Series("x", "soil_ec", "dS/m", 600)).levels == (
        Level(Severity.WARNING, 0.9, 0.85),
    )


def test_slow_inputs_are_judged_by_the_hour():
    settled = settle(rule_of("dry_soil", 'input.of = "root_zone_mean"'))

    assert (settled.pace, settled.subject) == (Pace.HOUR, Subject.THING)
    assert condition_of(settled, REW).interval_ms == HOUR_MS
    assert (
        condition_of(settled, Series("x", REW.property, "1", 6 * 3600)).interval_ms == 6 * HOUR_MS
    )


def test_a_mean_of_the_wind_is_slow():
    settled = settle(rule_of("strong_wind", 'input = { of = "mean", window = "3 h" }'))

    assert (settled.pace, settled.window_ms) == (Pace.HOUR, 3 * HOUR_MS)


def test_the_unit_that_values_are_in():
    assert value_unit(settle(rule_of("getting_dry")), REW) == "d"
    assert value_unit(settle(rule_of("frost")), AIR) == "Cel"
    assert condition("getting_dry", "", REW).levels == (Level(Severity.NOTICE, 5.0, 7.0),)


def test_days_are_counted_to_a_line():
    assert settle(rule_of("getting_dry")).drying_line == 0.5
    assert settle(rule_of("getting_dry", "input.threshold = 0.4")).drying_line == 0.4


def test_times_of_silence_may_be_in_other_units():
    body = 'unit = "h"\n' + LEVEL + "above = 12\nleave = 1"

    found = condition_of(settle(rule_of("no_data", body)), Series("dune-1"))

    assert found.levels == (Level(Severity.WARNING, 12.0, 1.0),)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_settles_by_itself_or_says_what_it_needs(kind):
    faults = faults_of(rule_of(kind))

    if KINDS[kind].levels:
        assert faults == []
    else:
        assert any("write at least one" in str(one) for one in faults)


WRONG = [
    ("frosty", "", "kind: unknown kind 'frosty'; did you mean 'frost'?"),
    ("volcano", "", "kind: unknown kind 'volcano'; known: dry_soil"),
    ("threshold", LEVEL + "above = 1\ndeadband = 1", "scope.property: .* name the one you mean"),
    (
        "threshold",
        'scope.property = "soil_temprature"\n' + LEVEL + "above = 1\ndeadband = 1",
        "scope.property: unknown property 'soil_temprature'; did you mean 'soil_temperature'?",
    ),
    ("dry_soil", 'scope.property = "vwc"', "level: .* are for relative_extractable_water; write"),
    ("rain", 'scope.property = "soil_ec"', "level: .* are for rain; write your own for soil_ec"),
    ("frost", 'on_delay = ""', "on_delay: '' is no duration; write such as 90 s"),
    ("no_data", 'scope.property = "vwc"', "scope.property: kind 'no_data' looks at no series"),
    ("frost", "scope.depth_m = [0.3, 0.1]", r"scope.depth_m: write \[from, to\] in metres"),
    ("frost", 'unit = "celsius"', "unit: unknown unit 'celsius'; write a UCUM code"),
    ("frost", 'unit = "m/s"', r"unit: 'm/s' is a speed, .* use Cel or K or \[degF\]"),
    ("no_data", 'unit = "Cel"', "unit: 'Cel' is a temperature, .* use d or h or min or s"),
    ("frost", "months = [4, 13]", "months: there is no month 13; write some of 1 to 12"),
    ("frost", 'on_delay = "half a day"', "on_delay: 'half a day' is no duration; write such as"),
    ("rain", 'input.window = "-1 h"', "input.window: '-1 h' is no duration; write such as 90 s"),
    ("frost", "min_share = 80", "min_share: 80 is no share; give one from 0 to 1"),
    ("frost", LEVEL + "below = nan", "level 'warning' below: NaN is no number that a sensor"),
    ("frost", LEVEL + "below = -inf", "level 'warning' below: -Infinity is no number"),
    ("frost", LEVEL + "below = 1e99", r"level 'warning' below: 1E\+99 is no number"),
    ("frost", "scope.depth_m = [0, nan]", "scope.depth_m: NaN is no number"),
    ("frost", LEVEL, "level 'warning': write below or above, and only one"),
    ("frost", LEVEL + "above = 1\nbelow = 0", "level 'warning': write below or above, and only"),
    ("frost", LEVEL + "above = 1", "level 'warning': .* write below, or use kind 'threshold'"),
    ("frost", LEVEL + "below = 0\nleave = 1\ndeadband = 1", "leave and deadband say the same"),
    ("frost", LEVEL + "below = 0\ndeadband = -1", "a deadband of -1 cannot be; give 0 or more"),
    ("frost", LEVEL + "below = 0\nleave = -1", "left at -1 before it is entered at 0; put leave"),
    ("heat", LEVEL + "above = 30\nleave = 31", "left at 31 before it is entered at 30; put leave"),
    (
        "threshold",
        'scope.property = "vwc"\n' + LEVEL + "below = 0.1",
        "level 'warning': nothing says when it is over; write deadband",
    ),
    (
        "frost",
        LEVEL + 'below = 0\n[[rule.level]]\nseverity = "critical"\nbelow = 1',
        "level 'critical': 1 is not beyond the 0 of 'warning'; swap them",
    ),
    (
        "frost",
        LEVEL + 'below = 0\n[[rule.level]]\nseverity = "critical"\nbelow = 0\ndeadband = 0',
        "level 'critical': 0 is not beyond the 0 of 'warning'",
    ),
    (
        "dry_soil",
        LEVEL + 'below = 0.5\n[[rule.level]]\nseverity = "critical"\nbelow = 0.40\nleave = 0.55',
        "level 'critical': its deadband up to 0.55 crosses the threshold 0.5 of 'warning'; make",
    ),
    (
        "heat",
        LEVEL + 'above = 30\n[[rule.level]]\nseverity = "critical"\nabove = 40\nleave = 29',
        "its deadband up to 29 crosses the threshold 30 of 'warning'",
    ),
    ("frost", LEVEL + "below = 0\n" + LEVEL + "below = -1", "'warning' is there more than once"),
    (
        "threshold",
        'scope.property = "vwc"\n' + LEVEL + 'below = 0.1\ndeadband = 0.01\n[[rule.level]]\n'
        'severity = "critical"\nabove = 0.4\ndeadband = 0.01',
        "level: some are below and some above; make two rules",
    ),
    ("frost", 'input.of = "sum"', "input.of: .* cannot be judged by 'sum'; use sample or mean"),
    ("frost", 'input.window = "3 h"', "input.window: 'sample' has no window; leave it out"),
    ("rain", 'input.window = "90 min"', "input.window: .* give whole hours, from 1 h to 60 d"),
    ("rain", 'input.window = "61 d"', "input.window: .* from 1 h to 60 d"),
    ("rain", "input.threshold = 1", "input.threshold: is for getting_dry alone"),
    ("rain", 'input.other = { thing = "a" }', "input.other: kind 'rain' compares with nothing"),
    (
        "comparison",
        'scope.property = "vwc"\n' + LEVEL + "above = 0.1\ndeadband = 0.02",
        'input.other: say what to compare with; such as other = { thing = "dune-2" }',
    ),
    (
        "getting_dry",
        'scope.property = "vwc"',
        "input.threshold: say to which vwc days are counted, such as threshold = 0.08",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "said"), WRONG, ids=[f"{k}: {s}" for k, _, s in WRONG])
def test_a_faulty_rule_is_refused_with_where_what_and_remedy(kind, body, said):
    with pytest.raises(ConfigError, match=f"^rule 'r': (level )?.*{said}"):
        settle(rule_of(kind, body))


@pytest.mark.parametrize("key", ["", "Dune Dry", "-a", "a" * 128])
def test_a_key_that_cannot_be_one(key):
    with pytest.raises(ConfigError, match=r"key: .* is no key; use small letters, .* such as dune"):
        settle(Rule(key=key, kind="frost"))


def test_all_faults_are_found_at_once():
    faults = faults_of(
        rule_of("threshold", 'scope.property = "vwc"\nunit = "s"\n' + LEVEL + "below = 1"), "a.toml"
    )

    assert [re.match(r"a\.toml: (\w+)", str(one))[1] for one in faults] == ["unit", "level"]


MISFITS = [
    ("frost", "", VWC, "scope.property: the rule is about air_temperature, the series is vwc"),
    ("frost", "", Series("x", "air_temperature", "%", 600), "unit: cannot convert temperature"),
    (
        "frost",
        'on_delay = "5 min"',
        AIR,
        "on_delay: 5 min is shorter than the interval of 600 s; give that or more, or 0 s",
    ),
    ("frost", 'off_delay = "1 s"', AIR, "off_delay: 1 s is shorter than the interval of 600 s"),
    ("frost", 'silence = "10 min"', AIR, "silence: 10 min is not longer than the interval"),
]


@pytest.mark.parametrize(("kind", "body", "series", "said"), MISFITS)
def test_a_rule_that_does_not_fit_a_series_is_refused(kind, body, series, said):
    with pytest.raises(ConfigError, match=f"^rule 'r' on {series.name}: {said}"):
        condition(kind, body, series)


def test_a_delay_of_nothing_goes_by_a_single_sample():
    assert condition("frost", 'on_delay = "0 s"', AIR).on_delay_ms == 0


def test_the_kinds_delays_are_no_fault_of_a_slow_series():
    assert condition("frost", "", Series("x", "air_temperature", "Cel", 3600)).on_delay_ms > 0


def test_silence_is_three_intervals_or_two_hours():
    slow = Series("x", "air_temperature", "Cel", 3600)

    assert condition("frost", "", AIR).silence_ms == 2 * HOUR_MS
    assert condition("frost", "", slow).silence_ms == 3 * HOUR_MS


def test_a_disabled_rule_is_still_checked():
    assert faults_of(Rule(key="a", kind="frosty", enabled=False))


def test_inputs_of_kinds():
    assert settle(rule_of("rate", LEVEL + "above = 1\ndeadband = 0\n[rule.scope]\nproperty = 'vwc'")).input is InputKind.RATE  # fmt: skip
