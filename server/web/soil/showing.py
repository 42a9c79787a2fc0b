"""What soils are known, arranged for the page: sites, and of each what is said nearer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, select

from server.db.tables import site, thing
from server.soil.book import Entry, Where
from server.soil.ground import Ground, Origin, Profile
from server.web.alerts.rule_form import PlaceChoice, place_of, scope_of
from server.web.soil.picture import Figures, Picture, draw, figures, only
from wire.errors import ConfigError

_ORIGINS = {
    Origin.ENTERED: "field capacity and wilting point are entered",
    Origin.TEXTURE: "estimated from its texture",
    Origin.ASSUMED: "nobody has said: this is assumed",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A place that a soil can be said of; `site` and `name` are for people."""

    where: Where
    site: str
    name: str
    site_key: str

    @property
    def title(self) -> str:
        """Name it with its site."""
        return f"{self.site}: {self.name}" if self.name else f"{self.site}, all of it"


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of some depths of a place; `from_cm` and `to_cm` are as the form has them."""

    depths: str
    soil: str
    origin: str
    figures: Figures
    from_cm: str
    to_cm: str
    said_at: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A place of which something is said, or of a site what is assumed."""

    place: str
    name: str
    lines: Sequence[Line]
    picture: Picture


@dataclass(frozen=True, slots=True)
class SiteSoils:
    """A site, all of it first."""

    key: str
    name: str
    places: Sequence[Shown]


def read_places(connection: Connection) -> Mapping[str, Known]:
    """Read all sites and things, by how the form writes them."""
    rows = connection.execute(
        select(
            *(site.c.id, site.c.key, site.c.name, thing.c.id, thing.c.gateway_id),
            *(thing.c.key, thing.c.name),
        )
        .outerjoin(thing, thing.c.site_id == site.c.id)
        .order_by(site.c.name, site.c.key, thing.c.name, thing.c.key)
    )
    found: dict[str, Known] = {}
    for site_id, key, site_name, thing_id, gateway, thing_key, name in rows:
        found.setdefault(place_of(key), Known(Where(site_id=site_id), site_name, "", key))
        if thing_id is not None:
            place = place_of(key, gateway, thing_key)
            found[place] = Known(Where(thing_id=thing_id), site_name, name, key)
    return found


def find_place(places: Mapping[str, Known], place: str) -> Known:
    """Find a place that was chosen; raises ConfigError for none."""
    scope_of(place)
    if place not in places:
        raise ConfigError("Place", "choose one of the list")
    return places[place]


def choices(places: Mapping[str, Known]) -> list[PlaceChoice]:
    """List places to choose from."""
    return [PlaceChoice(key, one.title) for key, one in places.items()]


def arrange(
    entries: Sequence[Entry], places: Mapping[str, Known], only_site: str | None
) -> list[SiteSoils]:
    """Arrange what is said by site; a place that nobody knows any more is left out."""
    found: dict[str, list[Shown]] = {}
    grouped = groupby(entries, key=lambda one: (one.site, one.gateway, one.thing))
    of_site: dict[str, Profile] = {}
    for (key, gateway, thing_key), group in grouped:
        said = list(group)
        place = place_of(key, gateway or "", thing_key or "")
        profile = only([one.layer for one in said])
        if thing_key is None:
            of_site[key] = profile
        else:
            around = of_site.get(key, Profile()).site
            profile = Profile(thing=profile.site, site=around)
        if place in places and only_site in (None, key):
            name = places[place].name or "All of it"
            found.setdefault(key, []).append(
                Shown(place, name, [_line(one, len(said) > 1) for one in said], draw(profile))
            )
    names = {one.site_key: one.site for one in places.values()}
    return [SiteSoils(key, names[key], shown) for key, shown in found.items()]


def told(ground: Ground) -> str:
    """Name a soil."""
    organic = ground.organic_percent
    name = ground.texture or "texture not said"
    return name if organic is None else f"{name}, {organic:g} % organic matter"


def _line(entry: Entry, has_others: bool) -> Line:  # noqa: FBT001 - one of its own module
    layer = entry.layer
    is_rest = has_others and not layer.is_layer
    return Line(
        "all other depths" if is_rest else depths_of(layer.from_m, layer.to_m),
        told(layer.ground),
        _ORIGINS[layer.ground.origin],
        figures(layer.ground),
        _cm(layer.from_m),
        _cm(layer.to_m),
        entry.said_at,
    )


def depths_of(from_m: float | None, to_m: float | None) -> str:
    """Write depths in cm."""
    if from_m is None and to_m is None:
        return "all depths"
    if to_m is None:
        return f"from {_cm(from_m)} cm down"
    return f"{_cm(from_m or 0.0)} to {_cm(to_m)} cm"


def _cm(depth_m: float | None) -> str:
    return "" if depth_m is None else f"{round(100 * depth_m, 3):g}"
