"""The transforms a catalogue entry may name. A released version never changes: it gets a next one.

A name is `what/version`. Each takes its sources in the units that the catalogue gives their fields,
and its parameters; it gives the derived property in its unit. It computes on single numbers (the
gateway's local page) as on arrays (the server), each number by itself: an array may hold those of
many batches and series.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Numbers = TypeVar("Numbers", float, "NDArray[np.float64]")

_ICE_POINT_K = 273.15


@dataclass(frozen=True, slots=True)
class Transform:
    """A function of `sources` numbers, or arrays of them, and of the named parameters.

    `then` computes on from its result. Two are equal when they compute the same with the same
    parameters.
    """

    compute: Callable[..., Any]
    sources: int = 1
    parameters: tuple[str, ...] = ()
    given: tuple[float, ...] = ()
    then: "Transform | None" = None
    # Its parameters and after them those of what follows on it; and what it computes, whatever its
    # parameters are, the same for all of one kind. Asked of each series of each batch.
    all_given: tuple[float, ...] = field(init=False, repr=False, compare=False)
    kind: tuple[Callable[..., Any], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put together what is asked often."""
        then = self.then
        object.__setattr__(self, "all_given", self.given + (then.all_given if then else ()))
        object.__setattr__(self, "kind", (self.compute, *(then.kind if then else ())))

    def __call__(self, *values: Numbers) -> Numbers:
        """Compute; as many values as there are sources."""
        return self.computed(*values, given=self.all_given)

    def computed(self, *values: Numbers, given: Sequence[Any]) -> Numbers:
        """Compute with other parameters than its own: numbers, or arrays of them."""
        own = len(self.given)
        result: Numbers = self.compute(*values, *given[:own])
        return result if self.then is None else self.then.computed(result, given=given[own:])

    def with_parameters(self, values: Mapping[str, float]) -> "Transform":
        """Give the same with its parameters; raises KeyError for one that is not there."""
        if not self.parameters:
            return self
        return replace(self, given=tuple(float(values[name]) for name in self.parameters))

    def followed_by(self, last: "Transform") -> "Transform":
        """Give what computes `last`, of one source, from the result of this one."""
        return replace(self, then=last if self.then is None else self.then.followed_by(last))


def teros12_mineral(raw: Numbers) -> Numbers:
    """Volumetric water content in m3/m3 of mineral soil from the calibrated counts (RAW).

    METER TEROS 11/12 manual, section 4.1: VWC = 3.879e-4 x RAW - 0.6956.
    """
    return 3.879e-4 * raw - 0.6956


def topp_1980(permittivity: Numbers) -> Numbers:
    """Volumetric water content in m3/m3 of mineral soil from its relative permittivity.

    Topp, Davis and Annan 1980, 10.1029/WR016i003p00574; up to some 0.5 m3/m3.
    """
    return -5.3e-2 + permittivity * (2.92e-2 + permittivity * (-5.5e-4 + permittivity * 4.3e-6))


def percent(value: Numbers) -> Numbers:
    """Give a fraction from percent."""
    return value / 100.0


def relative_water(vwc: Numbers, field_capacity: float, wilting_point: float) -> Numbers:
    """Relative extractable water: 0 at the wilting point, 1 at field capacity, beyond as it comes.

    All three in m3/m3. It tells how dry a soil is whatever its texture, see server.soil.water.
    """
    return (vwc - wilting_point) / (field_capacity - wilting_point)


def sonic_height(distance_m: Numbers, air_c: Numbers, reference_m: float) -> Numbers:
    """Height of a surface in m over where it was when `reference_m` lay between it and the sensor.

    The distance is as for sound at 0 degrees Celsius; in warmer air sound is faster and the surface
    further away (Campbell SR50A manual: multiply by sqrt((T + 273.15) / 273.15)).
    """
    root: Numbers = ((air_c + _ICE_POINT_K) / _ICE_POINT_K) ** 0.5
    return reference_m - distance_m * root


def height_below(distance_m: Numbers, reference_m: float) -> Numbers:
    """Height of a surface in m as above, from a distance that is right as it is."""
    return reference_m - distance_m


TRANSFORMS: Mapping[str, Transform] = {
    "teros12-mineral/1": Transform(teros12_mineral),
    "topp-1980/1": Transform(topp_1980),
    "percent/1": Transform(percent),
    "relative-water/1": Transform(relative_water, parameters=("field_capacity", "wilting_point")),
    "sonic-height/1": Transform(sonic_height, sources=2, parameters=("reference_m",)),
    "height-below/1": Transform(height_below, parameters=("reference_m",)),
}
