"""What notices say: each joined with its change, its rule and its place into one fact."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from server.alerts.condition import Severity
from server.alerts.machine import Change
from server.db.alert_tables import alert_watch
from server.db.notify_tables import message
from server.db.tables import location, observed_property, site, thing, thing_location
from server.notify.matching import N, R, T, W, notices
from server.words.facts import AlertFact, Occasion, Place

# Databases take so many values in one question without trouble.
_AT_ONCE = 500


def read_facts(connection: Connection, notice_ids: Sequence[int]) -> dict[int, AlertFact]:
    """Read what notices say, by their ids; those that are gone are left out."""
    rows: list[Row[Any]] = []
    for first in range(0, len(notice_ids), _AT_ONCE):
        some = list(notice_ids[first : first + _AT_ONCE])
        rows += connection.execute(_query().where(N.id.in_(some))).all()
    labels = _labels(connection, {_property(row) for row in rows})
    return {row.id: _fact(row, labels) for row in rows}


def notices_of(connection: Connection, message_ids: Sequence[int]) -> list[int]:
    """List the notices that messages carry, in their order."""
    query = select(message.c.notice_id).where(message.c.id.in_(list(message_ids)))
    found = connection.execute(query.order_by(message.c.notice_id)).scalars()
    return [one for one in found if one is not None]


def _query() -> Select[Any]:
    # A gateway has no site of its own: that of its first station speaks for it.
    home = (
        select(func.min(thing.c.site_id))
        .where(thing.c.gateway_id == W.gateway_id)
        .correlate(alert_watch)
        .scalar_subquery()
    )
    own = thing.alias("own")
    tables = (
        notices()
        .outerjoin(site, site.c.id == func.coalesce(W.site_id, home))
        .outerjoin(own, own.c.id == W.thing_id)
        .outerjoin(thing_location, thing_location.c.thing_id == own.c.id)
        .outerjoin(location, location.c.id == thing_location.c.location_id)
    )
    return select(
        *(N.id, N.reason, N.created_at, W.id.label("watch_id"), W.gateway_id, W.level, W.since),
        *(R.kind.label("rule_kind"), R.name.label("rule_name")),
        *(T.id.label("transition_id"), T.kind.label("change"), T.at, T.since.label("began")),
        *(T.level_from, T.level_to, T.evidence),
        *(site.c.key.label("site_key"), site.c.name.label("site_name"), site.c.time_zone),
        *(own.c.name.label("thing_name"), location.c.lat, location.c.lon),
    ).select_from(tables)


def _labels(connection: Connection, keys: set[str]) -> Mapping[str, str]:
    wanted = sorted(keys - {""})
    if not wanted:
        return {}
    of = observed_property.c
    rows = connection.execute(select(of.key, of.label).where(of.key.in_(wanted)))
    return {row.key: row.label for row in rows}


def _property(row: Row[Any]) -> str:
    return str((row.evidence or {}).get("property") or "")


def _fact(row: Row[Any], labels: Mapping[str, str]) -> AlertFact:
    evidence: Mapping[str, Any] = row.evidence or {}
    soil: Mapping[str, Any] = evidence.get("soil") or {}
    change, level, before = _change(row)
    key = _property(row)
    return AlertFact(
        key=str(row.transition_id or f"notice-{row.id}"),
        kind=row.rule_kind,
        change=change,
        level=level,
        level_before=before,
        place=_place(row, evidence),
        at_ms=row.at or row.created_at,
        since_ms=row.began or row.since or row.created_at,
        rule=row.rule_name,
        property=key,
        property_label=labels.get(key, ""),
        unit=str(evidence.get("unit") or "1"),
        value=evidence.get("value"),
        threshold=evidence.get("threshold"),
        worst=evidence.get("worst"),
        share=evidence.get("share"),
        soil=str(soil.get("texture") or ""),
        soil_assumed=bool(soil.get("assumed")),
        watch_id=row.watch_id,
        occasion=Occasion(row.reason),
    )


def _change(row: Row[Any]) -> tuple[Change, Severity, Severity]:
    """Say what changed; where a change was taken back, how it stands without it."""
    if row.change is not None:
        return Change(row.change), Severity(row.level_to), Severity(row.level_from)
    if row.level:
        return Change.RAISED, Severity(row.level), Severity.NORMAL
    return Change.CLEARED, Severity.NORMAL, Severity.WARNING


def _place(row: Row[Any], evidence: Mapping[str, Any]) -> Place:
    return Place(
        site_key=row.site_key or "",
        site=row.site_name or row.gateway_id,
        zone=row.time_zone or "UTC",
        thing=row.thing_name or "",
        gateway=row.gateway_id,
        depth_m=evidence.get("depth_m"),
        height_m=evidence.get("height_m"),
        lat=row.lat,
        lon=row.lon,
    )
