"""A rule as a form shows it, and back: its levels in the unit people read. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from msgspec import structs

from server.alerts.condition import Side
from server.alerts.kinds import KINDS, InputKind, kind_of
from server.alerts.rules import LevelRule, Rule, Scope
from server.alerts.settled import Line, Settled
from server.web.alerts.forms import Form
from wire.errors import ConfigError, ContractError
from wire.units import convert, unit

# Kinds that need no more than a place and levels.
COMMON = (
    "dry_soil",
    "getting_dry",
    "water_arrived",
    "frost",
    "heat",
    "rain",
    "strong_wind",
    "blowing_sand",
    "sandstorm",
    "surface_deflation",
    "gateway_battery",
)
# Units that people write levels in, where that is not the kind's own.
_READ_IN = {"1": "%", "m3/m3": "%", "m": "cm"}
_WORDS = {"notice": "notice", "warning": "warning", "critical": "serious warning"}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_BETWEEN = "|"


@dataclass(frozen=True, slots=True)
class LevelFields:
    """The two fields of one level, as text."""

    severity: str
    word: str
    enter: str
    leave: str


@dataclass(frozen=True, slots=True)
class RuleFields:
    """What the form shows of a rule; `is_common`: the form can change its levels."""

    rule: Rule
    label: str
    side: str
    unit: str
    levels: Sequence[LevelFields]
    is_common: bool


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """A place that a rule can be about."""

    value: str
    name: str


def is_common(rule: Rule) -> bool:
    """Tell whether the form can show all that makes a rule what it is."""
    return rule.kind in COMMON and rule.input == type(rule.input)()


def fields_of(rule: Rule) -> RuleFields:
    """Write a rule into the fields of the form; the rule must be one that can be used."""
    settled = Settled(rule, kind_of(rule.kind))
    read_in = _read_in(settled)
    side = settled.side or Side.BELOW
    levels = [_level_fields(one, settled.unit or "", read_in) for one in settled.lines]
    label = KINDS[rule.kind].label
    return RuleFields(rule, label, side.value, symbol(read_in), levels, is_common(rule))


def read_fields(form: Form, base: Rule) -> Rule:
    """Make a rule of what the form sends, keeping what it does not show; raises ConfigError."""
    settled = Settled(base, kind_of(base.kind))
    side = settled.side or Side.BELOW
    levels = [
        level for severity in _WORDS if (level := _read_level(form, severity, side)) is not None
    ]
    if not levels:
        raise ConfigError("levels", "write where at least one of them begins")
    return structs.replace(
        base,
        name=form.one("name")[:200],
        enabled=True,
        scope=_with_depth(base.scope, form),
        unit=_read_in(settled) or None,
        levels=levels,
    )


def scope_of(place: str) -> Scope:
    """Read a place that was chosen: of a site, or of a thing of it; "" is everywhere."""
    parts = place.split(_BETWEEN)
    if parts == [""]:
        return Scope()
    if len(parts) == 1:
        return Scope(site=parts[0])
    if len(parts) == 3:
        return Scope(site=parts[0], gateway=parts[1], thing=parts[2])
    raise ConfigError("place", "choose one of the list")


def place_of(site: str, gateway: str = "", thing: str = "") -> str:
    """Write a place as a choice."""
    return _BETWEEN.join((site, gateway, thing)) if thing else site


def new_key(kind: str, scope: Scope, taken: Collection[str]) -> str:
    """Make a key that no rule has yet."""
    parts = [scope.site or "all", *([scope.thing] if scope.thing else []), kind.replace("_", "-")]
    stem = re.sub(r"[^a-z0-9_.-]", "-", "-".join(parts))[:120]
    if stem not in taken:
        return stem
    return next(f"{stem}-{n}" for n in range(2, len(taken) + 3) if f"{stem}-{n}" not in taken)


def describe(rule: Rule, names: Mapping[str, str]) -> str:
    """Say what a rule waits for: "Kubuqi North: warning below 50 %; Apr to Oct"."""
    settled = Settled(rule, kind_of(rule.kind))
    side = (settled.side or Side.BELOW).value
    said = [
        f"{_WORDS[one.severity.name.lower()]} {side} {_written(one.threshold, settled)}"
        for one in settled.lines
    ]
    # One that is or is not so has no level to speak of.
    levels = "" if _is_yes_or_no(settled) else f": {', '.join(said)}"
    months = "" if not rule.months else f"; {_season(rule.months)}"
    return f"{_where(rule.scope, names)}{levels}{months}."


def symbol(code: str) -> str:
    """Give how a unit is written."""
    try:
        return {"1": "", "d": "days"}.get(code, unit(code).symbol) if code else ""
    except ContractError:
        return code


def _read_in(settled: Settled) -> str:
    if settled.rule.unit is not None:
        return settled.rule.unit
    own = settled.unit or ""
    return _READ_IN.get(own, own)


def _level_fields(line: Line, own: str, read_in: str) -> LevelFields:
    severity = line.severity.name.lower()
    enter, leave = (_in(one, own, read_in) for one in (line.threshold, line.leave))
    return LevelFields(severity, _WORDS[severity], enter, leave)


def _in(value: Decimal, own: str, read_in: str) -> str:
    shown = convert(value, own, read_in) if own != read_in else value
    return f"{shown.normalize():f}"


def _is_yes_or_no(settled: Settled) -> bool:
    return settled.input is InputKind.STATE and settled.unit == "1"


def _written(threshold: Decimal, settled: Settled) -> str:
    """Write a threshold with its unit; seconds as hours or minutes where they come out even."""
    own, read_in = settled.unit or "", _read_in(settled)
    if read_in == "s":
        for length, name in ((3600, "h"), (60, "min")):
            if threshold % length == 0:
                return f"{threshold / length:f} {name}"
    shown = _in(threshold, own, read_in).replace("-", "\N{MINUS SIGN}")
    return f"{shown} {symbol(read_in)}".strip()


def _read_level(form: Form, severity: str, side: Side) -> LevelRule | None:
    enter = _decimal(form, f"enter_{severity}")
    if enter is None:
        return None
    leave = _decimal(form, f"leave_{severity}")
    if side is Side.BELOW:
        return LevelRule(severity=severity, below=enter, leave=leave)  # type: ignore[arg-type]  # one of _WORDS
    return LevelRule(severity=severity, above=enter, leave=leave)  # type: ignore[arg-type]  # one of _WORDS


def _decimal(form: Form, name: str) -> Decimal | None:
    text = form.one(name).replace(",", ".").replace("\N{MINUS SIGN}", "-")
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > 10**9:
        raise ConfigError(name.replace("_", " "), f"'{text[:40]}' is no number; write such as 12.5")
    return value


def _with_depth(scope: Scope, form: Form) -> Scope:
    low, high = _decimal(form, "depth_from"), _decimal(form, "depth_to")
    if low is None and high is None:
        return structs.replace(scope, depth_m=None)
    if low is None or high is None or not 0 <= low <= high:
        raise ConfigError("depth", "write both depths in cm, the shallower first")
    return structs.replace(scope, depth_m=(low / 100, high / 100))


def _where(scope: Scope, names: Mapping[str, str]) -> str:
    site = names.get(scope.site or "", scope.site) or "All sites"
    parts = [site, scope.thing or "", scope.sensor or "", scope.property or ""]
    if scope.gateway and not scope.thing:
        parts.append(f"gateway {scope.gateway}")
    if scope.depth_m:
        low, high = (f"{(one * 100).normalize():f}" for one in scope.depth_m)
        parts.append(f"{low} cm deep" if low == high else f"{low} to {high} cm deep")
    return ", ".join(one for one in parts if one)


def _season(months: Sequence[int]) -> str:
    """Name months: "Apr to Oct", or one by one where they do not follow each other."""
    wanted = sorted(set(months))
    names = [_MONTHS[one - 1] for one in wanted]
    if len(wanted) > 2 and wanted[-1] - wanted[0] == len(wanted) - 1:
        return f"{names[0]} to {names[-1]}"
    return ", ".join(names)
