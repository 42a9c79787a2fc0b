"""One message: what the database holds afterwards, on SQLite and on TimescaleDB."""

import json
import logging
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import select

from server.db import tables as t
from server.ingest.events import BatchId, Status, WaitingBatch
from wire import topics
from wire.batch import Sample, encode
from wire.messages import ClockSource, SensorInfo
from wire.properties import PROPERTIES, ObservedProperty
from wire.quality import FLAG_MASK, Flag, Test, pack
from wire.units import UNITS, Unit

RAW = "dune-1/soil-10cm/vwc_raw"
VWC = "dune-1/soil-10cm/vwc"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"
TREE = "dune-1/tree/air_temperature"
NOW_MS = 1_767_225_600_000
HOUR_AGO = NOW_MS - 3_600_000


def only(outcomes):
    (outcome,) = outcomes
    return outcome


def test_a_batch_is_stored_as_it_was_measured(take, station):
    take(station.announce())

    outcome = only(take(station.readings(1, ["2493.4", None, "1800"])))

    assert (outcome.status, outcome.batch) == (
        Status.STORED,
        BatchId("kubuqi-dune", "a1b2c3d4", 1),
    )
    assert take.rows(RAW) == [
        (HOUR_AGO, 2493.4, Flag.PASS),
        (HOUR_AGO + 10_000, None, Flag.MISSING),
        (HOUR_AGO + 20_000, 1800.0, Flag.PASS),
    ]


def test_a_missing_value_keeps_its_reason(take, station):
    take(station.announce(), station.readings(1, ["2493.4", None]))

    with take.engine.connect() as connection:
        notes = connection.execute(
            select(t.datastream.c.name, t.observation_note.c.time, t.observation_note.c.reason)
            .join(t.datastream, t.datastream.c.id == t.observation_note.c.datastream_id)
            .order_by(t.datastream.c.name)
        ).all()

    assert [tuple(row) for row in notes] == [
        ("dune-1/soil-10cm/relative_extractable_water", HOUR_AGO + 10_000, "source missing"),
        (VWC, HOUR_AGO + 10_000, "source missing"),
        (RAW, HOUR_AGO + 10_000, "timeout"),
    ]


def test_soil_water_is_derived_beside_the_raw_counts(take, station):
    """Vectors: RAW 2493.4 gives 0.2716, 1800 gives 0.0026."""
    take(station.announce(), station.readings(1, ["2493.4", None, "1800"]))

    rows = take.rows(VWC)

    assert [value and round(value, 4) for _, value, _ in rows] == [0.2716, None, 0.0026]
    assert [quality for _, _, quality in rows] == [Flag.PASS, Flag.MISSING, Flag.PASS]


def test_a_value_outside_the_span_fails_and_nothing_is_derived_from_it(take, station):
    take(station.announce(), station.readings(1, ["0"]))

    assert take.rows(RAW) == [(HOUR_AGO, 0.0, pack(Flag.FAIL, Test.GROSS_RANGE))]
    assert take.rows(VWC) == [(HOUR_AGO, None, pack(Flag.MISSING, Test.GROSS_RANGE))]


def test_an_unknown_clock_makes_everything_suspect(take, station):
    take(station.announce(), station.readings(1, ["2493.4"], clock=ClockSource.UNKNOWN))

    assert take.rows(RAW) == [(HOUR_AGO, 2493.4, pack(Flag.SUSPECT, Test.CLOCK_UNKNOWN))]


def test_an_instant_more_than_five_minutes_ahead_is_suspect(take, station):
    take(station.announce(), station.readings(1, ["2493.4", "2493.4"], at_ms=NOW_MS + 295_000))

    assert [quality for _, _, quality in take.rows(RAW)] == [
        Flag.PASS,
        pack(Flag.SUSPECT, Test.FUTURE_TIME),
    ]


