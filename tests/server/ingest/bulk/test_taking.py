"""A bundle leaves in the database what its batches leave one by one, whatever is among them."""

import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import delete, event, select

from server.db import tables as t
from server.db.engine import writing
from server.ingest.bulk import group as group_module
from server.ingest.bulk import taking
from server.ingest.bulk.group import Gathering, group_of
from server.ingest.events import Message, Status, Turn, WaitingBatch
from wire import messages as wire_messages
from wire import topics
from wire.quality import FLAG_MASK, Flag

NOW_MS = 1_767_225_600_000
GATEWAY = "kubuqi-dune"
RAW = "dune-1/soil-10cm/vwc_raw"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"

batches = st.tuples(
    st.integers(1, 8),
    st.sampled_from([RAW, TEMPERATURE, "dune-1/soil-10cm/soil_ec", "dune-1/soil-10cm/vwc"]),
    st.lists(st.sampled_from(["2493.4", "0", None, "-9999", "2000"]), min_size=1, max_size=3),
    st.integers(0, 4),
)
garbage = st.tuples(st.integers(1, 8), st.sampled_from([b"", b"no batch", b"x\x9c"]))
streams = st.lists(st.one_of(batches, garbage, st.just("inventory")), min_size=2, max_size=12)


def messages(station, stream):
    for one in stream:
        if one == "inventory":
            yield station.announce()
        elif len(one) == 2:
            yield station.batch(*one)
        else:
            seq, name, values, minute = one
            yield station.readings(seq, values, name=name, at_ms=NOW_MS - 60_000 * minute)


def one_by_one(take, stream):
    for message in stream:
        for outcome in take(message):
            if outcome.waiting:
                take(*map(WaitingBatch, outcome.waiting))


def in_bundles(take, stream):
    """As the worker does: plain batches together, all else behind them; each stage ahead of its turn."""
    left = list(stream)
    while left:
        gathering = Gathering(take.pipeline.names, limit=1_600)
        while left and not gathering.is_full:
            one = left.pop(0)
            gathering.add(one)
            if isinstance(one, Message) and one.topic == topics.inventory(GATEWAY):
                break  # what it sets free comes next, as it does one by one
        freed = [one for outcome in taken(take, gathering.close()) for one in outcome.waiting]
        left = [*(WaitingBatch(one, GATEWAY) for one in freed), *left]


def taken(take, group):
    """Take a group in, as the worker does."""
    with writing(take.engine) as connection:
        turn = Turn(connection, NOW_MS, alone=False)
        outcomes = take.pipeline.process_all(turn, group.ready) if group.ready else []
        outcomes += take.pipeline.process_statuses(turn, group.statuses)
        return outcomes + [take.pipeline.process(turn, one) for one in group.singles]


def clear(take):
    take.pipeline.forget()
    with writing(take.engine) as connection:
        for table in reversed(t.metadata.sorted_tables):
            connection.execute(delete(table))


def told(take):
    """All that a person can see, by names."""
    names = select(t.datastream.c.id, t.datastream.c.name).subquery()
    series = {
        table.name: select(names.c.name, *[c for c in table.c if c.name != "datastream_id"]).join(
            names, names.c.id == table.c.datastream_id
        )
        for table in (t.observation, t.observation_note, t.latest)
    }
    without = {"id", "first_seen_at", "sensor_id"}
    tables = {
        table.name: select(*[c for c in table.c if c.name not in without])
        for table in (t.journal, t.ledger_range, t.gateway_epoch)
    }
    with take.engine.connect() as connection:
        return {
            name: sorted(map(str, connection.execute(query)))
            for name, query in (series | tables).items()
        }


@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(stream=streams)
def test_bundled_or_not_the_database_is_the_same(take, station, stream):
    stream = list(messages(station, ["inventory", *stream]))
    clear(take)
    one_by_one(take, stream)
    expected = told(take)
    clear(take)

    in_bundles(take, stream)

    assert told(take) == expected


def bundled(take, turn, stream):
    take.pipeline.names.load(turn, GATEWAY)
    group = group_of(stream, take.pipeline.names)
    assert not group.singles
    return take.pipeline.process_all(turn, group.ready)


def test_a_bundle_takes_the_same_number_of_statements_however_many_batches(take, station):
    take(station.announce())
    stream = [station.readings(seq, ["2000"], at_ms=NOW_MS - 1000 * seq) for seq in range(1, 61)]
    counts = [0]

    def count(*_):
        counts[-1] += 1

    event.listen(take.engine, "before_cursor_execute", count)
    with writing(take.engine) as connection:
        for part in (stream[:10], stream[10:]):
            counts.append(0)
            bundled(take, Turn(connection, NOW_MS, alone=False), part)
    event.remove(take.engine, "before_cursor_execute", count)

    assert counts[2] <= counts[1]
    assert len(take.rows(RAW)) == 60


def test_what_the_database_refuses_is_taken_one_by_one(take, station, monkeypatch):
    """A bundle fails as a whole; each of its batches has its own savepoint then."""

    def fail(*_):
        raise ZeroDivisionError("boom")

    take(station.announce())
    monkeypatch.setattr(taking, "record_all", fail)
    with structlog.testing.capture_logs() as logs, writing(take.engine) as connection:
        turn = Turn(connection, NOW_MS, alone=False)
        outcomes = bundled(take, turn, [station.readings(1, ["1"]), station.readings(2, ["2"])])

    assert [one.status for one in outcomes] == [Status.STORED] * 2
    assert [entry["event"] for entry in logs] == [taking.BUNDLE_FAILED]
    assert len(take.rows(RAW)) == 1  # both are of the same instant: the first holds


