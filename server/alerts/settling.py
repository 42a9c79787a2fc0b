"""From a rule to the condition of one series; refusals say what is wrong, where, and the remedy."""

from dataclasses import dataclass
from decimal import Decimal

from server.alerts.checking import faults
from server.alerts.condition import HOUR_MS, YEAR_ROUND, Condition, Level, Season, Side
from server.alerts.kinds import Pace, kind_of
from server.alerts.measures import convert
from server.alerts.rules import Rule, duration_ms
from server.alerts.settled import OF_FIXED_UNIT, Line, Settled
from wire.errors import ConfigError, ContractError

_SILENCE_INTERVALS = 3
_LEAST_SILENCE_MS = 2 * HOUR_MS
# What is no series is looked at this often.
_STATE_STEP_MS = 60_000
# Where a rule names no months nobody asks for the zone.
_NO_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Series:
    """What a rule is applied to: a datastream, or a thing or gateway (no property, no unit).

    `interval_s`: how often it is sampled; 0 when it is irregular. `zone`: the site's.
    """

    name: str
    property: str = ""
    unit: str = ""
    interval_s: float = 0.0
    zone: str = _NO_ZONE


def faults_of(rule: Rule, source: str = "") -> list[ConfigError]:
    """Find all that is wrong with a rule by itself; empty when it can be used."""
    where = source or f"rule '{rule.key}'"
    try:
        kind = kind_of(rule.kind)
    except KeyError as error:
        return [ConfigError(where, f"kind: {error.args[0]}")]
    return [ConfigError(where, fault) for fault in faults(Settled(rule, kind))]


def settle(rule: Rule, source: str = "") -> Settled:
    """Put a rule and its kind together; raises the first ConfigError of `faults_of`."""
    for fault in faults_of(rule, source):
        raise fault
    return Settled(rule, kind_of(rule.kind))


def condition_of(settled: Settled, series: Series) -> Condition:
    """Make the condition of one series, in its unit; raises ConfigError where they do not fit."""
    interval_ms = _interval_ms(settled, series)
    silence_ms = _silence_ms(settled, interval_ms)
    _refuse_misfits(settled, series, interval_ms, silence_ms)
    return Condition(
        side=settled.side or Side.BELOW,
        levels=tuple(_level(settled, series, line) for line in settled.lines),
        interval_ms=interval_ms,
        silence_ms=silence_ms,
        on_delay_ms=settled.on_delay_ms,
        off_delay_ms=settled.off_delay_ms,
        min_share=settled.min_share,
        season=None if settled.months >= YEAR_ROUND else Season(settled.months, series.zone),
    )


def value_unit(settled: Settled, series: Series) -> str:
    """Give the unit of the values that a condition is judged on."""
    return settled.unit or "" if settled.input in OF_FIXED_UNIT else series.unit


def _interval_ms(settled: Settled, series: Series) -> int:
    if settled.pace is Pace.SAMPLE:
        return round(series.interval_s * 1000)
    if settled.pace is Pace.HOUR:
        return max(HOUR_MS, round(series.interval_s * 1000))
    return _STATE_STEP_MS


def _silence_ms(settled: Settled, interval_ms: int) -> int:
    own = settled.rule.silence
    return duration_ms(own) if own else max(_SILENCE_INTERVALS * interval_ms, _LEAST_SILENCE_MS)


def _level(settled: Settled, series: Series, line: Line) -> Level:
    return Level(
        line.severity,
        float(_converted(settled, series, line.threshold)),
        float(_converted(settled, series, line.leave)),
    )


def _converted(settled: Settled, series: Series, value: Decimal) -> Decimal:
    target = value_unit(settled, series)
    try:
        return convert(value, settled.unit or target, target, is_difference=settled.is_difference)
    except ContractError as error:
        raise _misfit(
            settled, series, f"unit: {error}; give the levels in a unit like '{target}'"
        ) from None


def _refuse_misfits(settled: Settled, series: Series, interval_ms: int, silence_ms: int) -> None:
    if series.property and settled.properties and series.property not in settled.properties:
        raise _misfit(
            settled,
            series,
            f"scope.property: the rule is about {' or '.join(settled.properties)}, the series is "
            f"{series.property}; name that property and levels for it",
        )
    if silence_ms <= interval_ms:
        raise _misfit(
            settled,
            series,
            f"silence: {settled.rule.silence} is not longer than the interval of "
            f"{interval_ms / 1000:g} s, so that every sample would follow a gap; give a longer one",
        )
    for key in ("on_delay", "off_delay"):
        own = getattr(settled.rule, key)
        if own and 0 < duration_ms(own) < interval_ms:
            raise _misfit(
                settled,
                series,
                f"{key}: {own} is shorter than the interval of {interval_ms / 1000:g} s; "
                "give that or more, or 0 s to go by a single sample",
            )


def _misfit(settled: Settled, series: Series, fault: str) -> ConfigError:
    return ConfigError(f"rule '{settled.rule.key}' on {series.name}", fault)