def test_the_same_batch_again_changes_nothing_and_is_answered_alike(take, station):
    batch = station.readings(1, ["2493.4"])
    first = take(station.announce(), batch, batch)[1:]
    again = only(take(replace(batch, received_at=NOW_MS + 60_000)))

    assert {(one.status, one.batch) for one in [*first, again]} == {
        (Status.STORED, BatchId("kubuqi-dune", "a1b2c3d4", 1))
    }
    assert len(take.rows(RAW)) == 1
    assert [status for status, _ in take.entries()] == ["stored", "stored"]  # inventory and batch


def test_the_journal_keeps_the_bytes_and_what_they_held(take, station):
    batch = station.readings(7, ["2493.4", "2493.5"])
    take(station.announce(), batch)

    with take.engine.connect() as connection:
        row = connection.execute(select(t.journal).where(t.journal.c.seq == 7)).one()

    assert bytes(row.payload) == batch.payload
    assert (row.gateway, row.epoch, row.topic) == ("kubuqi-dune", "a1b2c3d4", batch.topic)
    assert (row.observations, row.first_time, row.last_time) == (2, HOUR_AGO, HOUR_AGO + 10_000)
    assert row.received_at == NOW_MS


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"hello", "not zlib data"),
        (b"", "cut short"),
        (b"x" * (256 * 1024 + 1), "over 262144"),
    ],
)
def test_a_batch_that_is_none_is_kept_with_the_reason_and_the_next_is_stored(
    take, station, payload, reason
):
    _, bad, good = take(
        station.announce(), station.batch(1, payload), station.readings(2, ["2493.4"])
    )

    assert (bad.status, good.status) == (Status.REFUSED, Status.STORED)
    assert bad.batch.seq == 1
    assert reason in take.entries()[1][1]
    assert len(take.rows(RAW)) == 1


def test_a_batch_refused_before_does_not_block_the_true_one(take, station):
    bad, good = take(
        station.announce(), station.batch(1, b"noise"), station.readings(1, ["2493.4"])
    )[1:]

    assert (bad.status, good.status) == (Status.REFUSED, Status.STORED)
    assert len(take.rows(RAW)) == 1


def test_the_same_refused_bytes_again_are_not_journalled_twice(take_on_sqlite, station):
    take = take_on_sqlite
    outcomes = take(station.batch(1, b"noise"), station.batch(1, b"noise"))

    assert outcomes[0] == outcomes[1]
    assert len(take.entries()) == 1


def test_a_batch_waits_for_its_inventory_and_is_stored_then(take, station):
    waiting = only(take(station.readings(1, ["2493.4"])))
    announced = only(take(station.announce()))
    stored = only(take(*map(WaitingBatch, announced.waiting)))

    assert (waiting.status, waiting.batch) == (Status.WAITING, None)
    assert (stored.status, stored.batch.seq) == (Status.STORED, 1)
    assert len(take.rows(RAW)) == 1
    assert take.entries()[0] == ("stored", "")


def test_a_batch_of_an_unannounced_series_waits_and_is_one_entry_however_often_it_comes(
    take_on_sqlite, station
):
    take = take_on_sqlite
    batch = station.readings(1, ["12"], name="dune-1/soil-30cm/vwc_raw")

    outcomes = take(station.announce(), batch, batch)[1:]

    assert [one.status for one in outcomes] == [Status.WAITING, Status.WAITING]
    assert take.entries()[1:] == [
        ("waiting", "no inventory has announced 'dune-1/soil-30cm/vwc_raw' yet")
    ]


def test_a_waiting_batch_sent_again_after_the_inventory_is_stored_once(take, station):
    batch = station.readings(1, ["2493.4"])
    take(batch)
    announced = only(take(station.announce()))
    take(batch)

    late = only(take(*map(WaitingBatch, announced.waiting)))

    assert late.status is Status.STORED
    assert [status for status, _ in take.entries()] == ["stored", "stored"]


def test_a_waiting_batch_whose_number_was_stored_with_other_bytes_is_refused(
    take_on_sqlite, station
):
    take = take_on_sqlite
    take(station.readings(1, ["1"]))
    announced = only(take(station.announce()))
    take(station.readings(1, ["2493.4"]))

    outcome = only(take(*map(WaitingBatch, announced.waiting)))

    assert outcome.status is Status.REFUSED
    assert outcome.reason.startswith("another batch of this number is stored")
    assert take.entries()[0] == ("refused", outcome.reason)
    assert [value for _, value, _ in take.rows(RAW)] == [2493.4]


