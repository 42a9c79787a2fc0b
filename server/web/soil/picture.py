"""What a soil holds at each depth, to be drawn as bands and told in figures. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from server.soil.ground import Ground, Layer, Profile
from server.soil.water import readily_mm

# Drawn down to at least this, and so far below where the last layer begins.
_LEAST_M, _BELOW_M = 1.0, 0.3
# In units of the drawing: 2 a percent of water, 120 a metre.
_PER_PERCENT, _PER_M = 2.0, 120.0
_MOST_PERCENT = 60
_LEFT, _TOP, _FOOT = 44.0, 8.0, 22.0


@dataclass(frozen=True, slots=True)
class Band:
    """The soil from a depth to another (m)."""

    from_m: float
    to_m: float
    ground: Ground


@dataclass(frozen=True, slots=True)
class Figures:
    """What a soil holds: shares of its volume in percent, water for plants in mm a metre of it."""

    wilting_point: str
    field_capacity: str
    saturation: str
    available_mm: str
    readily_mm: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the drawing, and which water it stands for."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A word at an axis, at a place of the drawing."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing in its own units, and what it shows in words."""

    width: float
    height: float
    boxes: Sequence[Box]
    depths: Sequence[Mark]
    shares: Sequence[Mark]
    sentence: str


def figures(ground: Ground) -> Figures:
    """Write the figures of a soil."""
    limits = ground.limits
    total_mm = limits.total_mm(1.0)
    return Figures(
        _percent(limits.wilting_point),
        _percent(limits.field_capacity),
        "" if limits.saturation is None else _percent(limits.saturation),
        f"{total_mm:.0f} mm",
        f"{readily_mm(total_mm):.0f} mm",
    )


def bands(profile: Profile) -> list[Band]:
    """Give what holds at each depth, from the surface down; neighbours that are alike are one."""
    layers = (*profile.thing, *profile.site)
    edges = {one for layer in layers for one in (layer.from_m, layer.to_m) if one}
    lowest = max([_LEAST_M, *(edge + _BELOW_M for edge in edges)])
    cuts = sorted({0.0, lowest, *edges})
    found: list[Band] = []
    for first, end in pairwise(cuts):
        ground = profile.at((first + end) / 2)
        is_same = bool(found) and found[-1].ground == ground
        found.append(Band(found.pop().from_m if is_same else first, end, ground))
    return found


def draw(profile: Profile) -> Picture:
    """Draw the water that a soil holds by depth: bound, hard to take, easy to take, and drained."""
    found = bands(profile)
    height = _PER_M * found[-1].to_m
    told = "; ".join(_told(one, is_last=one is found[-1]) for one in found)
    return Picture(
        _LEFT + _MOST_PERCENT * _PER_PERCENT + 16,
        _TOP + height + _FOOT,
        [box for one in found for box in _boxes(one)],
        [Mark(f"{100 * at:g} cm", _LEFT - 4, _y(at) + 4) for at in (b.from_m for b in found)],
        [
            Mark(f"{at} %", _LEFT + at * _PER_PERCENT, _TOP + height + 16)
            for at in range(0, _MOST_PERCENT + 1, 20)
        ],
        f"Water that the soil holds, by depth: {told}",
    )


def only(layers: Sequence[Layer]) -> Profile:
    """Give the profile of a site that holds these layers."""
    return Profile(site=tuple(layers))


def _boxes(band: Band) -> Iterator[Box]:
    limits = band.ground.limits
    ends = {
        "bound": limits.wilting_point,
        "hard": limits.water_at(0.5),
        "easy": limits.field_capacity,
        "drained": limits.saturation,
    }
    begin = 0.0
    for kind, share in ends.items():
        if share is None:
            return
        end = min(100 * share, _MOST_PERCENT)
        width = _PER_PERCENT * max(0.0, end - begin)
        height = _PER_M * (band.to_m - band.from_m)
        x = _LEFT + _PER_PERCENT * begin
        yield Box(kind, round(x, 1), round(_y(band.from_m), 1), round(width, 1), round(height, 1))
        begin = max(begin, end)


def _y(depth_m: float) -> float:
    return _TOP + _PER_M * depth_m


def _told(band: Band, *, is_last: bool) -> str:
    limits = band.ground.limits
    depths = f"from {100 * band.from_m:g} cm"
    if not is_last:
        depths = f"{depths} to {100 * band.to_m:g} cm"
    return (
        f"{depths} {_percent(limits.wilting_point)} at the wilting point, "
        f"{_percent(limits.field_capacity)} at field capacity"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
