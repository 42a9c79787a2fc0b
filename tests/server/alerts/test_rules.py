"""Rules as people write them."""

from decimal import Decimal

import msgspec
import pytest

from server.alerts.condition import Severity
from server.alerts.kinds import InputKind
from server.alerts.rules import (
    Input,
    LevelRule,
    Rule,
    Scope,
    duration_ms,
    read_rules,
    rule_from_json,
    rule_to_json,
)
from wire.errors import ConfigError

FULL = """
[[rule]]
key = "dune-dry"
kind = "dry_soil"
name = "Dry at the dune"
unit = "%"
months = [4, 5, 6]
on_delay = "12 h"
off_delay = "6h"
min_share = 0.8
silence = "1 d"
realarm = "7 d"

[rule.scope]
site = "kubuqi-north"
thing = "dune-1"
property = "vwc"
depth_m = [0.05, 0.3]

[rule.input]
of = "root_zone_mean"

[[rule.level]]
severity = "warning"
below = 8.5
leave = 9.5

[[rule.level]]
severity = "critical"
below = 6
deadband = 1
"""


def test_a_rule_with_everything():
    (rule,) = read_rules(FULL, "rules.toml")

    assert rule == Rule(
        key="dune-dry",
        kind="dry_soil",
        name="Dry at the dune",
        scope=Scope(
            site="kubuqi-north",
            thing="dune-1",
            property="vwc",
            depth_m=(Decimal("0.05"), Decimal("0.3")),
        ),
        input=Input(of=InputKind.ROOT_ZONE_MEAN),
        unit="%",
        levels=[
            LevelRule(severity="warning", below=Decimal("8.5"), leave=Decimal("9.5")),
            LevelRule(severity="critical", below=Decimal(6), deadband=Decimal(1)),
        ],
        months=[4, 5, 6],
        on_delay="12 h",
        off_delay="6h",
        min_share=Decimal("0.8"),
        silence="1 d",
        realarm="7 d",
    )
    assert [level.rank for level in rule.levels] == [Severity.WARNING, Severity.CRITICAL]


def test_a_rule_goes_through_json_and_back():
    (rule,) = read_rules(FULL, "rules.toml")

    stored = msgspec.json.decode(msgspec.json.encode(rule_to_json(rule)))

    assert rule_from_json(stored, "rule") == rule
    assert rule_from_json(msgspec.json.encode(stored), "rule") == rule
    assert stored["level"][0]["below"] == "8.5"


def test_json_may_hold_numbers():
    body = b'{"key":"a","kind":"frost","level":[{"severity":"warning","below":0.5,"deadband":1}]}'

    assert rule_from_json(body, "rule").levels[0].below == Decimal("0.5")
    assert rule_from_json(msgspec.json.decode(body), "rule").levels[0].below == Decimal("0.5")


@pytest.mark.parametrize(
    ("line", "wrong", "where", "said"),
    [
        ("months = [4, 5, 6]", 'months = ["may"]', "rules.toml:7", "give a whole number"),
        ('on_delay = "12 h"', "on_delay = 12", "rules.toml:8", "give a text in quotes"),
        ('thing = "dune-1"', 'plot = "dune-1"', "rules.toml:16", "unknown key 'plot'"),
        ('of = "root_zone_mean"', 'of = "median"', "rules.toml:21", "known: sample, mean"),
        ('severity = "warning"', 'severity = "bad"', "rules.toml:24", "known: critical, notice"),
        ("below = 8.5", 'below = "dry"', "rules.toml:25", "give a number"),
        ('kind = "dry_soil"', "", "rules.toml:2", "'kind' is missing"),
        ("depth_m = [0.05, 0.3]", "depth_m = [0.05]", "rules.toml:18", "give 2 values in [ ]"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_line_and_remedy(line, wrong, where, said):
    text = FULL.replace(line, wrong)
    assert text != FULL

    with pytest.raises(ConfigError) as refused:
        read_rules(text, "rules.toml")

    assert str(refused.value).startswith(f"{where}: ")
    assert said in str(refused.value)


def test_two_rules_of_one_key_are_refused():
    with pytest.raises(ConfigError, match=r"rules.toml:5: two rules have the key 'a'"):
        read_rules(
            '[[rule]]\nkey = "a"\nkind = "frost"\n[[rule]]\nkey = "a"\nkind = "heat"', "rules.toml"
        )


def test_json_that_is_no_rule_is_refused():
    for stored in (b"[]", b"{", {"key": "a"}, {"key": "a", "kind": "frost", "plot": 1}):
        with pytest.raises(ConfigError, match=r"rule x: .*; correct it"):
            rule_from_json(stored, "rule x")


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90 s", 90_000), ("30min", 1_800_000), (" 6 h ", 21_600_000), ("0.5 d", 43_200_000)],
)
def test_durations(text, ms):
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "6", "6 hours", "-1 h", "1e3 s", "h"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="write such as 90 s"):
        duration_ms(text)