def test_other_bytes_under_a_number_that_is_stored_are_kept_and_refused(take_on_sqlite, station):
    """An outbox put back from a copy counts on from there: "stored" would lose its readings."""
    take = take_on_sqlite
    first, other = station.readings(1, ["2493.4"]), station.readings(1, ["1600"], at_ms=HOUR_AGO)
    take(station.announce(), first)

    outcomes = take(other, other, first)

    assert [one.status for one in outcomes] == [Status.REFUSED, Status.REFUSED, Status.STORED]
    assert "put back from a copy" in outcomes[1].reason
    assert [status for status, _ in take.entries()] == ["stored", "stored", "refused"]
    assert take.rows(RAW) == [(HOUR_AGO, 2493.4, Flag.PASS)]


def test_late_waiting_data_do_not_replace_the_newest_value(take, station):
    take(station.readings(1, ["1600"], at_ms=NOW_MS - 9_000_000))
    announced = only(take(station.announce()))
    later = NOW_MS + 7_200_000
    newest = replace(station.readings(2, ["1700"], at_ms=later), received_at=later)
    take(newest, now_ms=later)

    take(*map(WaitingBatch, announced.waiting), now_ms=later)

    with take.engine.connect() as connection:
        values = connection.execute(
            select(t.latest.c.value)
            .join(t.datastream, t.datastream.c.id == t.latest.c.datastream_id)
            .where(t.datastream.c.name == RAW)
        ).scalar_one()
    assert values == 1700.0


def test_only_what_became_the_newest_is_told(take, station):
    take(station.announce())
    first = only(take(station.readings(1, ["2493.4", "2000"])))
    older = only(take(station.readings(2, ["1900"], at_ms=HOUR_AGO - 60_000)))

    assert next((row.time_ms, row.value) for row in first.latest) == (HOUR_AGO + 10_000, 2000.0)
    assert len(first.latest) == 3  # the counts and the two kinds of water derived from them
    assert older.latest == []


def test_a_series_the_server_derives_cannot_be_sent(take_on_sqlite, station):
    take = take_on_sqlite
    outcome = take(station.announce(), station.readings(1, ["0.2"], name=VWC))[1]

    assert outcome.reason == f"'{VWC}' is derived by the server and cannot be sent"


def test_any_exception_refuses_the_message_alone(take, station, monkeypatch, caplog):
    """A defect of ours in one batch must not stop the ones before and after it."""
    append = take.pipeline.store.append

    def defective(connection, columns):
        added = append(connection, columns)
        if columns.value[0] == 1666.0:
            raise ZeroDivisionError("boom")
        return added

    monkeypatch.setattr(type(take.pipeline.store), "append", lambda _, *args: defective(*args))
    caplog.set_level(logging.CRITICAL)
    before, bad, after = take(
        station.announce(),
        station.readings(1, ["1555"]),
        station.readings(2, ["1666"], at_ms=HOUR_AGO + 60_000),
        station.readings(3, ["1777"], at_ms=HOUR_AGO + 120_000),
    )[1:]

    assert (before.status, bad.status, after.status) == ("stored", "refused", "stored")
    assert bad.reason == "could not be used: ZeroDivisionError: boom"
    assert [value for _, value, _ in take.rows(RAW)] == [1555.0, 1777.0]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("saxaul/1/BAD!/batch/a1b2c3d4/1", "names no gateway"),
        ("saxaul/1/kubuqi-dune/batch/a1b2c3d4/0", "not one a gateway writes to"),
        ("saxaul/1/kubuqi-dune/batch/x/1", "not one a gateway writes to"),
    ],
)
def test_a_topic_that_is_none_is_journalled_with_its_bytes(take, station, topic, reason):
    outcome = only(take(station.message(topic, b"what is this")))

    assert (outcome.status, outcome.batch) == (Status.REFUSED, None)
    ((status, kept),) = take.entries()
    assert status == "refused"
    assert reason in kept


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{}", "not a valid status"),
        (b'{"state":"asleep"}', "neither online nor offline"),
        (b'{"state":"online","at":-1}', "years 1970 to 9999"),
        (b'{"state":"offline","rests_until":253402300800000}', "years 1970 to 9999"),
        (b'{"state":"online","software":"a\\u0000b"}', "NUL"),
        (b'{"state":"\xff"}', "not a valid status"),
    ],
)
def test_a_status_that_is_none_is_journalled_once(take, station, payload, reason):
    message = station.message("saxaul/1/kubuqi-dune/status", payload)

    take(message, message)

    ((status, kept),) = take.entries()
    assert status == "refused"
    assert reason in kept


