"""QARTOD test 4, gross range: a value that the instrument cannot have measured fails.

Source: IOOS QARTOD manuals, test 4; the fail span is the catalogue's `span` of the model's field.
"""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from server.quality.flags import Int32s, merge
from wire.catalogue import SensorModel
from wire.quality import Flag, Test
from wire.units import convert

Span = tuple[float, float]


def span_for(model: SensorModel, property_key: str, unit: str) -> Span | None:
    """Give the span of a model's property in the unit of the series; None when there is none.

    Raises ContractError when the units differ in dimension.
    """
    field = model.field_for(property_key)
    if field is None or field.span is None:
        return None
    low, high = (_in_unit(limit, field.unit, unit) for limit in field.span)
    return low, high


def gross_range(value: NDArray[np.float64], quality: Int32s, span: Span) -> Int32s:
    """Fail what lies outside the closed span; a missing value (NaN) is left as it is."""
    low, high = span
    outside = (value < low) | (value > high)
    return merge(quality, outside, Flag.FAIL, Test.GROSS_RANGE)


def _in_unit(limit: Decimal, source: str, target: str) -> float:
    return float(limit if source == target else convert(limit, source, target))
