"""Values that mean "no value": what the catalogue says an instrument sends in place of one.

A gateway with the same catalogue has turned them into missing ones already; this is for values that
came from an older one, or from a node that knows no catalogue.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.quality.flags import Int32s
from wire.catalogue import SensorModel, Statistic
from wire.quality import FLAG_MASK, Flag
from wire.units import convert

Floats = NDArray[np.float64]


class NoValue(NamedTuple):
    """A value, as the double nearest to it, and why it is none."""

    value: float
    reason: str


def no_values_for(
    model: SensorModel, property_key: str, unit: str, statistic: str
) -> tuple[NoValue, ...]:
    """List what a model sends for "no value", in the unit of the series.

    A mean or a sum is computed from values; only what was sent as it was read can be none.
    """
    field = model.field_for(property_key)
    if field is None or statistic != Statistic.LAST:
        return ()
    return tuple(
        NoValue(float(convert(one.value, field.unit, unit)), one.reason)
        for one in model.sentinel
        if one.value is not None and (not one.properties or property_key in one.properties)
    )


def without(
    value: Floats, quality: Int32s, no_values: Sequence[NoValue]
) -> tuple[Floats, Int32s, Mapping[int, str]]:
    """Make missing what is no value; returns values, quality and the reasons by index."""
    reasons: dict[int, str] = {}
    for one in no_values:
        reasons.update(dict.fromkeys(np.flatnonzero(value == one.value).tolist(), one.reason))
    if not reasons:
        return value, quality, reasons
    where = np.zeros(len(value), dtype=np.bool_)
    where[list(reasons)] = True
    tests = quality & ~np.int32(FLAG_MASK)
    missing = np.where(where, tests | np.int32(Flag.MISSING), quality).astype(np.int32)
    return np.where(where, np.nan, value), missing, reasons
