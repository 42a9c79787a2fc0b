"""The rules as they are stored: entered, edited, switched off; and those that a new site gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from msgspec import structs
from sqlalchemy import Connection, Row, func, insert, select, update

from server.alerts.defaults import gateway_rules, site_rules
from server.alerts.rules import Rule, rule_from_json, rule_to_json
from server.alerts.settling import settle
from server.db.alert_tables import alert_rule
from server.db.once import enter_missing
from server.db.tables import location, site, thing, thing_location
from server.soil.book import read_soils
from wire.errors import ConfigError

SYSTEM = "saxaul"


class Put(StrEnum):
    """What became of a rule that was to be kept."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Stored:
    """A rule as it is stored; `changed_at` in ms UTC.

    `fault`: why it cannot be used, which `rule` is then no more than a name for.
    """

    id: int
    rev: int
    rule: Rule
    is_default: bool
    changed_at: int
    changed_by: str
    fault: str = ""


_R = alert_rule.c


def read_rules(connection: Connection) -> list[Stored]:
    """Read all rules, by key."""
    rows = connection.execute(select(alert_rule).order_by(_R.key)).all()
    return [_stored(row) for row in rows]


def _stored(row: Row[Any]) -> Stored:
    rule, fault = Rule(key=row.key, kind=row.kind, name=row.name, enabled=False), ""
    try:
        rule = rule_from_json(row.definition, f"rule '{row.key}'")
    except ConfigError as error:
        fault = str(error)
    changed = (row.changed_at, row.changed_by)
    return Stored(row.id, row.rev, rule, row.is_default, *changed, fault)


def find_rule(connection: Connection, key: str) -> Stored:
    """Find a rule by its key; raises ConfigError that names those there are."""
    rules = read_rules(connection)
    found = next((one for one in rules if one.rule.key == key), None)
    if found is None:
        known = ", ".join(one.rule.key for one in rules) or "none yet"
        raise ConfigError(f"rule '{key}'", f"no such rule; known are: {known}")
    return found


def put_rule(connection: Connection, rule: Rule, now_ms: int, by: str) -> Put:
    """Keep a rule in the place of the one with its key; raises ConfigError for what cannot be."""
    settle(rule)
    site_id, thing_id = _scope_ids(connection, rule)
    before = connection.execute(select(alert_rule).where(_R.key == rule.key)).first()
    values = {
        "kind": rule.kind,
        "name": rule.name,
        "site_id": site_id,
        "thing_id": thing_id,
        "definition": rule_to_json(rule),
        "enabled": rule.enabled,
    }
    if before is not None and all(getattr(before, key) == one for key, one in values.items()):
        return Put.SAME
    values |= {"changed_at": now_ms, "changed_by": by, "is_default": False}
    if before is None:
        connection.execute(insert(alert_rule).values(key=rule.key, **values))
        return Put.ADDED
    connection.execute(
        update(alert_rule).where(_R.id == before.id).values(rev=_R.rev + 1, **values)
    )
    return Put.CHANGED


def switch_off(connection: Connection, key: str, now_ms: int, by: str) -> None:
    """Have a rule watch nothing any more; what it has recorded stays. Raises ConfigError."""
    found = find_rule(connection, key)
    connection.execute(
        update(alert_rule)
        .where(_R.id == found.id)
        .values(
            enabled=False,
            is_default=False,
            definition=rule_to_json(structs.replace(found.rule, enabled=False)),
            changed_at=now_ms,
            changed_by=by,
            rev=_R.rev + 1,
        )
    )


def enter_defaults(connection: Connection, now_ms: int) -> None:
    """Give each site the rules of a new one, by its soil, and what goes for every gateway.

    Where the soil has become another they follow it; what a person has changed stays as it is.
    """
    _enter(connection, gateway_rules(), None, now_ms)
    soils = read_soils(connection, [""])[""]
    latitudes = _latitudes(connection)
    for site_id, key in connection.execute(select(site.c.id, site.c.key).order_by(site.c.id)).all():
        # That of the site as a whole: of no thing, at no depth.
        ground = soils.profile(key, "").at(None)
        rules = site_rules(key, ground, latitudes.get(site_id))
        _enter(connection, rules, site_id, now_ms)
        _renew(connection, rules, now_ms)


def _renew(connection: Connection, rules: Sequence[Rule], now_ms: int) -> None:
    """Write anew the rules by default that would now be others."""
    wanted = {one.key: rule_to_json(one) for one in rules}
    enabled = {one.key: one.enabled for one in rules}
    rows = connection.execute(
        select(_R.id, _R.key, _R.definition).where(_R.is_default, _R.key.in_(wanted))
    ).all()
    for id_, key, definition in rows:
        if definition != wanted[key]:
            connection.execute(
                update(alert_rule)
                .where(_R.id == id_)
                .values(
                    definition=wanted[key],
                    enabled=enabled[key],
                    rev=_R.rev + 1,
                    changed_at=now_ms,
                )
            )


def _enter(connection: Connection, rules: Sequence[Rule], site_id: int | None, now_ms: int) -> None:
    enter_missing(
        connection,
        alert_rule,
        [
            {
                "key": one.key,
                "kind": one.kind,
                "name": one.name,
                "site_id": site_id,
                "definition": rule_to_json(one),
                "enabled": one.enabled,
                "is_default": True,
                "changed_at": now_ms,
                "changed_by": SYSTEM,
            }
            for one in rules
        ],
    )


def _latitudes(connection: Connection) -> dict[int, float]:
    """Give the mean latitude of the things of each site."""
    rows = connection.execute(
        select(thing.c.site_id, func.avg(location.c.lat))
        .join(thing_location, thing_location.c.thing_id == thing.c.id)
        .join(location, location.c.id == thing_location.c.location_id)
        .group_by(thing.c.site_id)
    )
    return {int(site_id): float(lat) for site_id, lat in rows}


def _scope_ids(connection: Connection, rule: Rule) -> tuple[int | None, int | None]:
    """Find what a rule is about; raises ConfigError for a site or thing that is not there."""
    scope = rule.scope
    where = f"rule '{rule.key}': scope"
    site_id = None
    if scope.site is not None:
        found = connection.execute(select(site.c.id).where(site.c.key == scope.site)).scalar()
        if found is None:
            keys = connection.execute(select(site.c.key).order_by(site.c.key)).scalars()
            known = ", ".join(keys) or "none yet"
            raise ConfigError(f"{where}.site", f"no site '{scope.site}'; known are: {known}")
        site_id = int(found)
    if scope.thing is None:
        return site_id, None
    query = select(thing.c.id, thing.c.site_id).where(thing.c.key == scope.thing)
    if site_id is not None:
        query = query.where(thing.c.site_id == site_id)
    if scope.gateway is not None:
        query = query.where(thing.c.gateway_id == scope.gateway)
    things = connection.execute(query).all()
    if not things:
        keys = connection.execute(select(thing.c.key).distinct().order_by(thing.c.key)).scalars()
        known = ", ".join(keys) or "none yet"
        raise ConfigError(f"{where}.thing", f"no thing '{scope.thing}' there; known are: {known}")
    return site_id, int(things[0].id) if len(things) == 1 else None
