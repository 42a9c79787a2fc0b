"""SenML nodes: what the database holds after their packs, on SQLite and on TimescaleDB."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
from sqlalchemy import select

from server.db import tables as t
from server.ingest.events import Status, WaitingBatch
from wire import topics
from wire.quality import Flag, Test, pack

ROOT = Path(__file__).parents[3]
RAW = "dune-1/soil-10cm/vwc_raw"
VWC = "dune-1/soil-10cm/vwc"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"
NOW_MS = 1_767_225_600_000
NOW_S = NOW_MS // 1000
HOUR_AGO = NOW_MS - 3_600_000

PACK = (
    b'[{"bn":"dune-1/soil-10cm/","bt":1767222000,"n":"vwc_raw","v":2493.4},'
    b'{"n":"soil_temperature","u":"Cel","v":16.1},{"n":"soil_temperature","u":"K","t":60,"v":289.35}]'
)
RELATIVE = b'[{"n":"dune-1/soil-10cm/soil_temperature","u":"Cel","t":-60,"v":16.1}]'


def sent(station, payload: bytes, **more: object):
    return station.message(topics.senml("kubuqi-dune"), payload, **more)


def only(outcomes):
    (outcome,) = outcomes
    return outcome


def later(message, seconds: int):
    return replace(message, received_at=message.received_at + seconds * 1000)


def test_a_pack_is_stored_in_the_units_of_its_datastreams(take, station):
    take(station.announce())

    outcome = only(take(sent(station, PACK)))

    assert (outcome.status, outcome.batch, outcome.observations) == (Status.STORED, None, 5)
    assert take.rows(RAW) == [(HOUR_AGO, 2493.4, Flag.PASS)]
    assert take.rows(TEMPERATURE) == [
        (HOUR_AGO, 16.1, Flag.PASS),
        (HOUR_AGO + 60_000, 16.2, Flag.PASS),
    ]


def test_soil_water_is_derived_from_it_and_the_span_is_checked(take, station):
    take(station.announce())

    take(sent(station, PACK))
    take(sent(station, b'[{"n":"dune-1/soil-10cm/vwc_raw","t":1767222060,"v":99999}]'))

    assert [(time, round(value, 4)) for time, value, _ in take.rows(VWC)[:1]] == [
        (HOUR_AGO, 0.2716)
    ]
    assert take.rows(RAW)[1][2] == pack(Flag.FAIL, Test.GROSS_RANGE)


def test_the_page_hears_of_the_newest_values(take, station):
    take(station.announce())

    outcome = only(take(sent(station, PACK)))

    assert sorted(row.time_ms for row in outcome.latest) == [HOUR_AGO] * 3 + [HOUR_AGO + 60_000]


def test_relative_times_count_from_the_arrival(take, station):
    take(station.announce())

    take(later(sent(station, RELATIVE), 7))

    assert take.rows(TEMPERATURE) == [(NOW_MS + 7000 - 60_000, 16.1, Flag.PASS)]


def test_an_absolute_instant_ahead_of_us_is_suspect(take, station):
    payload = b'[{"n":"dune-1/soil-10cm/soil_temperature","t":%d,"v":16.1}]' % (NOW_S + 3600)
    take(station.announce())

    take(sent(station, payload))

    assert take.rows(TEMPERATURE)[0][2] == pack(Flag.SUSPECT, Test.FUTURE_TIME)


def test_the_journal_keeps_the_bytes_and_what_they_held(take, station):
    take(station.announce(), sent(station, PACK))

    with take.engine.connect() as connection:
        row = connection.execute(select(t.journal).order_by(t.journal.c.id.desc())).first()

    assert (bytes(row.payload), row.topic) == (PACK, "saxaul/1/kubuqi-dune/senml")
    assert (row.epoch, row.seq, row.status) == (None, None, "stored")
    assert (row.observations, row.first_time, row.last_time) == (3, HOUR_AGO, HOUR_AGO + 60_000)


def test_an_absolute_pack_again_is_one_entry_and_the_same_rows(take, station):
    take(station.announce())

    outcomes = take(*[later(sent(station, PACK), s) for s in range(3)])

    assert [outcome.status for outcome in outcomes] == [Status.STORED] * 3
    assert len(take.entries()) == 2
    assert len(take.rows(TEMPERATURE)) == 2


def test_the_same_instant_in_other_bytes_changes_nothing(take, station):
    """An observation is never changed: what came first stays."""
    first = b'[{"n":"dune-1/soil-10cm/soil_temperature","t":1767222000,"v":16.1}]'
    take(station.announce(), sent(station, first))

    take(sent(station, first.replace(b"16.1", b"17.2")))

    assert [row[1] for row in take.rows(TEMPERATURE)] == [16.1]


def test_a_relative_pack_again_is_new_data(take, station):
    take(station.announce())

    take(sent(station, RELATIVE), later(sent(station, RELATIVE), 60))

    assert [row[0] - NOW_MS for row in take.rows(TEMPERATURE)] == [-60_000, 0]
    assert len(take.entries()) == 3


def test_one_relative_record_makes_the_pack_new_data(take, station):
    mixed = RELATIVE[:-1] + b',{"n":"dune-1/soil-10cm/vwc_raw","t":1767222000,"v":2000}]'
    take(station.announce())

    take(sent(station, mixed), later(sent(station, mixed), 60))

    assert len(take.rows(TEMPERATURE)) == 2
    assert len(take.rows(RAW)) == 1


def test_a_relative_pack_that_the_broker_retained_is_refused_once(take, station):
    """How long it lay there nobody knows: its instants would be invented."""
    take(station.announce())
    kept = sent(station, RELATIVE, retained=True)

    outcomes = take(kept, later(kept, 600))

    assert [outcome.status for outcome in outcomes] == [Status.REFUSED] * 2
    assert outcomes[0].reason.startswith("its times count from now, but the broker had kept it")
    assert take.rows(TEMPERATURE) == []
    assert len(take.entries()) == 2


def test_a_retained_pack_that_was_stored_when_it_came_is_not_stored_again(take, station):
    take(station.announce(), sent(station, RELATIVE))

    outcome = only(take(later(sent(station, RELATIVE, retained=True), 600)))

    assert outcome.status is Status.STORED
    assert len(take.rows(TEMPERATURE)) == 1


def test_a_pack_waits_for_its_inventory_and_keeps_its_instants(take, station):
    waiting = only(take(sent(station, RELATIVE)))
    assert (waiting.status, waiting.reason) == (
        Status.WAITING,
        f"no inventory has announced '{TEMPERATURE}' yet",
    )

    announced = only(take(station.announce(), now_ms=NOW_MS + 600_000))
    outcome = only(take(*map(WaitingBatch, announced.waiting), now_ms=NOW_MS + 600_000))

    assert outcome.status is Status.STORED
    assert take.rows(TEMPERATURE) == [(NOW_MS - 60_000, 16.1, Flag.PASS)]


def test_a_waiting_pack_that_comes_again_is_one_entry(take, station):
    outcomes = take(sent(station, PACK), sent(station, PACK))

    assert [outcome.status for outcome in outcomes] == [Status.WAITING] * 2
    assert [status for status, _ in take.entries()] == ["waiting"]


def test_a_waiting_pack_is_refused_when_the_inventory_shows_that_it_does_not_fit(take, station):
    take(sent(station, b'[{"n":"dune-1/soil-10cm/soil_temperature","u":"m","v":1}]'))

    announced = only(take(station.announce()))
    outcome = only(take(*map(WaitingBatch, announced.waiting)))

    assert (outcome.status, outcome.batch) == (Status.REFUSED, None)
    assert outcome.reason == f"'{TEMPERATURE}': cannot convert length 'm' to temperature 'Cel'"


def test_a_pack_of_no_use_is_kept_whole_once_and_the_next_is_stored(take, station):
    wrong = b'[{"n":"dune-1/soil-10cm/soil_temperature","v":16.1},{"n":"dune-1/soil-10cm/open","vb":true}]'
    take(station.announce())

    bad, again, good = take(sent(station, wrong), sent(station, b"noise"), sent(station, PACK))
    take(sent(station, b"noise"))

    assert (
        bad.reason == "'dune-1/soil-10cm/open' has a boolean ('vb'): only numbers ('v') are stored"
    )
    assert (bad.status, again.status, good.status) == (
        Status.REFUSED,
        Status.REFUSED,
        Status.STORED,
    )
    assert [status for status, _ in take.entries()] == ["stored", "refused", "refused", "stored"]
    assert len(take.rows(TEMPERATURE)) == 2


def test_a_node_sees_only_its_own_datastreams(take, station):
    """The name is the same, the gateway is another: nothing is stored under a stranger's series."""
    take(station.announce())

    outcome = only(take(station.message(topics.senml("another-node"), PACK)))

    assert outcome.status is Status.WAITING
    assert take.rows(TEMPERATURE) == []


