"""A watch as it is stored: its condition, how it stands, and what was told of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, select

from server.alerts.condition import HOUR_MS, Condition
from server.alerts.kinds import KINDS, InputKind, Kind
from server.alerts.machine import Machine, machine_from_json
from server.db.alert_tables import alert_rule, alert_watch


class Thermometer(msgspec.Struct, frozen=True):
    """A series that tells whether the soil about a probe is frozen: not above a value, it is."""

    datastream_id: int
    thawed_above: float


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """A series that a watch by the hour is judged on; `depth_m` below the surface, if known."""

    datastream_id: int
    depth_m: float | None = None
    interval_ms: int = HOUR_MS
    thermometer: Thermometer | None = None


class Basis(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a watch is judged by: the rule as it applies to its subject.

    `unit` is that of the values judged, `threshold` what days_to_threshold counts to, in the
    series' unit. `sources` are the series of a watch by the hour, `other` what they are compared
    with; `span_m` bounds a root zone. `thermometer` is that of the soil about a series of water
    that is judged sample by sample. `about` is kept beside the evidence: where and by what the
    first of its series is measured.
    """

    condition: Condition
    realarm_ms: int
    unit: str = ""
    input: InputKind = InputKind.SAMPLE
    window_ms: int = HOUR_MS
    threshold: float | None = None
    sources: tuple[Source, ...] = ()
    other: Source | None = None
    span_m: tuple[float, float] | None = None
    thermometer: Thermometer | None = None
    about: dict[str, str | float | bool | dict[str, str | bool]] = {}


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch. Instants are milliseconds UTC."""

    id: int
    rule_id: int
    rule_rev: int
    kind: Kind
    gateway_id: str
    thing_id: int | None
    datastream_id: int | None
    basis: Basis
    machine: Machine
    folded_until_ms: int | None
    silent_since_ms: int | None
    refold_from_ms: int | None
    base_at_ms: int | None
    base: Machine | None
    told_level: int
    told_at_ms: int | None
    acked_at_ms: int | None
    shelved_until_ms: int | None
    suppressed_by: int | None

    @property
    def condition(self) -> Condition:
        """What it waits for."""
        return self.basis.condition


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A watch in force whose row cannot be read, and why not."""

    id: int
    gateway_id: str
    fault: str


_W = alert_watch.c
_COLUMNS = (
    *(_W.id, _W.rule_id, _W.rule_rev, alert_rule.c.kind, _W.gateway_id, _W.thing_id),
    *(_W.datastream_id, _W.input, _W.machine, _W.folded_until, _W.silent_since, _W.refold_from),
    *(_W.base_at, _W.base, _W.told_level, _W.told_at, _W.acked_at, _W.shelved_until),
    _W.suppressed_by,
)


def read_watches(
    connection: Connection,
    *where: ColumnElement[bool],
    locked: bool = False,
    without: Callable[[Unreadable], None] | None = None,
) -> list[Watch]:
    """Read the watches in force that fit, by id; `locked` lets nobody change them meanwhile.

    `without` is told of those that cannot be read, which are left out; else the first one raises.
    """
    query: Select[Any] = (
        select(*_COLUMNS)
        .join(alert_rule, alert_rule.c.id == _W.rule_id)
        .where(_W.retired_at.is_(None), *where)
        .order_by(_W.id)
    )
    if locked:
        query = query.with_for_update(of=alert_watch)
    found = []
    for row in connection.execute(query):
        try:
            found.append(_watch(row))
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            if without is None:
                raise
            fault = f"{type(error).__name__}: {error}"
            without(Unreadable(row.id, row.gateway_id, fault))
    return found


def basis_to_json(basis: Basis) -> dict[str, Any]:
    """Turn a basis into what a JSON column takes."""
    built: dict[str, Any] = msgspec.to_builtins(basis)
    return built


def basis_from_json(stored: Mapping[str, Any]) -> Basis:
    """Read a basis that was stored."""
    return msgspec.convert(stored, Basis)


def _watch(row: Sequence[Any]) -> Watch:
    id_, rule_id, rev, kind, gateway_id, thing_id, datastream_id, basis, machine, *rest = row
    until, silent, refold, base_at, base, *told = rest
    return Watch(
        *(id_, rule_id, rev, KINDS[kind], gateway_id, thing_id, datastream_id),
        basis_from_json(basis),
        machine_from_json(machine),
        *(until, silent, refold, base_at),
        None if base is None else machine_from_json(base),
        *told,
    )
