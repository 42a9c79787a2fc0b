"""What people ask of watches: what is active now, what became of one, and by which evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from server.alerts.condition import Level
from server.alerts.machine import Change
from server.db.alert_tables import alert_act, alert_rule, alert_transition, alert_watch
from server.db.tables import site, thing
from server.watch.evidence import about, series_of
from server.watch.rows import read_watches

MOST = 1_000


class Aspect(StrEnum):
    """By what watches are chosen when they are listed; one may be in several of these."""

    ACTIVE = "active"
    UNKNOWN = "unknown"
    ACKNOWLEDGED = "acknowledged"
    SHELVED = "shelved"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which watches are listed: all that fit what is given, from the one after `after` on.

    No aspect: what is in any of them. A site's are also those of its stations' gateways.
    """

    site: str | None = None
    kind: str | None = None
    aspect: Aspect | None = None
    after: int = 0
    limit: int = MOST


class Standing(StrEnum):
    """How a watch stands, for people: what was active and is silent is not known to be so."""

    NORMAL = "normal"
    ACTIVE = "active"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a watch is about; keys and names are "" where it is about no such thing."""

    rule: str
    rule_name: str
    kind: str
    gateway: str
    site: str
    site_name: str
    thing: str
    thing_name: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A watch as it is shown; instants are milliseconds UTC.

    `evidence` is that of the transition that made its level what it is.
    """

    id: int
    subject: Subject
    level: int
    since_ms: int | None
    silent_since_ms: int | None
    acked_at_ms: int | None
    acked_by: str
    shelved_until_ms: int | None
    shelved_by: str
    suppressed_by: int | None
    evidence: Mapping[str, Any]

    @property
    def standing(self) -> Standing:
        """How it stands."""
        if self.silent_since_ms is not None:
            return Standing.UNKNOWN
        return Standing.ACTIVE if self.level else Standing.NORMAL


@dataclass(frozen=True, slots=True)
class Happened:
    """A transition on record; one that turned out not to be true has `superseded_at_ms`."""

    id: int
    kind: Change
    at_ms: int
    since_ms: int
    recorded_at_ms: int
    level_from: int
    level_to: int
    evidence: Mapping[str, Any]
    corrected: bool
    superseded_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Acted:
    """What somebody did about a watch."""

    at_ms: int
    who: str
    act: str
    note: str
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Lines:
    """What a plot of the evidence shows: which series, and at which values levels are entered."""

    datastream_ids: Sequence[int]
    levels: Sequence[Level]
    unit: str


_W = alert_watch.c
_T = alert_transition.c


def read_active(connection: Connection, site_key: str | None = None) -> list[Shown]:
    """Read what is active now, the worst first; of watches that are silent too."""
    where = [_W.level > 0]
    if site_key is not None:
        where.append(site.c.key == site_key)
    return _read(connection, *where)


def read_standing(connection: Connection, asked: Asked, now_ms: int) -> list[Shown]:
    """Read what is not simply normal, by id: active, silent, or shelved."""
    where = [_W.id > asked.after, _in_aspect(asked.aspect, now_ms)]
    if asked.kind is not None:
        where.append(alert_rule.c.kind == asked.kind)
    if asked.site is not None:
        where.append(_at_site(asked.site))
    return _read(connection, *where, order=(_W.id,), limit=asked.limit)


def _in_aspect(aspect: Aspect | None, now_ms: int) -> ColumnElement[bool]:
    chosen = {
        Aspect.ACTIVE: and_(_W.level > 0, _W.silent_since.is_(None)),
        Aspect.UNKNOWN: _W.silent_since.is_not(None),
        Aspect.ACKNOWLEDGED: and_(_W.level > 0, _W.acked_at.is_not(None)),
        Aspect.SHELVED: _W.shelved_until > now_ms,
    }
    return or_(*chosen.values()) if aspect is None else chosen[aspect]


def _at_site(key: str) -> ColumnElement[bool]:
    other = site.alias("home")
    here = exists(
        select(thing.c.id)
        .join(other, other.c.id == thing.c.site_id)
        .where(thing.c.gateway_id == _W.gateway_id, other.c.key == key)
        .correlate(alert_watch)
    )
    return or_(site.c.key == key, and_(_W.site_id.is_(None), here))