def test_the_messages_of_the_how_to_are_stored(take, station):
    """docs/howto/connect-a-senml-node.md, its first and second JSON block."""
    page = (ROOT / "docs/howto/connect-a-senml-node.md").read_text()
    inventory, readings = re.findall(r"```json\n(.*?)```", page, re.DOTALL)

    outcomes = take(
        station.message("saxaul/1/ridge-node/inventory", inventory.encode()),
        station.message("saxaul/1/ridge-node/senml", readings.encode()),
    )

    assert [outcome.reason for outcome in outcomes] == ["", ""]
    assert take.rows("ridge-1/air-2m/air_temperature") == [(HOUR_AGO, 23.1, Flag.PASS)]
    assert take.rows("ridge-1/air-2m/relative_humidity") == [(HOUR_AGO, 41.5, Flag.PASS)]


# ---------------------------------------------------------------- through a real Mosquitto


def publish(port: int, topic: str, payload: bytes, *more: str) -> None:
    program = shutil.which("mosquitto_pub")
    assert program, "mosquitto_pub is not installed: apt install mosquitto-clients"
    subprocess.run(
        [program, "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", topic, "-s", *more],
        input=payload,
        check=True,
        timeout=20,
    )


@pytest.mark.parametrize("kind", ["json", "cbor"])
def test_a_node_needs_nothing_but_mosquitto_pub(
    run_ingest, mosquitto, station, take, wait_until, kind
):
    payload = (
        PACK
        if kind == "json"
        else cbor2.dumps(
            [
                {-2: "dune-1/soil-10cm/", -3: 1767222000, 0: "vwc_raw", 2: 2493.4},
                {0: "soil_temperature", 1: "Cel", 2: 16.1},
                {0: "soil_temperature", 1: "K", 6: 60, 2: 289.35},
            ]
        )
    )
    service = run_ingest()
    announced = station.announce()

    publish(mosquitto.port, "saxaul/1/kubuqi-dune/senml", payload)
    wait_until(lambda: service.health().waiting == 1)
    publish(mosquitto.port, announced.topic, announced.payload, "--retain")
    wait_until(lambda: service.health().stored == 2)

    assert take.rows(RAW) == [(HOUR_AGO, 2493.4, Flag.PASS)]
    assert [row[1] for row in take.rows(TEMPERATURE)] == [16.1, 16.2]


def test_a_pack_gets_no_receipt(run_ingest, gateway, station, wait_until):
    service = run_ingest()

    gateway.send(station.announce(), sent(station, PACK), sent(station, b"noise"))
    gateway.send(station.readings(1, ["2000"]))
    wait_until(lambda: gateway.stored == [1])

    assert (service.health().stored, service.health().refused) == (3, 1)
    assert (gateway.stored, gateway.refused) == ([1], {})
