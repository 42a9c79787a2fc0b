"""How the fields of a catalogue entry may be sampled: what of it cannot be meant."""

from collections.abc import Iterator, Sequence

from wire.catalogue.fields import Field, Problem, Statistic

# Statistics that mean something of what a counter added.
_OF_INCREMENTS = (Statistic.SUM, Statistic.MAX, Statistic.NONZERO_SECONDS)
# Statistics of a whole interval, of which a part would not be what the name says.
_OF_ALL = (Statistic.SUM, Statistic.NONZERO_SECONDS, Statistic.LAST)


def check_sampling(fields: Sequence[Field]) -> Iterator[Problem]:
    """Find statistics that do not fit their field."""
    for index, field in enumerate(fields):
        for key, fault in _faults(field, fields):
            yield Problem(("field", index, key), f"field '{field.property}': {fault}")


def _faults(field: Field, fields: Sequence[Field]) -> Iterator[tuple[str, str]]:
    """Name the key at fault and what to do."""
    for key in ("wraps_at", "max_per_s"):
        number = getattr(field, key)
        if number is not None and not field.cumulative:
            yield key, f"'{key}' is of a counter: set cumulative = true"
        if number is not None and number <= 0:
            yield key, f"'{key}' must be above 0"
    if field.drift < 0 or (field.drift and not field.cumulative):
        yield "drift", "'drift' is of a running total (cumulative = true), and above 0"
    if field.drift and field.wraps_at is not None:
        yield "drift", "what wraps is counted and does not drift: leave one of them away"
    if field.cumulative and field.statistic not in _OF_INCREMENTS:
        yield "statistic", "of a cumulative field it must be sum, max or nonzero_seconds"
    if field.over_s is not None and field.statistic in _OF_ALL:
        yield "over_s", f"'{field.statistic}' is over the whole interval: leave over_s away"
    if field.statistic is Statistic.VECTOR_MEAN and not _has_speed(fields):
        yield "statistic", "a vector_mean is weighted by wind_speed: the model needs that field"


def _has_speed(fields: Sequence[Field]) -> bool:
    return any(one.property == "wind_speed" for one in fields)
