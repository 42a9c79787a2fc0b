"""What would follow if a soil were said: sensor by sensor, before anything is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from server.db.deployments import stands_now
from server.db.tables import datastream, deployment, latest, observed_property, thing
from server.soil.book import Where, read_profiles, read_site_profile
from server.soil.ground import Ground, Layer, Profile, with_layer
from server.soil.relative import RELATIVE
from server.soil.saying import gateways_of

_MOST = 40


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor in the soil whose figures change, and its newest relative water in percent.

    `now` and `then` are "" while it has told nothing.
    """

    thing: str
    depth: str
    now: str
    then: str


@dataclass(frozen=True, slots=True)
class Follows:
    """What would follow: the soil before and after, and the place's profile then.

    `sensors` are those whose figures change, `others` more of them that are only counted; `there`
    counts all sensors of soil water at the place.
    """

    before: Ground
    after: Ground
    profile: Profile
    sensors: Sequence[Sensor]
    others: int
    there: int


def foresee(connection: Connection, where: Where, ground: Ground) -> Follows:
    """Tell what would follow from saying this of a place; raises ConfigError where it cannot be."""
    layer = Layer(ground, where.from_m, where.to_m)
    profiles = read_profiles(connection, gateways_of(connection, where))
    if where.thing_id is not None:
        own = profiles[where.thing_id]
    else:
        own = read_site_profile(connection, where.site_id or 0)
    after = _with(own, where, layer)
    found = connection.execute(_sensors(where))
    rows = [one for one in found if one.thing_id in profiles]  # not one that has just come
    changed = [
        _sensor(row, before, then)
        for row in rows
        if (before := profiles[row.thing_id].at(row.depth_m)).limits
        != (then := _with(profiles[row.thing_id], where, layer).at(row.depth_m)).limits
    ]
    left_out = max(0, len(changed) - _MOST)
    return Follows(own.at(_middle(where)), ground, after, changed[:_MOST], left_out, len(rows))


def _with(profile: Profile, where: Where, layer: Layer) -> Profile:
    if where.thing_id is not None:
        return replace(profile, thing=with_layer(profile.thing, layer))
    return replace(profile, site=with_layer(profile.site, layer))


def _middle(where: Where) -> float | None:
    """Choose a depth within a layer; None for all depths."""
    if where.from_m is None and where.to_m is None:
        return None
    first = where.from_m or 0.0
    return first if where.to_m is None else (first + where.to_m) / 2


def _sensor(row: Row[Any], before: Ground, then: Ground) -> Sensor:
    depth = "at an unknown depth" if row.depth_m is None else f"{100 * row.depth_m:g} cm deep"
    if row.value is None:
        return Sensor(row.name, depth, "", "")
    water = before.limits.water_at(row.value)
    return Sensor(row.name, depth, _percent(row.value), _percent(then.limits.relative(water)))


def _percent(relative: float) -> str:
    return f"{100 * relative:.0f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")


def _sensors(where: Where) -> Select[Any]:
    """Find the series of relative water at a place, with the newest value and depth of each."""
    here = thing.c.id == where.thing_id
    if where.thing_id is None:
        here = thing.c.site_id == where.site_id
    return (
        select(datastream.c.thing_id, thing.c.name, deployment.c.depth_m, latest.c.value)
        .join(thing, thing.c.id == datastream.c.thing_id)
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .outerjoin(latest, latest.c.datastream_id == datastream.c.id)
        .outerjoin(deployment, stands_now())
        .where(observed_property.c.key == RELATIVE, here)
        .order_by(thing.c.name, deployment.c.depth_m, datastream.c.id)
    )
