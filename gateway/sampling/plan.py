"""How one sensor is sampled and what its observations are: its settings and its catalogue entry."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gateway.sampling.counters import longest_s
from wire.catalogue import Field, SensorModel, Statistic
from wire.properties import Aggregate, observed_property

# WMO-No. 8, vol. III, ch. 1: two thirds of the samples, three quarters for 2-min and 10-min wind.
MIN_SHARE_PERCENT = 66
MIN_WIND_SHARE_PERCENT = 75
_WIND_INTERVAL_MS = 120_000
_ONE_SECOND_MS = 1000

# What many samples of a property come to, where the catalogue has nothing but the last of them.
_OVER_SAMPLES = {
    Aggregate.MEAN: Statistic.MEAN,
    Aggregate.SUM: Statistic.SUM,
    Aggregate.MAX: Statistic.MAX,
    Aggregate.VECTOR_MEAN: Statistic.VECTOR_MEAN,
}
# What only samples of every second can tell.
_OF_SECONDS = (Statistic.NONZERO_SECONDS, Statistic.GUST)
# What one sample has none of.
_OF_MANY = (Statistic.MEAN, Statistic.VECTOR_MEAN, Statistic.GUST)
_OF_WIND = (Statistic.MEAN, Statistic.VECTOR_MEAN)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One field as it is sampled; readings come under `key`.

    `over_ms`: of the end of the interval only. `keeps_all`: a sum that no number of samples makes
    wrong, for a reading that failed is made up for by the next one.
    """

    field: Field
    key: str
    statistic: Statistic
    min_percent: int = MIN_SHARE_PERCENT
    over_ms: int | None = None
    keeps_all: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How often a sensor is read (or speaks), how often it is reported, and what of it.

    `speed_key` is where its wind speed comes, by which directions are weighted; `talks` says that
    it speaks by itself.
    """

    sample_ms: int
    interval_ms: int
    fields: tuple[Sampled, ...]
    speed_key: str = ""
    talks: bool = False

    @property
    def is_single(self) -> bool:
        """Tell whether each sample is an observation."""
        return self.sample_ms == self.interval_ms


def plan_of(model: SensorModel, interval_s: float, sample_s: float | None = None) -> Plan:
    """Plan a sensor. One that is asked is sampled once an interval, unless told otherwise."""
    if sample_s is None:
        sample_s = model.every_s if model.talks else interval_s
    sample_ms, interval_ms = _ms(sample_s), _ms(interval_s)
    every_second = sample_ms <= _ONE_SECOND_MS
    speed = model.field_for("wind_speed")
    return Plan(
        sample_ms,
        interval_ms,
        tuple(
            _sampled(model, field, sample_ms, interval_ms)
            for field in model.field
            if every_second or field.statistic not in _OF_SECONDS
        ),
        _key(model, speed) if speed else "",
        model.talks,
    )


def _sampled(model: SensorModel, field: Field, sample_ms: int, interval_ms: int) -> Sampled:
    single = sample_ms == interval_ms
    statistic = field.statistic if model.talks else _asked_statistic(field, single=single)
    is_wind = field.property.startswith("wind_") and statistic in _OF_WIND
    long_wind = is_wind and interval_ms >= _WIND_INTERVAL_MS
    over_ms = None if single or field.over_s is None else min(_ms(field.over_s), interval_ms)
    return Sampled(
        field,
        _key(model, field),
        statistic,
        MIN_WIND_SHARE_PERCENT if long_wind else MIN_SHARE_PERCENT,
        over_ms,
        # An asked gauge gives what fell since it was last asked.
        keeps_all=statistic is Statistic.SUM and (field.cumulative or not model.talks),
    )


def _asked_statistic(field: Field, *, single: bool) -> Statistic:
    """Choose what is reported of a sensor that is asked: of one sample that sample, of many a mean.

    A sum stays one: the gauge adds up what fell since it was last asked.
    """
    if single:
        return Statistic.LAST if field.statistic in _OF_MANY else field.statistic
    if field.statistic is not Statistic.LAST:
        return field.statistic
    aggregate = observed_property(field.property).aggregate
    return _OVER_SAMPLES.get(aggregate, Statistic.LAST)


def faults(
    model: SensorModel, interval_s: float, sample_s: float | None
) -> Iterator[tuple[str, str]]:
    """Find settings that cannot be meant: the key, and what to do about it."""
    if interval_s < 1 and any(one.statistic is not Statistic.LAST for one in model.field):
        yield "interval_s", "must be at least 1"
    plan = plan_of(model, interval_s, sample_s)
    key = "interval_s" if sample_s is None else "sample_s"
    if plan.sample_ms > plan.interval_ms:
        fault = f"{_text(plan.interval_ms)} s hold no sample every {_text(plan.sample_ms)} s: "
        yield key, fault + "make interval_s longer or sample_s shorter"
    elif plan.interval_ms % plan.sample_ms and not model.talks:
        fault = f"interval_s {_text(plan.interval_ms)} is no whole multiple of sample_s "
        yield key, fault + f"{_text(plan.sample_ms)}: choose one that is"
    counters = (_counter_fault(one.field, plan.sample_ms) for one in plan.fields)
    yield from ((key, fault) for fault in counters if fault)


def _counter_fault(field: Field, sample_ms: int) -> str | None:
    """Tell of a counter that could pass through its whole range unseen."""
    if field.wraps_at is None or field.max_per_s is None:
        return None
    longest = longest_s(field.wraps_at, field.max_per_s)
    if Decimal(sample_ms) / 1000 < longest:
        return None
    return (
        f"the counter of {field.property} wraps at {field.wraps_at} and may count "
        f"{field.max_per_s} a second: set sample_s to {int(longest)} or less"
    )


def _key(model: SensorModel, field: Field) -> str:
    """Name what readings of a field come under: a talker's key, or the property that was asked."""
    return (field.key or "") if model.talks else field.property


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(ms: int) -> str:
    return f"{ms / 1000:g}"
