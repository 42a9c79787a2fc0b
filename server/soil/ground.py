"""What is said of the soil of a place, and what holds at a depth there. Pure.

Nobody need say anything: then a soil is assumed, and shown as assumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from server.soil.texture import (
    CLASSES,
    DRYLAND_ORGANIC_PERCENT,
    MAX_CLAY,
    MAX_ORGANIC_PERCENT,
    Texture,
    class_of,
    limits_of,
)
from server.soil.water import Limits
from wire.errors import ConfigError

# With less between wilting point and field capacity no sensor tells them apart.
MIN_AVAILABLE = 0.01
ASSUMED_CLASS = "sand"


class Origin(StrEnum):
    """Where the limits of a soil's water are from."""

    ENTERED = "entered"  # by a person, both of them
    TEXTURE = "texture"  # estimated, at least one of them
    ASSUMED = "assumed"  # nobody has said anything


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of a soil; None for what they did not.

    Sand and clay are shares of the mineral soil, organic matter is in percent, water in m3/m3.
    """

    sand: float | None = None
    clay: float | None = None
    organic_percent: float | None = None
    wilting_point: float | None = None
    field_capacity: float | None = None
    saturation: float | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """A soil: the limits of its water, and where they are from; `texture` is "" if unknown."""

    limits: Limits
    origin: Origin
    texture: str = ""
    organic_percent: float | None = None

    @property
    def is_assumed(self) -> bool:
        """Tell whether nobody has said what soil it is."""
        return self.origin is Origin.ASSUMED

    @property
    def parameters(self) -> dict[str, float]:
        """Give what relative water is computed by, rounded: a formula is read by people."""
        return {
            "field_capacity": round(self.limits.field_capacity, 4),
            "wilting_point": round(self.limits.wilting_point, 4),
        }


def ground_of(said: Said) -> Ground:
    """Make a soil of what was said; raises ConfigError, naming what to say otherwise."""
    texture = _texture(said)
    estimated = limits_of(texture) if texture else None
    wilting_point, field_capacity = said.wilting_point, said.field_capacity
    is_entered = wilting_point is not None and field_capacity is not None
    if estimated is not None:
        wilting_point = estimated.wilting_point if wilting_point is None else wilting_point
        field_capacity = estimated.field_capacity if field_capacity is None else field_capacity
    if wilting_point is None or field_capacity is None:
        raise ConfigError(
            "soil", "give a texture, or both its field capacity and its wilting point"
        )
    saturation = said.saturation
    if saturation is None and estimated is not None:
        saturation = estimated.saturation
    limits = Limits(wilting_point, field_capacity, saturation)
    _check(limits)
    return Ground(
        limits,
        Origin.ENTERED if is_entered else Origin.TEXTURE,
        class_of(texture.sand, texture.clay) if texture else "",
        texture.organic_percent if texture else None,
    )


def _texture(said: Said) -> Texture | None:
    if said.sand is None and said.clay is None:
        if said.organic_percent is not None:
            raise ConfigError("organic matter", "tells nothing without a texture: give that too")
        return None
    if said.sand is None or said.clay is None:
        raise ConfigError("sand and clay", "give both; the rest is silt")
    if said.sand < 0 or said.clay < 0 or said.sand + said.clay > 1:
        raise ConfigError("sand and clay", "are shares of one soil: together at most 100 %")
    organic = DRYLAND_ORGANIC_PERCENT if said.organic_percent is None else said.organic_percent
    if said.clay > MAX_CLAY or not 0 <= organic <= MAX_ORGANIC_PERCENT:
        raise ConfigError(
            "texture",
            f"water is estimated up to {MAX_CLAY:.0%} clay and {MAX_ORGANIC_PERCENT:.0f} % organic "
            "matter: give field capacity and wilting point instead",
        )
    return Texture(said.sand, said.clay, organic)


def _check(limits: Limits) -> None:
    wilting_point, field_capacity = limits.wilting_point, limits.field_capacity
    saturation = 1.0 if limits.saturation is None else limits.saturation
    if not (wilting_point >= 0 and saturation <= 1):  # nor NaN
        raise ConfigError("water", "is a share of the soil's volume: from 0 to 1, or 0 % to 100 %")
    if not field_capacity - wilting_point >= MIN_AVAILABLE:
        raise ConfigError(
            "field capacity",
            f"{_percent(field_capacity)} must be above the wilting point "
            f"{_percent(wilting_point)}, by {_percent(MIN_AVAILABLE)} at least",
        )
    if not field_capacity <= saturation:
        raise ConfigError(
            "field capacity",
            f"{_percent(field_capacity)} is above saturation {_percent(saturation)}: correct one "
            "of them",
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _assume() -> Ground:
    sand, clay = CLASSES[ASSUMED_CLASS]
    texture = Texture(sand, clay, DRYLAND_ORGANIC_PERCENT)
    return Ground(limits_of(texture), Origin.ASSUMED, ASSUMED_CLASS, DRYLAND_ORGANIC_PERCENT)


ASSUMED = _assume()


@dataclass(frozen=True, slots=True)
class Layer:
    """A soil from one depth (m) to before another; None: no limit on that side."""

    ground: Ground
    from_m: float | None = None
    to_m: float | None = None

    @property
    def is_layer(self) -> bool:
        """Tell whether it is of some depths, and not of all that no other one is for."""
        return self.from_m is not None or self.to_m is not None

    @property
    def depths(self) -> str:
        """Write which depths it is for."""
        if not self.is_layer:
            return "all depths"
        if self.to_m is None:
            return f"from {self.from_m:g} m down"
        return f"{self.from_m or 0:g} to {self.to_m:g} m"

    def holds(self, depth_m: float | None) -> bool:
        """Tell whether a depth is in it."""
        if not self.is_layer:
            return True
        if depth_m is None:
            return False
        return (self.from_m is None or self.from_m <= depth_m) and (
            self.to_m is None or depth_m < self.to_m
        )

    def overlaps(self, other: "Layer") -> bool:
        """Tell whether two layers have depths in common."""
        if not (self.is_layer and other.is_layer):
            return False
        return _begin(self) < _end(other) and _begin(other) < _end(self)


def with_layer(layers: Sequence[Layer], layer: Layer) -> tuple[Layer, ...]:
    """Add a layer of a place, in the place of one of the same depths.

    Raises ConfigError for one that overlaps another.
    """
    others = [one for one in layers if (one.from_m, one.to_m) != (layer.from_m, layer.to_m)]
    for one in others:
        if layer.overlaps(one):
            raise ConfigError(
                "depths",
                f"{layer.depths} overlaps {one.depths}, of which something is said already: "
                "forget that first, or choose depths that do not overlap",
            )
    return (*others, layer)


def _begin(layer: Layer) -> float:
    return float("-inf") if layer.from_m is None else layer.from_m


def _end(layer: Layer) -> float:
    return float("inf") if layer.to_m is None else layer.to_m


@dataclass(frozen=True, slots=True)
class Profile:
    """What was said of a thing's soil, and of its site's."""

    thing: tuple[Layer, ...] = ()
    site: tuple[Layer, ...] = ()

    def at(self, depth_m: float | None) -> Ground:
        """Give the soil at a depth: what was said of the thing before what was of the site.

        Of each, what was said of the depth comes first.
        """
        for layers in (self.thing, self.site):
            found = [one for one in layers if one.holds(depth_m)]
            if found:
                return min(found, key=lambda one: not one.is_layer).ground
        return ASSUMED


NOTHING_SAID = Profile()


@dataclass(frozen=True, slots=True)
class Soils:
    """What was said of sites and of a gateway's things, by their keys."""

    by_site: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)
    by_thing: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)

    def profile(self, site: str, thing: str) -> Profile:
        """Give what was said of a thing that stands at a site."""
        return Profile(self.by_thing.get(thing, ()), self.by_site.get(site, ()))


UNSAID = Soils()
