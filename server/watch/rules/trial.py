"""A dry run: of what a rule would have warned, had it been there. Writes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from server.alerts.kinds import InputKind, Pace
from server.alerts.machine import Machine, Transition
from server.alerts.rules import Rule
from server.alerts.settling import settle
from server.db.tables import datastream, gateway, thing
from server.watch.folding import fold_long
from server.watch.keeping.samples import read_judged
from server.watch.rules.subjects import read_others, read_subjects
from server.watch.rules.wanted import Ruled, Wanted, Wants
from wire.errors import ConfigError

DAY_MS = 86_400_000
YEAR_DAYS = 365
# To foresee the days that water lasts takes a fit an hour.
_MOST_FITTED_DAYS = 30
# So many watches are tried; a rule for a whole fleet is tried on some of it.
MOST_WATCHES = 200


@dataclass(frozen=True, slots=True)
class Episode:
    """What would have been one warning; `until_ms` is None while it goes on."""

    subject: str
    since_ms: int
    raised_ms: int
    until_ms: int | None
    level: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a dry run over so many days; `watches` were tried, of `found` there are."""

    days: int
    watches: int
    found: int
    episodes: Sequence[Episode]


def try_out(connection: Connection, rule: Rule, now_ms: int, days: int = YEAR_DAYS) -> Trial:
    """Judge what is stored by a rule; raises ConfigError for one that cannot be used or tried."""
    settled = settle(rule)
    if settled.pace in (Pace.GATEWAY, Pace.SILENCE):
        raise ConfigError(
            f"rule '{rule.key}'",
            f"kind '{rule.kind}' is judged by the clock: what is stored does not tell what it "
            "would have said",
        )
    if settled.input is InputKind.DAYS_TO_THRESHOLD:
        days = min(days, _MOST_FITTED_DAYS)
    wanted = _wanted(connection, Ruled(0, settled))
    if not wanted:
        raise ConfigError(
            f"rule '{rule.key}'", "nothing in its scope measures that; look at scope and property"
        )
    tried = wanted[:MOST_WATCHES]
    found = [one for each in tried for one in _episodes(connection, each, now_ms, days)]
    found.sort(key=lambda one: (one.raised_ms, one.subject))
    return Trial(days, len(tried), len(wanted), found)


def _wanted(connection: Connection, rule: Ruled) -> list[Wanted]:
    wants = Wants([rule], lambda scope: read_others(connection, scope))
    gateways = connection.execute(select(gateway.c.id).order_by(gateway.c.id)).scalars().all()
    return [one for id_ in gateways for one in wants.at(read_subjects(connection, id_))]


def _episodes(connection: Connection, wanted: Wanted, now_ms: int, days: int) -> Iterator[Episode]:
    from_ms = now_ms - days * DAY_MS
    read = read_judged(connection, wanted.datastream_id, wanted.basis, from_ms, now_ms)
    _, transitions = fold_long(wanted.basis.condition, Machine(), read.samples)
    subject = _name(connection, wanted)
    raised: list[Transition] = []
    for one in transitions:
        if one.level_to:
            raised.append(one)
        elif raised:
            yield _episode(subject, raised, one.at_ms)
            raised = []
    if raised:
        yield _episode(subject, raised, None)


def _episode(subject: str, raised: Sequence[Transition], until_ms: int | None) -> Episode:
    worst = max(int(one.level_to) for one in raised)
    return Episode(subject, raised[0].began_ms, raised[0].at_ms, until_ms, worst)


def _name(connection: Connection, wanted: Wanted) -> str:
    """Name what is judged, as people know it."""
    name = select(datastream.c.name).where(datastream.c.id == wanted.datastream_id)
    sources = wanted.basis.sources
    if len(sources) == 1:
        name = select(datastream.c.name).where(datastream.c.id == sources[0].datastream_id)
    elif sources:
        name = select(thing.c.key).where(thing.c.id == wanted.place.thing_id)
    return str(connection.execute(name).scalar_one())
