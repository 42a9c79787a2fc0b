"""What is wrong with a rule before any series is looked at: each fault with its remedy."""

import re
from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches

from server.alerts.condition import HOUR_MS, Side
from server.alerts.kinds import InputKind, Pace
from server.alerts.measures import alike, dimension, require_unit
from server.alerts.rules import LevelRule, Rule, duration_ms
from server.alerts.settled import OF_FIXED_UNIT, Line, Settled
from wire.errors import ContractError
from wire.properties import PROPERTIES

_OFTEN = (InputKind.SAMPLE, InputKind.MEAN)
# What may be judged, where a kind leaves a choice.
_INPUTS = {
    "dry_soil": (*_OFTEN, InputKind.ROOT_ZONE_MEAN),
    "frost": _OFTEN,
    "heat": _OFTEN,
    "strong_wind": _OFTEN,
    "sandstorm": _OFTEN,
    "gateway_battery": _OFTEN,
    "threshold": (*_OFTEN, InputKind.SUM, InputKind.ROOT_ZONE_MEAN),
    "rate": (InputKind.RATE, InputKind.RISE),
}
_WINDOWED = (InputKind.MEAN, InputKind.SUM, InputKind.RATE, InputKind.RISE, InputKind.FAULT_SHARE)
_KEY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,126}")
_DURATIONS = ("on_delay", "off_delay", "silence", "realarm")
_NUMBERS = ("below", "above", "leave", "deadband")
_MOST = Decimal(10) ** 12
_LONGEST_WINDOW_MS = 60 * 24 * HOUR_MS


def faults(settled: Settled) -> Iterator[str]:
    """Find all faults of a rule whose kind is known, as `where: what; remedy`."""
    unreadable = [*_of_words(settled.rule), *_of_numbers(settled.rule)]
    if unreadable:
        yield from unreadable
        return  # nothing can be compared with them
    yield from _of_scope(settled)
    yield from _of_input(settled)
    of_unit = list(_of_unit(settled))
    yield from of_unit
    of_levels = [fault for level in settled.rule.levels for fault in _of_level(settled, level)]
    of_levels += _of_level_list(settled) if not of_levels else ()
    yield from of_levels
    if not of_unit and not of_levels:
        yield from _of_lines(settled)


def _of_words(rule: Rule) -> Iterator[str]:
    if not _KEY.fullmatch(rule.key):
        yield (
            f"key: '{rule.key}' is no key; use small letters, digits, '-', '_' and '.', such as "
            "dune-dry-soil"
        )
    durations = {key: getattr(rule, key) for key in _DURATIONS}
    for where, text in {**durations, "input.window": rule.input.window}.items():
        try:
            duration_ms("0 s" if text is None else text)
        except ValueError as error:
            yield f"{where}: {error}"
    for month in rule.months:
        if not 1 <= month <= 12:
            yield f"months: there is no month {month}; write some of 1 to 12, such as [4, 5]"


def _of_numbers(rule: Rule) -> Iterator[str]:
    depths = rule.scope.depth_m or ()
    numbers: list[tuple[str, Decimal | None]] = [
        ("min_share", rule.min_share),
        ("input.threshold", rule.input.threshold),
        *(("scope.depth_m", depth) for depth in depths),
        *(
            (f"level '{level.severity}' {key}", getattr(level, key))
            for level in rule.levels
            for key in _NUMBERS
        ),
    ]
    for where, number in numbers:
        if number is not None and not _is_usable(number):
            yield f"{where}: {number} is no number that a sensor can give; correct it"
    if rule.min_share is not None and _is_usable(rule.min_share) and not 0 <= rule.min_share <= 1:
        yield f"min_share: {rule.min_share} is no share; give one from 0 to 1, such as 0.75"


def _is_usable(number: Decimal) -> bool:
    return number.is_finite() and abs(number) <= _MOST


def _of_scope(settled: Settled) -> Iterator[str]:
    scope, kind = settled.rule.scope, settled.kind
    if scope.property is not None and scope.property not in PROPERTIES:
        like = get_close_matches(scope.property, PROPERTIES, n=1)
        hint = f"did you mean '{like[0]}'?" if like else "see docs/wire.md for those we know"
        yield f"scope.property: unknown property '{scope.property}'; {hint}"
    if kind.pace in (Pace.GATEWAY, Pace.SILENCE):
        for key in ("property", "depth_m", "sensor"):
            if getattr(scope, key) is not None:
                yield f"scope.{key}: kind '{kind.key}' looks at no series; leave it out"
    elif scope.property is None and not kind.properties and kind.levels == ():
        yield f"scope.property: kind '{kind.key}' looks at any property; name the one you mean"
    if scope.depth_m is not None and not 0 <= scope.depth_m[0] <= scope.depth_m[1]:
        yield "scope.depth_m: write [from, to] in metres below the surface, such as [0.05, 0.3]"


def _of_input(settled: Settled) -> Iterator[str]:
    own, kind = settled.rule.input, settled.kind
    allowed = _INPUTS.get(kind.key, (kind.input,))
    if settled.input not in allowed:
        yield (
            f"input.of: kind '{kind.key}' cannot be judged by '{settled.input}'; "
            f"use {' or '.join(allowed)}"
        )
    if own.window is not None:
        yield from _of_window(settled)
    if settled.input is InputKind.DIFFERENCE:
        if own.other is None or own.other.thing is None:
            yield 'input.other: say what to compare with; such as other = { thing = "dune-2" }'
    elif own.other is not None:
        yield f"input.other: kind '{kind.key}' compares with nothing; leave it out"
    if own.threshold is not None and settled.input is not InputKind.DAYS_TO_THRESHOLD:
        yield "input.threshold: is for getting_dry alone; write the line under [[rule.level]]"
    elif own.threshold is None and settled.input is InputKind.DAYS_TO_THRESHOLD:
        yield from _of_drying_line(settled)


