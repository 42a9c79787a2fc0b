"""Where a warning holds, as CAP draws it: a polygon around stations, or a circle (WGS 84)."""

from collections.abc import Sequence

Position = tuple[float, float]
"""Latitude and longitude."""

_RADIUS_KM = 1.0


def polygon(positions: Sequence[Position]) -> str | None:
    """Write the hull of positions as CAP does: `lat,lon` pairs, closed; None of fewer than three.

    Positions on one line have no hull either. Counter-clockwise (Andrew's monotone chain).
    """
    hull = _hull(positions)
    if len(hull) < 3:
        return None
    return " ".join(_pair(one) for one in [*hull, hull[0]])


def circle(positions: Sequence[Position]) -> str | None:
    """Write a circle of a kilometre about the middle of positions; None of none."""
    if not positions:
        return None
    lats, lons = zip(*positions, strict=True)
    middle = (sum(lats) / len(lats), sum(lons) / len(lons))
    return f"{_pair(middle)} {_RADIUS_KM:g}"


def _pair(position: Position) -> str:
    """Write one: latitude first, which GeoJSON does the other way round."""
    return f"{position[0]:.5f},{position[1]:.5f}"


def _hull(positions: Sequence[Position]) -> list[Position]:
    points = sorted({(lon, lat) for lat, lon in positions})
    lower, upper = _chain(points), _chain(points[::-1])
    return [(lat, lon) for lon, lat in lower[:-1] + upper[:-1]]


def _chain(points: Sequence[Position]) -> list[Position]:
    kept: list[Position] = []
    for point in points:
        while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
            kept.pop()
        kept.append(point)
    return kept


def _turn(a: Position, b: Position, c: Position) -> float:
    """Give twice the area of a triangle, above zero for one that turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