def read_watch(connection: Connection, watch_id: int) -> Shown | None:
    """Read one watch; None when there is none of that number in force."""
    found = _read(connection, _W.id == watch_id)
    return found[0] if found else None


def read_history(connection: Connection, watch_id: int, limit: int = MOST) -> list[Happened]:
    """Read what became of a watch, the newest first, with what turned out not to be true."""
    columns = (
        *(_T.id, _T.kind, _T.at, _T.since, _T.recorded_at, _T.level_from, _T.level_to),
        *(_T.evidence, _T.corrected, _T.superseded_at),
    )
    rows = connection.execute(
        select(*columns)
        .where(_T.watch_id == watch_id)
        .order_by(_T.at.desc(), _T.id.desc())
        .limit(limit)
    )
    return [Happened(id_, Change(kind), *rest) for id_, kind, *rest in rows]


def read_acts(connection: Connection, watch_id: int, limit: int = MOST) -> list[Acted]:
    """Read what people did about a watch, the newest first."""
    of = alert_act.c
    rows = connection.execute(
        select(of.at, of.who, of.act, of.note, of.until)
        .where(of.watch_id == watch_id)
        .order_by(of.at.desc(), of.id.desc())
        .limit(limit)
    )
    return [Acted(*row) for row in rows]


def read_lines(connection: Connection, watch_id: int) -> Lines | None:
    """Read what a plot of a watch's evidence shows; None when there is no such watch."""
    found = read_watches(connection, _W.id == watch_id)
    if not found:
        return None
    (watch,) = found
    return Lines(series_of(watch), watch.condition.levels, watch.basis.unit)


_WORST_FIRST = (_W.level.desc(), _W.since.desc(), _W.id)


def _read(
    connection: Connection,
    *where: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]] = _WORST_FIRST,
    limit: int = MOST,
) -> list[Shown]:
    newest = (
        select(func.max(_T.id))
        .where(
            _T.watch_id == _W.id,
            _T.superseded_at.is_(None),
            _T.level_to == _W.level,
            _T.kind.not_in([Change.LOST.value, Change.FOUND.value]),
        )
        .correlate(alert_watch)
        .scalar_subquery()
    )
    rule = alert_rule.c
    rows = connection.execute(
        select(
            *(_W.id, rule.key, rule.name, rule.kind, _W.gateway_id),
            *(site.c.key, site.c.name, thing.c.key, thing.c.name),
            *(_W.level, _W.since, _W.silent_since, _W.acked_at, _W.acked_by),
            *(_W.shelved_until, _W.shelved_by, _W.suppressed_by, _T.evidence),
        )
        .join(alert_rule, rule.id == _W.rule_id)
        .outerjoin(site, site.c.id == _W.site_id)
        .outerjoin(thing, thing.c.id == _W.thing_id)
        .outerjoin(alert_transition, _T.id == newest)
        .where(_W.retired_at.is_(None), *where)
        .order_by(*order)
        .limit(limit)
    )
    shown = [_shown(*row) for row in rows]
    unsaid = [one.id for one in shown if not one.evidence]
    if not unsaid:
        return shown
    # Nothing has become of these yet: where they look is all there is to say.
    told = {one.id: about(one) for one in read_watches(connection, _W.id.in_(unsaid))}
    return [one if one.evidence else replace(one, evidence=told[one.id]) for one in shown]


def _shown(id_: int, *row: Any) -> Shown:
    keys, (level, since, silent, acked_at, acked_by, *rest) = row[:8], row[8:]
    shelved_until, shelved_by, suppressed_by, evidence = rest
    return Shown(
        id=id_,
        subject=Subject(*(one or "" for one in keys)),
        level=level,
        since_ms=since,
        silent_since_ms=silent,
        acked_at_ms=acked_at,
        acked_by=acked_by or "",
        shelved_until_ms=shelved_until,
        shelved_by=shelved_by or "",
        suppressed_by=suppressed_by,
        evidence=evidence or {},
    )
