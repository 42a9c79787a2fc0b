"""Statuses in bundles leave what they leave one by one, and ask for the same."""

from random import Random

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from server.db import tables as t
from server.db.engine import writing
from server.ingest.bulk import statuses
from server.ingest.bulk.group import Gathering, group_of
from server.ingest.bulk.statuses import plain_status
from server.ingest.events import Turn
from wire import messages, topics
from wire.messages import OutboxFigures, Status

NOW_MS = 1_767_225_600_000
DUNE, EDGE = "kubuqi-dune", "kubuqi-edge"


def said_by_chance(chance, station, gateway):
    """A status of which anything may be odd."""
    outbox = [
        OutboxFigures(
            epoch=chance.choice([station.epoch, station.epoch, "bbbbbbbb", "not ours"]),
            sealed=chance.randint(0, 9),
            unconfirmed=chance.randint(0, 6),
            lost=chance.choice([0, 0, 1]),
            closed=chance.random() < 0.2,
            carried=chance.choice([[], [], [(1, 2)]]),
        )
        for _ in range(chance.choice([0, 1, 1, 1, 2]))
    ]
    told = Status(
        state=chance.choice(["online"] * 6 + ["offline", "gone"]),
        at=chance.choice([None, None, NOW_MS - 5, NOW_MS, NOW_MS + 5, -1]),
        rss_mb=chance.choice([None, 31.5]),
        outbox=outbox,
    )
    payload, retained = messages.encode(told), chance.random() < 0.3
    return station.message(topics.status(gateway), payload, retained=retained)


def batches_by_chance(chance, station):
    """Some of one gateway are stored, and of another refused: both are counted."""
    yield station.announce()
    for seq in sorted(chance.sample(range(1, 10), 5)):
        yield station.readings(seq, ["2000"])
    yield station.message(topics.batch(EDGE, station.epoch, chance.randint(1, 9)), b"no batch")


def status(station, gateway=DUNE, state="online", *, retained=False, at=None, **said):
    outbox = [OutboxFigures(epoch=station.epoch, **said)] if said else []
    told = Status(state=state, at=at, outbox=outbox)
    return station.message(topics.status(gateway), messages.encode(told), retained=retained)


def taken(take, stream):
    """Take all in as one group; gives what became of each message, in the order they came."""
    group = group_of(stream, take.pipeline.names)
    with writing(take.engine) as connection:
        turn = Turn(connection, NOW_MS, alone=False)
        outcomes = take.pipeline.process_all(turn, group.ready) if group.ready else []
        outcomes += take.pipeline.process_statuses(turn, group.statuses)
        outcomes += [take.pipeline.process(turn, one) for one in group.singles]
    found = {id(one): out for one, out in zip(group.works, outcomes, strict=True)}
    return [found[id(one)] for one in stream]


def clear(take):
    take.pipeline.forget()
    with writing(take.engine) as connection:
        for table in reversed(t.metadata.sorted_tables):
            connection.execute(delete(table))


def kept(take):
    """All that a status may change."""
    with take.engine.connect() as connection:
        return {
            table.name: sorted(
                map(str, connection.execute(select(*[c for c in table.c if c.name != "id"])))
            )
            if table is t.journal
            else sorted(map(str, connection.execute(select(table))))
            for table in (t.gateway, t.gateway_epoch, t.ledger_range, t.journal)
        }


def asked(outcomes):
    return [(one.status, one.reason, list(one.wanted), list(one.comparable)) for one in outcomes]


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
def test_together_or_one_by_one_all_is_the_same(take, station, seed):
    """What is kept, and what gateways are asked for."""
    chance = Random(seed)
    before = list(batches_by_chance(chance, station))
    stream = [
        said_by_chance(chance, station, chance.choice([DUNE, DUNE, EDGE, "kubuqi-new"]))
        for _ in range(chance.randint(2, 12))
    ]
    clear(take)
    take(*before)
    expected = asked(take(*stream)), kept(take)
    clear(take)
    take(*before)

    assert (asked(taken(take, stream)), kept(take)) == expected


