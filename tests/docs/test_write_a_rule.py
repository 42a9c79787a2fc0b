"""docs/howto/write-a-rule.md: its examples are rules, and every key and kind is in it."""

import re
from pathlib import Path

import msgspec
import pytest

from server.alerts.kinds import KINDS, InputKind, Pace
from server.alerts.rules import Input, LevelRule, Rule, Scope, read_rules
from server.alerts.settling import Series, condition_of, settle
from wire.properties import PROPERTIES

TEXT = (Path(__file__).parent.parent.parent / "docs/howto/write-a-rule.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
RULES = [rule for block in BLOCKS for rule in read_rules(block, "write-a-rule.md")]

KIND_ROWS = re.findall(r"^\| `\w+` \| [^|]+ \| [^|]+ \| \d+ [hd] \|$", TEXT, re.MULTILINE)


def test_there_are_examples_of_all_that_can_be_judged_by_samples_and_hours():
    kinds = {rule.kind for rule in RULES}

    assert len({rule.key for rule in RULES}) == len(RULES) >= 10
    assert {"dry_soil", "getting_dry", "rain", "threshold", "rate", "comparison"} <= kinds


@pytest.mark.parametrize("rule", RULES, ids=[rule.key for rule in RULES])
def test_an_example_is_a_rule_and_fits_its_series(rule):
    settled = settle(rule)
    properties = settled.properties or ("soil_ec",)
    is_of_series = settled.pace in (Pace.SAMPLE, Pace.HOUR)
    series = Series("x", properties[0], PROPERTIES[properties[0]].unit, 600)

    condition = condition_of(settled, series if is_of_series else Series("x"))

    assert len(condition.levels) == (len(rule.levels) or len(KINDS[rule.kind].levels))


@pytest.mark.parametrize("struct", [Rule, Scope, Input, LevelRule])
def test_every_key_is_there(struct):
    keys = {field.encode_name for field in msgspec.structs.fields(struct)}

    assert {key for key in keys if f"`{key}`" not in TEXT} == set()


def test_every_input_is_there():
    assert {one for one in InputKind if f"`{one.value}`" not in TEXT} == set()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_there_with_the_levels_it_has(kind):
    (row,) = [line for line in KIND_ROWS if line.startswith(f"| `{kind.key}` |")]

    for step in kind.levels:
        wanted = (
            f"{step.severity.name.lower()} {kind.side} {step.threshold} (leaves at {step.leave})"
        )
        assert wanted in row
    assert all(f"`{one}`" in row for one in kind.properties)
    assert row.endswith(f"| {hours_or_days(kind.fresh_ms)} |")


def hours_or_days(ms):
    hours = ms // 3_600_000
    return f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h"


def test_no_kind_is_described_that_is_not_there():
    assert {row.split("`")[1] for row in KIND_ROWS} == KINDS.keys()