def test_a_batch_that_the_journal_has_forgotten_is_not_stored_twice(take, station):
    take(station.announce())
    stream = [station.readings(seq, [str(seq)], at_ms=NOW_MS - 1000 * seq) for seq in (1, 2, 3)]
    in_bundles(take, stream)
    with writing(take.engine) as connection:
        connection.execute(delete(t.journal).where(t.journal.c.epoch.is_not(None)))

    in_bundles(take, stream)

    assert [status for status, _ in take.entries()] == ["stored"]  # the inventory


def test_numbers_far_apart_are_not_bundled(take_on_sqlite, station):
    take_on_sqlite(station.announce(), station.readings(9, ["1"]))
    near = [station.readings(5, ["1"]), station.readings(6, ["1"])]
    apart = [station.readings(5, ["1"]), station.readings(1_000_000, ["1"])]

    group = group_of([*near, *apart], take_on_sqlite.pipeline.names)

    assert [one.message for one in group.ready.prepared] == near
    assert group.singles == apart


def test_a_gateway_keeps_its_order_behind_what_is_not_plain(take_on_sqlite, station):
    """From its status on all is taken one by one; another gateway's batches are bundled."""
    take_on_sqlite(station.announce(), station.readings(9, ["1"]))
    first, second = station.readings(1, ["1"]), station.readings(2, ["1"])
    status = station.message(topics.status(GATEWAY), b"{}")
    later = station.readings(3, ["1"])

    group = group_of([first, second, status, later], take_on_sqlite.pipeline.names)

    assert [one.message for one in group.ready.prepared] == [first, second]
    assert group.singles == [status, later]


def test_a_fault_in_reading_a_message_holds_up_no_other(take_on_sqlite, station, monkeypatch):
    """It goes by itself, where it is refused with the reason."""
    take_on_sqlite(station.announce(), station.readings(9, ["1"]))
    stream = [station.readings(seq, ["1"]) for seq in (1, 2, 3)]
    read = group_module.prepare

    def fail(message, names):
        if message is stream[1]:
            raise ZeroDivisionError("boom")
        return read(message, names)

    monkeypatch.setattr(group_module, "prepare", fail)
    with structlog.testing.capture_logs() as logs:
        group = group_of(stream[:2], take_on_sqlite.pipeline.names)

    assert group.works == stream[:2]
    assert [entry["event"] for entry in logs] == [group_module.PREPARING_FAILED]


def test_names_that_changed_since_a_bundle_was_prepared_are_looked_up_again(take, station):
    """An inventory came in between, by us or another program: its instrument measures otherwise."""
    take(station.announce(), station.readings(9, ["1"]))
    stream = [
        station.readings(seq, ["70"], name=TEMPERATURE, at_ms=NOW_MS + 1000 * seq) for seq in (1, 2)
    ]
    group = group_of(stream, take.pipeline.names)
    model = wire_messages.SensorInfo(
        id="soil-10cm", thing="dune-1", model="RS485 soil probe ECTH (0x0000 family)"
    )
    type(take)(take.engine)(station.announce(station.inventory(sensors=[model])), now_ms=NOW_MS + 1)

    assert [one.status for one in taken(take, group)] == ["stored", "stored"]

    assert [flag for _, _, flag in take.rows(TEMPERATURE)] == [
        Flag.PASS
    ] * 2  # a TEROS 12 ends at 60


def test_readings_of_before_an_exchange_go_by_themselves_and_later_ones_together(take, station):
    """Each is checked by the instrument of its time."""
    take(station.announce())
    probe = structs.replace(station.inventory().sensors[0], model="some probe")
    take(station.announce(station.inventory(rev=2, sensors=[probe])))
    take(station.readings(9, ["0"], at_ms=NOW_MS + 120_000))
    stream = [
        station.readings(seq, ["0"], at_ms=NOW_MS + offset)
        for seq, offset in enumerate((0, 60_000, -60_000, -1), start=1)
    ]
    group = group_of(stream, take.pipeline.names)

    assert [one.id.seq for one in group.ready.prepared] == [1, 2]
    assert [one.status for one in taken(take, group)] == ["stored"] * 4
    assert [(time - NOW_MS, flag & FLAG_MASK) for time, _, flag in take.rows(RAW)] == [
        (-60_000, Flag.FAIL), (-1, Flag.FAIL), (0, Flag.PASS), (60_000, Flag.PASS),
        (120_000, Flag.PASS),
    ]  # fmt: skip


def test_a_bundle_is_in_order_of_series_and_time(take_on_sqlite, station):
    """Each page of the index is visited once; of two at one instant the first is kept."""
    take_on_sqlite(station.announce(), station.readings(9, ["1"]))
    later, earlier, again = (
        station.readings(1, ["1", "2"], at_ms=NOW_MS - 60_000),
        station.readings(2, ["3"], at_ms=NOW_MS - 120_000),
        station.readings(3, ["4", None], at_ms=NOW_MS - 60_000),
    )

    group = group_of([later, earlier, again], take_on_sqlite.pipeline.names)
    found = group.ready.columns
    keys = list(zip(found.datastream_id.tolist(), found.time_ms.tolist(), strict=True))
    measured = found.datastream_id == found.datastream_id.min()

    assert keys == sorted(keys)
    assert len(set(found.datastream_id.tolist())) == 3  # measured, and two derived
    assert found.value[measured][:4].tolist() == [3.0, 1.0, 4.0, 2.0]
    assert found.reasons[4] == "timeout"