def statements(take, stream):
    """Count what is asked of the database for some statuses."""
    found = []

    def note(*given):
        found.append(given[2])

    event.listen(take.engine, "before_cursor_execute", note)
    taken(take, stream)
    event.remove(take.engine, "before_cursor_execute", note)
    return len(found)


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_it_takes_the_same_number_of_statements_however_many_gateways(take, station):
    """Those that nobody knew, those whose batches are here unbeknown to them, and all others."""
    for number in range(40):
        take(station.message(topics.batch(f"gw-{number}", station.epoch, 1), b"no batch"))

    few, many = (
        [status(station, f"gw-{one}", sealed=1, unconfirmed=1) for one in range(count)]
        for count in (2, 60)
    )

    assert statements(take, many) == statements(take, few) <= 8


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_each_word_of_a_gateway_counts_though_another_follows_it(take, station):
    """The first names an outbox that the second does not, and the last is how the gateway is."""
    other = type(station)(epoch="bbbbbbbb")
    taken(
        take,
        [
            status(station, sealed=7, unconfirmed=2),
            status(other, sealed=3),
            status(station, EDGE),
            status(station, state="offline"),
        ],
    )

    with take.engine.connect() as connection:
        states = connection.execute(select(t.gateway.c.id, t.gateway.c.state)).all()
        sealed = connection.execute(select(t.gateway_epoch.c.epoch, t.gateway_epoch.c.sealed)).all()
    assert sorted(map(tuple, states)) == [(DUNE, "offline"), (EDGE, "online")]
    assert sorted(map(tuple, sealed)) == [("a1b2c3d4", 7), ("bbbbbbbb", 3)]


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_a_retained_word_does_not_go_before_what_was_heard_since(take, station):
    """And no number is unsealed, whoever says so."""
    old = status(station, sealed=8, unconfirmed=1, retained=True, at=NOW_MS - 5_000)
    taken(take, [status(station, sealed=7, unconfirmed=3), old])
    with take.engine.connect() as connection:
        first = connection.execute(select(t.gateway_epoch.c.sealed, t.gateway_epoch.c.unconfirmed))
        assert tuple(first.one()) == (7, 3)

    new = status(station, sealed=9, unconfirmed=4, retained=True, at=NOW_MS)
    taken(take, [new, status(station, sealed=6, unconfirmed=2)])
    with take.engine.connect() as connection:
        then = connection.execute(select(t.gateway_epoch.c.sealed, t.gateway_epoch.c.unconfirmed))
        assert tuple(then.one()) == (9, 2)


def test_what_is_no_status_is_refused_and_keeps_those_behind_it(take, station):
    """It is journalled with the reason; the order of its gateway stays."""
    bad = station.message(topics.status(DUNE), b'{"state": "gone"}')
    stream = [
        status(station, sealed=1),
        bad,
        status(station, state="offline"),
        status(station, EDGE),
    ]

    outcomes = taken(take, stream)

    assert [one.status for one in outcomes] == ["stored", "refused", "stored", "stored"]
    assert [reason for _, reason in take.entries()] == [
        "state 'gone' is neither online nor offline"
    ]
    with take.engine.connect() as connection:
        found = select(t.gateway.c.state).where(t.gateway.c.id == DUNE)
        assert connection.execute(found).scalar_one() == "offline"


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_what_the_database_will_not_have_together_is_taken_one_by_one(take, station, monkeypatch):
    """Nothing of the attempt stays, and nobody's word is lost."""

    def fail(connection, told, now_ms):
        note(connection, told, now_ms)
        raise ZeroDivisionError("boom")

    note = statuses.note_statuses
    monkeypatch.setattr(statuses, "note_statuses", fail)
    stream = [status(station, sealed=1), status(station, EDGE)]
    with structlog.testing.capture_logs() as logs:
        outcomes = taken(take, stream)

    assert [one.status for one in outcomes] == ["stored", "stored"]
    assert [entry["event"] for entry in logs] == [statuses.STATUSES_FAILED]
    with take.engine.connect() as connection:
        assert len(connection.execute(select(t.gateway)).all()) == 2


def test_what_must_be_looked_at_by_itself_is_not_plain(station):
    closed = status(station, sealed=4, closed=True, carried=[(1, 2)])
    twice = Status(state="online", outbox=[OutboxFigures(epoch=station.epoch)] * 2)

    assert plain_status(status(station, sealed=4, closed=True)) is not None
    assert plain_status(closed) is None
    assert plain_status(station.message(topics.status(DUNE), messages.encode(twice))) is None
    assert plain_status(station.announce()) is None


def test_batches_pass_statuses_but_nothing_passes_what_is_not_plain(take_on_sqlite, station):
    take = take_on_sqlite
    take(station.announce(), station.readings(9, ["1"]))
    first, second = station.readings(1, ["1"]), station.readings(2, ["1"])
    told, later = status(station, sealed=9), status(station, state="offline")

    group = group_of([told, first, second, station.announce(), later], take.pipeline.names)

    assert [one.message for one in group.ready.prepared] == [first, second]
    assert [one.message for one in group.statuses] == [told]
    assert group.singles == [station.announce(), later]
    assert set(group.gateways) == {DUNE}


def test_a_group_holds_many_statuses(station, take_on_sqlite):
    """A fleet says how it is each minute: that must not take a transaction for every few."""
    gathering = Gathering(take_on_sqlite.pipeline.names)
    for number in range(500):
        gathering.add(status(station, f"gw-{number}", sealed=1))

    assert not gathering.is_full