def test_a_status_is_kept_but_not_journalled(take, station):
    payload = b'{"state":"online","at":1767225599000,"clock":"ntp","rss_mb":31.5}'
    take(station.message("saxaul/1/kubuqi-dune/status", payload))

    with take.engine.connect() as connection:
        row = connection.execute(select(t.gateway)).one()

    assert (row.id, row.state, row.status_at, row.first_seen_at) == (
        "kubuqi-dune",
        "online",
        NOW_MS,
        NOW_MS,
    )
    assert row.status["rss_mb"] == 31.5
    assert take.entries() == []


def test_a_retained_status_is_as_old_as_it_says(take_on_sqlite, station):
    take = take_on_sqlite
    payload = b'{"state":"online","at":1767000000000}'
    take(station.message("saxaul/1/kubuqi-dune/status", payload, retained=True))

    with take.engine.connect() as connection:
        assert connection.execute(select(t.gateway.c.status_at)).scalar_one() == 1_767_000_000_000


def test_an_inventory_is_refused_whole_with_the_reason(take, station):
    wrong = station.inventory(sensors=station.inventory().sensors * 2)

    outcome = only(take(station.announce(wrong)))

    assert outcome.reason == "sensor 'dune-1/soil-10cm' is listed twice"
    assert take.entries() == [("refused", outcome.reason)]
    with take.engine.connect() as connection:
        assert connection.execute(select(t.thing.c.id)).all() == []
        assert connection.execute(select(t.gateway.c.id)).all() == []


SAP = "dune-1/tree/sap_flow"


def with_tree(station, unit="g/h"):
    """The soil sensor, and beside it one that measures what no property of ours is."""
    old = station.inventory()
    return station.inventory(
        sensors=[*old.sensors, SensorInfo(id="tree", thing="dune-1", model="our own")],
        datastreams=[*old.datastreams, station.series(SAP, unit)],
    )


def test_a_property_nobody_knows_is_stored_and_the_others_with_it(take, station):
    outcomes = take(
        station.announce(with_tree(station)),
        station.readings(1, ["12.5"], name=SAP),
        station.readings(2, ["2493.4"]),
    )

    why = f"'{SAP}' is stored as it comes: unknown observed property 'sap_flow'"
    assert [one.status for one in outcomes] == [Status.STORED] * 3
    assert take.entries()[0] == ("stored", why)
    assert take.rows(SAP) == [(HOUR_AGO, 12.5, Flag.PASS)]
    assert [value for _, value, _ in take.rows(RAW)] == [2493.4]


def test_what_is_said_of_an_inventory_follows_what_the_server_knows(
    take_on_sqlite, station, monkeypatch
):
    take = take_on_sqlite
    told = station.announce(with_tree(station))
    take(told)
    known = ObservedProperty("sap_flow", "Sap flow", "g")
    monkeypatch.setitem(PROPERTIES, "sap_flow", known)
    monkeypatch.setitem(UNITS, "g/h", Unit("g/h", "g/h", UNITS["g"].dimension))

    take(told)

    assert take.entries() == [("stored", "")]


