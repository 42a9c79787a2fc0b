"""Keeps watches in step with what they follow from: inventories, rules, soils, time zones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Connection, Engine, func, select

from server.alerts.rules import Scope
from server.alerts.settling import settle
from server.db.alert_tables import alert_rule
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import gateway, site, soil, thing, thing_location
from server.soil.book import grounds_of
from server.watch.keeping.isolation import Isolation, Stage
from server.watch.rules.book import enter_defaults, read_rules
from server.watch.rules.expand import expand
from server.watch.rules.subjects import Measured, read_others, read_subjects
from server.watch.rules.wanted import Ruled, Wants
from wire.errors import ConfigError

RULE_UNUSABLE = "rule_unusable"

log = structlog.get_logger(__name__)

_State = tuple[object, ...]
"""Something that is another when what it is read of is; to be compared only."""


@dataclass(slots=True)
class Renewal:
    """Remembers what each gateway's watches were made of; at first all are looked through."""

    engine: Engine
    isolation: Isolation = field(default_factory=Isolation)
    _origins: _State = ()
    _made_of: dict[str, _State] = field(default_factory=dict)

    def step(self, now_ms: int) -> list[str]:
        """Renew what is not in step; gives the gateways that were not."""
        origins, rules, gateways = self._read()
        if origins != self._origins and gateways:
            with writing(self.engine) as connection:
                enter_defaults(connection, now_ms)
            self._origins, rules, gateways = self._read()
        stale = {
            one: (rules, state)
            for one, state in gateways.items()
            if self._made_of.get(one) != (rules, state)
        }
        if stale:
            self._renew(stale, now_ms)
        return list(stale)

    def _read(self) -> tuple[_State, _State, dict[str, _State]]:
        """Read what rules by default follow from, what is in force, and what there is to watch."""
        with self.engine.connect() as connection:
            return _read_origins(connection), _read_force(connection), _read_gateways(connection)

    def _renew(self, stale: Mapping[str, _State], now_ms: int) -> None:
        with self.engine.connect() as connection:
            wants = Wants(_read_ruled(connection), self._others)
        step = Stage("renew", self.isolation)
        for one, made_of in stale.items():
            if step.run(one, partial(self._renew_at, one, wants, now_ms)):
                self._made_of[one] = made_of

    def _renew_at(self, gateway_id: str, wants: Wants, now_ms: int) -> bool:
        with writing(self.engine) as connection:
            lock_gateways(connection, [gateway_id])
            subjects = read_subjects(connection, gateway_id)
            wants.grounds = grounds_of(connection, subjects.wet)
            return expand(connection, gateway_id, wants.at(subjects), now_ms)

    def _others(self, scope: Scope) -> Sequence[Measured]:
        with self.engine.connect() as connection:
            return read_others(connection, scope)


def _read_ruled(connection: Connection) -> list[Ruled]:
    """Read the rules that are switched on; one that cannot be used stops no other."""
    found = []
    for one in read_rules(connection):
        try:
            if one.rule.enabled:
                found.append(Ruled(one.id, settle(one.rule)))
        except ConfigError as error:
            log.warning(RULE_UNUSABLE, error=str(error))
    return found


def _read_origins(connection: Connection) -> _State:
    sites = connection.execute(select(site.c.id, site.c.key).order_by(site.c.id)).all()
    soils = connection.execute(select(func.count(), func.max(soil.c.said_at))).one()
    things = connection.execute(select(func.count(thing.c.id))).scalar_one()
    # Where a site lies tells its seasons, and may be said later than what is there.
    places = connection.execute(
        select(func.count(), func.max(thing_location.c.location_id)).select_from(thing_location)
    ).one()
    return (tuple(map(tuple, sites)), tuple(soils), things, tuple(places))


def _read_force(connection: Connection) -> _State:
    soils = connection.execute(select(func.count(), func.max(soil.c.said_at))).one()
    rules = connection.execute(
        select(func.count(), func.sum(alert_rule.c.rev), func.max(alert_rule.c.changed_at))
    ).one()
    zones = connection.execute(select(site.c.id, site.c.time_zone).order_by(site.c.id)).all()
    return (tuple(rules), tuple(map(tuple, zones)), tuple(soils))


def _read_gateways(connection: Connection) -> dict[str, _State]:
    rows = connection.execute(select(gateway.c.id, gateway.c.inventory_rev, gateway.c.inventory_at))
    return {id_: (rev, at) for id_, rev, at in rows}
