"""A rule as a person writes it: TOML or JSON into structs, with each fault said and its remedy.

What a rule leaves out its kind says (`server.alerts.kinds`); `server.alerts.settling` puts the two
together and turns them into conditions.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from server.alerts.condition import Severity
from server.alerts.kinds import InputKind
from wire import toml_text
from wire.errors import ConfigError

_UNIT_MS = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r" *([0-9]{1,6}(?:\.[0-9]{1,3})?) *(s|min|h|d) *")

Text = Annotated[str, msgspec.Meta(max_length=200)]


def duration_ms(text: str) -> int:
    """Read a duration such as `90 s`, `30 min`, `6h` or `7d`; raises ValueError."""
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise ValueError(f"'{text}' is no duration; write such as 90 s, 30 min, 6 h or 7 d")
    return int(Decimal(parts[1]) * _UNIT_MS[parts[2]])


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a rule; what it does not know it refuses."""


class Scope(Part, frozen=True, omit_defaults=True):
    """Which series: all that fit every key that is given. Names are keys, as on the wire.

    `depth_m`: from and to, both included. `property`: else the kind's own.
    """

    site: Text | None = None
    gateway: Text | None = None
    thing: Text | None = None
    sensor: Text | None = None
    property: Text | None = None
    depth_m: tuple[Decimal, Decimal] | None = None


class Input(Part, frozen=True, omit_defaults=True):
    """What is judged, where it is not each sample as it comes.

    `window`: over how long. `other`: the plot to compare with. `threshold`: of days_to_threshold,
    in the series' unit.
    """

    of: InputKind | None = None
    window: Text | None = None
    other: Scope | None = None
    threshold: Decimal | None = None


class LevelRule(Part, frozen=True, omit_defaults=True):
    """One level: entered at or below (or above) a value, left past `leave` or the deadband."""

    severity: Literal["notice", "warning", "critical"]
    below: Decimal | None = None
    above: Decimal | None = None
    leave: Decimal | None = None
    deadband: Decimal | None = None

    @property
    def rank(self) -> Severity:
        """The severity as a number."""
        return Severity[self.severity.upper()]


class Rule(Part, frozen=True, omit_defaults=True):
    """A rule. What is None here its kind says.

    `unit` is that of the levels (a UCUM code). `months` (1 to 12) are those of the site's zone in
    which it holds; none named: all.
    """

    key: Text
    kind: Text
    name: Text = ""
    enabled: bool = True
    scope: Scope = Scope()
    input: Input = Input()
    unit: Text | None = None
    levels: Annotated[list[LevelRule], msgspec.Meta(max_length=3)] = msgspec.field(
        name="level", default_factory=list
    )
    months: list[int] = msgspec.field(default_factory=list)
    on_delay: Text | None = None
    off_delay: Text | None = None
    min_share: Decimal | None = None
    silence: Text | None = None
    realarm: Text | None = None


class _File(Part, frozen=True):
    rules: list[Rule] = msgspec.field(name="rule", default_factory=list)


def read_rules(text: str, source: str) -> list[Rule]:
    """Read `[[rule]]` tables of TOML; raises ConfigError naming the file and line."""
    rules = toml_text.parse(text, _File, source).rules
    seen: set[str] = set()
    for at, rule in enumerate(rules):
        if rule.key in seen:
            line = toml_text.nearest_line(toml_text.key_lines(text), ("rule", at, "key"))
            raise ConfigError(
                source, f"two rules have the key '{rule.key}'; give one another", line
            )
        seen.add(rule.key)
    return rules


def rule_from_json(stored: Mapping[str, Any] | bytes, source: str) -> Rule:
    """Read a rule from JSON, text or parsed; raises ConfigError saying where."""
    try:
        if isinstance(stored, bytes):
            return msgspec.json.decode(stored, type=Rule)
        return msgspec.convert(stored, Rule)
    except msgspec.DecodeError as error:
        raise ConfigError(source, f"{error}; correct it, and try again") from None


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """Turn a rule into what a JSON column takes; decimals become text, so that they stay exact."""
    built: dict[str, Any] = msgspec.to_builtins(rule)
    return built