def _of_drying_line(settled: Settled) -> Iterator[str]:
    if not settled.is_of_the_kinds_properties:
        yield (
            f"input.threshold: say to which {settled.rule.scope.property} days are counted, "
            "such as threshold = 0.08"
        )


def _of_window(settled: Settled) -> Iterator[str]:
    if settled.input not in (*_WINDOWED, InputKind.DAYS_TO_THRESHOLD):
        yield f"input.window: '{settled.input}' has no window; leave it out"
    elif settled.window_ms % HOUR_MS or not HOUR_MS <= settled.window_ms <= _LONGEST_WINDOW_MS:
        yield "input.window: values are by the hour; give whole hours, from 1 h to 60 d"


def _of_unit(settled: Settled) -> Iterator[str]:
    if settled.unit is None:
        return  # the property is missing or unknown, which is said already
    try:
        require_unit(settled.unit)
    except ContractError:
        yield f"unit: unknown unit '{settled.unit}'; write a UCUM code such as m3/m3, Cel or m/s"
        return
    meant = _meant_unit(settled)
    if meant is not None and dimension(settled.unit) != dimension(meant):
        yield (
            f"unit: '{settled.unit}' is a {dimension(settled.unit)}, and this rule is about a "
            f"{dimension(meant)}; use {' or '.join(alike(meant))}"
        )


def _meant_unit(settled: Settled) -> str | None:
    if settled.input in OF_FIXED_UNIT:
        return settled.kind.unit
    for key in settled.properties:
        if key in PROPERTIES:
            return PROPERTIES[key].unit
    return None


def _of_level_list(settled: Settled) -> Iterator[str]:
    kind, levels = settled.kind, settled.rule.levels
    if not levels and not kind.levels:
        yield f"level: kind '{kind.key}' has no levels of its own; write at least one"
    elif not levels and not settled.is_of_the_kinds_properties:
        yield (
            f"level: the levels of kind '{kind.key}' are for {' or '.join(kind.properties)}; "
            f"write your own for {settled.rule.scope.property}"
        )
    named = [level.severity for level in levels]
    for severity in sorted({one for one in named if named.count(one) > 1}):
        yield f"level: '{severity}' is there more than once; each severity has one level"
    if len({level.below is None for level in levels}) > 1:
        yield "level: some are below and some above; make two rules of it"


def _of_level(settled: Settled, level: LevelRule) -> Iterator[str]:
    where = f"level '{level.severity}'"
    if (level.below is None) == (level.above is None):
        yield f"{where}: write below or above, and only one of them"
    elif settled.kind.side is not None and _side(level) is not settled.kind.side:
        yield (
            f"{where}: kind '{settled.kind.key}' is told of when values are {settled.kind.side} "
            f"a line; write {settled.kind.side}, or use kind 'threshold'"
        )
    elif level.leave is not None and level.deadband is not None:
        yield f"{where}: leave and deadband say the same; write one of them"
    elif level.deadband is not None and level.deadband < 0:
        yield f"{where}: a deadband of {level.deadband} cannot be; give 0 or more"
    elif level.leave is None and settled.unit is not None and _has_no_deadband(settled, level):
        yield (
            f"{where}: nothing says when it is over; write deadband = … "
            "(above the noise of the sensor; 0 if it may flap)"
        )


def _side(level: LevelRule) -> Side:
    return Side.ABOVE if level.below is None else Side.BELOW


def _has_no_deadband(settled: Settled, level: LevelRule) -> bool:
    try:
        return settled.deadband(level) is None
    except ContractError:
        return False  # the unit is at fault, which is said already


def _of_lines(settled: Settled) -> Iterator[str]:
    """Levels must be nested: see `server.alerts.condition.Condition`."""
    if settled.side is None:
        return
    sign = 1 if settled.side is Side.BELOW else -1
    milder: Line | None = None
    for line in settled.lines:
        where = f"level '{line.severity.name.lower()}'"
        if sign * (line.leave - line.threshold) < 0:
            yield (
                f"{where}: it would be left at {_plain(line.leave)} before it is entered at "
                f"{_plain(line.threshold)}; put leave on the other side of the threshold"
            )
        if milder is not None:
            yield from _of_nesting(where, sign, milder, line)
        milder = line


def _of_nesting(where: str, sign: int, milder: Line, line: Line) -> Iterator[str]:
    name = milder.severity.name.lower()
    if sign * (milder.threshold - line.threshold) <= 0:
        yield (
            f"{where}: {_plain(line.threshold)} is not beyond the {_plain(milder.threshold)} of "
            f"'{name}'; swap them"
        )
    elif sign * (milder.threshold - line.leave) < 0:
        yield (
            f"{where}: its deadband up to {_plain(line.leave)} crosses the threshold "
            f"{_plain(milder.threshold)} of '{name}'; make it narrower"
        )


def _plain(value: Decimal) -> str:
    """Write a decimal without exponent or needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