def test_a_batch_is_stored_without_the_series_that_are_left_out(take, station):
    """It tells which and why, and when all of it was measured: a replay finds it by that."""
    stray = station.series("dune-1/soil-99cm/vwc_raw", "{raw}")
    inventory = station.inventory(datastreams=[*station.inventory().datastreams, stray])
    both = {
        RAW: [Sample(NOW_MS, Decimal("2493.4"))],
        stray.name: [Sample(NOW_MS - 5000, Decimal(1))],
    }

    outcomes = take(station.announce(inventory), station.batch(1, encode(ClockSource.NTP, both)))

    why = f"'{stray.name}' is left out: it names no listed sensor: 'dune-1/soil-99cm'"
    assert [one.status for one in outcomes] == [Status.STORED] * 2
    assert take.entries() == [("stored", why)] * 2
    assert [value for _, value, _ in take.rows(RAW)] == [2493.4]
    with take.engine.connect() as connection:
        spans = connection.execute(
            select(t.journal.c.first_time, t.journal.c.last_time).order_by(t.journal.c.id)
        ).all()
    assert spans[-1] == (NOW_MS - 5000, NOW_MS)


def test_a_batch_of_nothing_but_series_that_are_left_out_is_refused(take, station):
    take(station.announce(), station.readings(1, ["2493.4"]))
    changed = station.inventory(rev=2, datastreams=[station.series(RAW, "Cel")])

    outcome = take(station.announce(changed), station.readings(2, ["21.5"]))[1]

    assert outcome.status is Status.REFUSED
    assert outcome.reason == (
        f"'{RAW}' is left out: it is stored in '{{raw}}' and cannot change to 'Cel': "
        "give the sensor another id"
    )
    assert [value for _, value, _ in take.rows(RAW)] == [2493.4]


def test_a_pack_is_stored_without_the_series_that_are_left_out(take_on_sqlite, station):
    take = take_on_sqlite
    changed = station.inventory(
        datastreams=[*station.inventory().datastreams, station.series(TREE, "Cel")]
    )
    payload = json.dumps(
        [{"n": name, "t": NOW_MS / 1000, "v": 21.5} for name in (TEMPERATURE, TREE)]
    ).encode()

    outcomes = take(
        station.announce(changed), station.message(topics.senml(station.gateway), payload)
    )

    assert outcomes[1].status is Status.STORED
    assert take.entries()[1][1] == f"'{TREE}' is left out: it names no listed sensor: 'dune-1/tree'"
    assert [value for _, value, _ in take.rows(TEMPERATURE)] == [21.5]


def test_readings_of_before_an_exchange_are_checked_by_the_instrument_of_their_time(take, station):
    """Together with later ones, and whether they come in bulk or alone."""
    take(station.announce())
    old = station.inventory().sensors[0]
    new = msgspec.structs.replace(old, model="some probe", since=NOW_MS + 60_000)
    take(station.announce(station.inventory(rev=2, sensors=[new])), now_ms=NOW_MS + 120_000)
    both = {RAW: [Sample(NOW_MS, Decimal(0)), Sample(NOW_MS + 60_000, Decimal(0))]}

    take(station.batch(1, encode(ClockSource.NTP, both)), now_ms=NOW_MS + 120_000)

    assert [quality & FLAG_MASK for _, _, quality in take.rows(RAW)] == [Flag.FAIL, Flag.PASS]
    assert [time for time, _, _ in take.rows(VWC)] == [NOW_MS]


def test_an_inventory_that_comes_again_is_journalled_once(take_on_sqlite, station):
    take = take_on_sqlite
    take(station.announce(), station.announce())

    assert take.entries() == [("stored", "")]


def test_a_new_inventory_is_in_force_for_the_next_batch(take, station):
    """The names read for one batch are not kept beyond the next inventory."""
    take(station.announce(), station.readings(1, ["2493.4"]))
    other = "dune-1/soil-30cm/vwc_raw"
    more = SensorInfo(id="soil-30cm", thing="dune-1", model="METER TEROS 12", depth_m=0.3)
    old = station.inventory()
    grown = station.inventory(
        rev=2,
        sensors=[*old.sensors, more],
        datastreams=[*old.datastreams, station.series(other, "{raw}")],
    )

    outcome = take(station.announce(grown), station.readings(2, ["2000"], name=other))[1]

    assert outcome.status is Status.STORED
    assert [value for _, value, _ in take.rows(other)] == [2000.0]
