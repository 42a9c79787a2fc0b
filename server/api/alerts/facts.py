"""Makes of watches and their changes the facts that sentences are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from server.alerts.condition import Severity
from server.alerts.machine import Change
from server.db.alert_tables import alert_rule, alert_transition, alert_watch
from server.db.tables import location, observed_property, site, thing, thing_location
from server.watch.reading import Happened, Shown, Subject
from server.words.facts import AlertFact, Place
from server.words.legible import legible


@dataclass(frozen=True, slots=True)
class Home:
    """A site as sentences name it, with its IANA time zone."""

    key: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What facts need beside watches: sites by key and by gateway, labels by property."""

    sites: Mapping[str, Home]
    gateways: Mapping[str, Home]
    labels: Mapping[str, str]

    def home(self, subject: Subject) -> Home:
        """Give the site of a subject; a gateway is at home where its first station stands."""
        own = self.sites.get(subject.site) or self.gateways.get(subject.gateway)
        return own or Home("", subject.gateway, "UTC")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A change with the watch it is of, as feeds tell of it.

    What late readings took back is told as such, from then on: `fact.is_taken_back`.
    """

    watch_id: int
    fact: AlertFact
    recorded_at_ms: int
    told_at_ms: int


# What the name of a message ends in that takes another one back.
TAKEN_BACK = "-taken-back"

_T, _W = alert_transition.c, alert_watch.c


def read_surroundings(connection: Connection) -> Surroundings:
    """Read the names of all sites, of the homes of gateways, and of what is measured."""
    rows = connection.execute(select(site.c.id, site.c.key, site.c.name, site.c.time_zone))
    by_id = {id_: Home(key, legible(name), zone) for id_, key, name, zone in rows}
    first = select(thing.c.gateway_id, func.min(thing.c.site_id)).group_by(thing.c.gateway_id)
    homes = {gateway: by_id[id_] for gateway, id_ in connection.execute(first)}
    of = observed_property.c
    labels = {row.key: row.label for row in connection.execute(select(of.key, of.label))}
    return Surroundings({one.key: one for one in by_id.values()}, homes, labels)


def fact_of(shown: Shown, around: Surroundings) -> AlertFact:
    """Say how a watch stands now."""
    since_ms = shown.since_ms or 0
    change = Change.RAISED if shown.level else Change.CLEARED
    if shown.silent_since_ms is not None:
        change, since_ms = Change.LOST, shown.silent_since_ms
    level = Severity(shown.level)
    happened = _Change(f"watch-{shown.id}", change, level, Severity.NORMAL, since_ms, since_ms)
    return _fact(shown.id, shown.subject, happened, shown.evidence, around)


def fact_of_change(shown: Shown, one: Happened, around: Surroundings) -> AlertFact:
    """Say what a change of a watch was."""
    levels = Severity(one.level_to), Severity(one.level_from)
    happened = _Change(str(one.id), one.kind, *levels, one.at_ms, one.since_ms)
    return _fact(shown.id, shown.subject, happened, one.evidence, around)


def read_changes(
    connection: Connection, site_key: str, around: Surroundings, limit: int
) -> list[Recorded]:
    """Read what was told of a site last, the newest first."""
    return _read_changes(connection, around, _at_site(site_key), limit=limit)


def read_change(
    connection: Connection, site_key: str, transition_id: int, around: Surroundings
) -> Recorded | None:
    """Read one change at a site; None for one that is not there."""
    where = (_at_site(site_key), _T.id == transition_id)
    found = _read_changes(connection, around, *where, limit=1)
    return found[0] if found else None


def _at_site(key: str) -> ColumnElement[bool]:
    """Be at a site; what concerns a gateway concerns the sites of its stations."""
    home = site.alias("home")
    here = exists(
        select(thing.c.id)
        .join(home, home.c.id == thing.c.site_id)
        .where(thing.c.gateway_id == _W.gateway_id, home.c.key == key)
        .correlate(alert_watch)
    )
    return or_(site.c.key == key, and_(_W.site_id.is_(None), here))


def is_told(change: Change, level: int) -> bool:
    """Tell whether feeds tell of a change: not of silence where nothing was warned of."""
    return change not in _SILENCE or level > Severity.NORMAL


_SILENCE = (Change.LOST, Change.FOUND)


@dataclass(frozen=True, slots=True)
class _Change:
    key: str
    change: Change
    level: Severity
    before: Severity
    at_ms: int
    since_ms: int


def _read_changes(
    connection: Connection, around: Surroundings, *where: ColumnElement[bool], limit: int
) -> list[Recorded]:
    rule = alert_rule.c
    told_at = func.coalesce(_T.superseded_at, _T.recorded_at)
    rows = connection.execute(
        select(
            *(_T.id, _T.kind, _T.level_to, _T.level_from, _T.at, _T.since, _T.evidence),
            *(_T.recorded_at, _T.superseded_at, _W.id, location.c.lat, location.c.lon),
            *(rule.key, rule.name, rule.kind, _W.gateway_id),
            *(site.c.key, site.c.name, thing.c.key, thing.c.name),
        )
        .select_from(alert_transition)
        .join(alert_watch, _W.id == _T.watch_id)
        .join(alert_rule, rule.id == _W.rule_id)
        .outerjoin(site, site.c.id == _W.site_id)
        .outerjoin(thing, thing.c.id == _W.thing_id)
        .outerjoin(thing_location, thing_location.c.thing_id == thing.c.id)
        .outerjoin(location, location.c.id == thing_location.c.location_id)
        .where(or_(_T.kind.not_in([one.value for one in _SILENCE]), _T.level_to > 0), *where)
        .order_by(told_at.desc(), _T.id.desc())
        .limit(limit)
    )
    return [_recorded(tuple(row), around) for row in rows]


def _recorded(row: Sequence[Any], around: Surroundings) -> Recorded:
    id_, kind, to, before, at, since, evidence, recorded, taken_back, watch_id, *rest = row
    lat, lon, *keys = rest
    subject = Subject(*(one or "" for one in keys))
    happened = _Change(str(id_), Change(kind), Severity(to), Severity(before), at, since)
    fact = _fact(watch_id, subject, happened, evidence or {}, around, (lat, lon))
    if taken_back is None:
        return Recorded(watch_id, fact, recorded, recorded)
    gone = replace(fact, key=f"{id_}{TAKEN_BACK}", is_taken_back=True)
    return Recorded(watch_id, gone, recorded, taken_back)


_NOWHERE: tuple[float | None, float | None] = (None, None)


def _fact(
    watch_id: int,
    subject: Subject,
    happened: _Change,
    evidence: Mapping[str, Any],
    around: Surroundings,
    position: tuple[float | None, float | None] = _NOWHERE,
) -> AlertFact:
    soil: Mapping[str, Any] = evidence.get("soil") or {}
    key = str(evidence.get("property") or "")
    return AlertFact(
        key=happened.key,
        kind=subject.kind,
        change=happened.change,
        level=happened.level,
        level_before=happened.before,
        place=_place(subject, evidence, around, position),
        at_ms=happened.at_ms,
        since_ms=happened.since_ms,
        rule=subject.rule_name or subject.rule,
        property=key,
        property_label=around.labels.get(key, ""),
        unit=str(evidence.get("unit") or "1"),
        value=evidence.get("value"),
        threshold=evidence.get("threshold"),
        worst=evidence.get("worst"),
        share=evidence.get("share"),
        soil=str(soil.get("texture") or ""),
        soil_assumed=bool(soil.get("assumed")),
        watch_id=watch_id,
    )


def _place(
    subject: Subject,
    evidence: Mapping[str, Any],
    around: Surroundings,
    position: tuple[float | None, float | None],
) -> Place:
    home = around.home(subject)
    return Place(
        site_key=home.key,
        site=home.name,
        zone=home.zone,
        thing=subject.thing_name or subject.thing,
        gateway=subject.gateway,
        depth_m=evidence.get("depth_m"),
        height_m=evidence.get("height_m"),
        lat=position[0],
        lon=position[1],
    )
