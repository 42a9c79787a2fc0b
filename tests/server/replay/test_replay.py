"""A replay makes what is stored what it would be, had the programs of today taken it all in."""

from decimal import Decimal
from functools import partial
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import delete, update

from server.catalog import datastreams
from server.db import tables as t
from server.db.engine import writing
from server.hypertable import horizon
from server.replay.decoding import make
from server.replay.selection import Span, windows
from wire import properties, topics
from wire.batch import MAX_COMPRESSED_BYTES, Sample, encode
from wire.catalogue import Sentinel
from wire.derive import transforms
from wire.messages import ClockSource

MINUTE_MS = 60_000
NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00Z, when the programs take all in
GATEWAY = "kubuqi-dune"
AT = (0, 6_000, 30_000, 60_000)


def test_a_replay_of_what_is_right_changes_nothing(server, station):
    server.take(
        station.batch(1, {"vwc_raw": ["2493.4", None, "0"]}),
        station.announce(),
        station.batch(2, {"vwc_raw": ["2400"], "soil_temperature": [None]}, at=3),
        station.message(topics.batch(GATEWAY, "a1b2c3d4", 3), b"no batch"),
        station.batch(1, {"vwc_raw": ["1"] * 5}, epoch="bbbb0000"),
        station.batch(4, {"vwc_raw": ["2401"]}, at=9, clock=ClockSource.UNKNOWN),
    )
    before = server.everything()

    tally = server.replay()

    assert server.everything() == before
    assert (tally.added, tally.changed, tally.removed, tally.stored) == (0, 0, 0, 0)
    assert (tally.entries, tally.refused.total()) == (5, 1)


def test_a_new_catalogue_entry_brings_what_can_be_derived(server, station, changed):
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2493.4", "0", None]}),
        catalogue=changed(None),
    )
    assert {name for name, *_ in server.observations()} == {"vwc_raw"}

    tally = server.replay()

    assert server.values("vwc") == {0: pytest.approx(0.27158986), 1: None, 2: None}
    # Water, and relative water; 0 is out of the span.
    assert (tally.added, tally.changed, tally.removed) == (6, 1, 0)
    assert server.latest()["vwc"][:2] == (2, None)


def test_a_corrected_calibration_replaces_what_was_derived(server, station, changed, monkeypatch):
    """The newest value of the page changes with it; the raw counts stay as they are."""
    monkeypatch.setitem(
        transforms.TRANSFORMS, "double/1", transforms.Transform(lambda raw: 2 * raw)
    )
    server.take(station.announce(), station.batch(1, {"vwc_raw": ["2500", "2501"]}))
    (entry,) = changed({})["METER TEROS 12"].derived
    corrected = changed({"derived": [msgspec.structs.replace(entry, transform="double/1")]})

    tally = server.replay(catalogue=corrected)

    assert server.values("vwc") == {0: 5000.0, 1: 5002.0}
    assert server.values("vwc_raw") == {0: 2500.0, 1: 2501.0}
    assert server.latest()["vwc"][:2] == (1, 5002.0)
    assert (tally.added, tally.changed, tally.removed) == (0, 4, 0)  # relative water too


def test_a_sentinel_known_now_becomes_missing_with_its_reason(server, station, changed):
    """And what is derived from it too."""
    sentinels = [
        Sentinel(value=Decimal(2000), reason="probe unplugged", properties=["vwc_raw"]),
    ]
    server.take(station.announce(), station.batch(1, {"vwc_raw": ["2500", "2000"]}))

    tally = server.replay(catalogue=changed({"sentinel": sentinels}))

    found = {(name, minute): rest for name, minute, *rest in server.observations()}
    assert found["vwc_raw", 1] == [None, 9, "probe unplugged"]
    assert found["vwc", 1] == [None, 9, "source missing"]
    assert server.latest()["vwc_raw"][1:4] == (None, 9, "probe unplugged")
    assert (tally.added, tally.changed, tally.removed) == (0, 3, 0)


def test_what_is_no_longer_derived_is_taken_out(server, station, changed):
    """It is not derived from new batches either, and no page shows it as the newest."""
    server.take(station.announce(), station.batch(1, {"vwc_raw": ["2500", None]}))
    assert set(server.values("vwc")) == {0, 1}
    without = changed({"derived": []})

    tally = server.replay(catalogue=without)
    server.take(station.batch(2, {"vwc_raw": ["2500"]}, at=5), catalogue=without)

    assert server.values("vwc") == {}
    assert server.values("vwc_raw") == {0: 2500.0, 1: None, 5: 2500.0}
    assert set(server.latest()) == {"vwc_raw"}
    assert (tally.added, tally.changed, tally.removed) == (0, 0, 4)
    assert not any(reason == "source missing" for *_, reason in server.observations())


def test_a_reading_is_checked_by_the_instrument_that_stood_there_at_its_time(server, station):
    """Not by that of today, nor by that of when it came: another model has taken the place."""
    now = NOW_MS // MINUTE_MS
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["0"]}),
        station.announce(rev=2, model="some probe"),
        station.batch(2, {"vwc_raw": ["0"]}, at=1),
        station.batch(3, {"vwc_raw": ["0"]}, at=now),
    )
    before = server.everything()

    server.replay()

    assert server.everything() == before
    flags = {
        at: quality & 15 for key, at, _, quality, _ in server.observations() if key == "vwc_raw"
    }
    assert flags == {0: 4, 1: 4, now: 1}


def test_only_what_was_measured_in_the_span_is_recomputed(server, station, changed):
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"] * 4}),
        station.batch(2, {"vwc_raw": ["2500"] * 4}, at=4),
        catalogue=changed(None),
    )

    tally = server.replay(Span(2 * MINUTE_MS, 6 * MINUTE_MS))

    assert set(server.values("vwc")) == {2, 3, 4, 5}
    assert (tally.entries, tally.added) == (2, 8)


def test_a_dry_run_counts_and_writes_nothing(server, station, changed):
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500", "0"]}),
        station.batch(2, {"soil_ec": ["7"]}, at=3),
        catalogue=changed(None),
    )
    before = server.everything()

    tally = server.replay(dry_run=True)

    assert server.everything() == before
    assert (tally.added, tally.changed, tally.stored) == (4, 1, 0)
    again = server.replay()
    assert (again.added, again.changed, again.stored) == (4, 1, 0)


def test_a_series_that_was_left_out_comes_in_once_it_can_be_stored(server, station, monkeypatch):
    """By a later version of the program: its readings are in the journal."""
    server.take(
        station.announce(),
        station.batch(1, {"soil_temperature": ["20"]}),
        station.announce(rev=2, units={"soil_temperature": "K"}),
        station.batch(2, {"vwc_raw": ["2500"], "soil_temperature": ["293.15"]}, at=5),
    )
    left_out = server.values("soil_temperature")
    monkeypatch.setattr(datastreams, "_conflict", lambda _old, _series: None)

    server.replay()

    assert (left_out, server.values("soil_temperature")) == ({0: 20.0}, {0: 20.0, 5: 293.15})


def test_a_property_that_a_later_program_knows_is_derived_and_checked_by_a_replay(
    server, station, monkeypatch, changed
):
    with monkeypatch.context() as older:
        older.delitem(properties.PROPERTIES, "vwc_raw")
        stream = station.announce(), station.batch(1, {"vwc_raw": ["2500", "0"]})
        server.take(*stream, catalogue=changed(None))
    stored = server.values("vwc_raw"), server.values("vwc")

    server.replay()

    assert stored == ({0: 2500.0, 1: 0.0}, {})
    assert {key: at for key, at, _, quality, _ in server.observations() if quality & 15 == 4} == {
        "vwc_raw": 1
    }
    assert list(server.values("vwc")) == [0, 1]


# ---------------------------------------------------------------- what was refused


def test_a_batch_refused_by_an_older_program_is_stored(server, station, monkeypatch):
    """Ledger, journal and newest values say so; numbers beside it are not touched."""
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"]}),
        station.batch(2, {"vwc_raw": ["2600"]}, at=1),
    )
    with server.engine.begin() as connection:  # as a program would leave it that could not read it
        connection.execute(
            update(t.journal)
            .where(t.journal.c.seq == 2)
            .values(status="refused", reason="of no use", observations=0, first_time=None)
        )
        connection.execute(update(t.ledger_range).values(last=1))
        connection.execute(
            t.ledger_range.insert().values(
                gateway=GATEWAY, epoch="a1b2c3d4", first=2, last=2, fate="refused"
            )
        )
        connection.execute(t.observation.delete().where(t.observation.c.time == MINUTE_MS))

    tally = server.replay(only_refused=True)

    assert server.ledger() == [("a1b2c3d4", 1, 2, "stored")]
    assert server.journal()[-1] == (2, "stored", "", 1, MINUTE_MS, MINUTE_MS)
    assert server.values("vwc_raw") == {0: 2500.0, 1: 2600.0}
    assert (tally.entries, tally.stored, tally.added, tally.refused) == (1, 1, 3, {})


def test_another_batch_of_a_stored_number_stays_refused(server, station):
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"]}),
        station.batch(1, {"vwc_raw": ["9"]}, at=7),
    )

    tally = server.replay()

    ((reason, count),) = tally.refused.items()
    assert ("another batch of this number is stored" in reason, count) == (True, 1)
    assert server.values("vwc_raw") == {0: 2500.0}
    assert [status for _, status, *_ in server.journal()] == ["stored", "stored", "refused"]


def test_a_payload_of_which_only_the_beginning_was_kept_stays_refused(server, station):
    server.take(
        station.announce(),
        station.message(topics.batch(GATEWAY, "a1b2c3d4", 1), b"[" + b" " * MAX_COMPRESSED_BYTES),
    )

    tally = server.replay()

    ((reason, count),) = tally.refused.items()
    assert ("only its beginning was kept" in reason, count) == (True, 1)
    assert server.journal()[-1][1] == "refused"


def test_relative_times_that_a_broker_had_kept_are_never_made_absolute(server, station):
    pack = b'[{"n":"dune-1/soil-10cm/soil_temperature","u":"Cel","v":21.5,"t":-60}]'
    topic = f"saxaul/1/{GATEWAY}/senml"
    server.take(
        station.announce(),
        station.message(topic, pack, retained=True),
        station.message(topic, pack),
    )
    before = server.everything()
    assert len(server.observations()) == 1

    tally = server.replay()

    assert server.everything() == before
    ((reason, count),) = tally.refused.items()
    assert ("the broker had kept it" in reason, count) == (True, 1)


def test_a_refused_inventory_is_tried_again_with_what_waited_for_it(server, station, changed):
    """The older program held that the series is measured; the newer one derives it."""
    server.take(
        station.announce(names=("vwc_raw", "soil_ec")),
        station.batch(1, {"vwc_raw": ["2500"]}),
        station.batch(2, {"soil_temperature": ["21.5"]}),
    )
    with server.engine.begin() as connection:
        inventory = station.announce(rev=2)
        connection.execute(
            t.journal.insert().values(
                gateway=GATEWAY,
                topic=inventory.topic,
                digest=sha256(inventory.payload).digest(),
                received_at=inventory.received_at,
                payload=inventory.payload,
                status="refused",
                reason="not understood",
            )
        )
    assert server.values("soil_temperature") == {}

    tally = server.replay()

    assert server.values("soil_temperature") == {0: 21.5}
    assert [status for _, status, *_ in server.journal()] == ["stored"] * 4
    assert (tally.stored, tally.refused) == (1, {})


# ---------------------------------------------------------------- what cannot be used any more


def test_what_cannot_be_used_any_more_keeps_its_observations(server, station, changed):
    """A catalogue that derives what was measured refuses it: nothing stored is lost by that."""
    server.take(station.announce(), station.batch(1, {"vwc_raw": ["2500"]}))
    with server.engine.begin() as connection:
        connection.execute(update(t.journal).where(t.journal.c.seq == 1).values(payload=b"broken"))
    before = server.everything()

    tally = server.replay()

    assert server.everything() == before
    assert list(tally.kept.values()) == [1]


def test_observations_whose_batch_the_journal_no_longer_has_stay(server, station, changed):
    """Also those that were derived, beside a batch of the same instant that is still there."""
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"]}),
        station.batch(2, {"soil_temperature": ["21.5"]}),
    )
    with server.engine.begin() as connection:
        connection.execute(t.journal.delete().where(t.journal.c.seq == 1))
    before = server.observations()

    tally = server.replay()

    assert server.observations() == before
    assert (tally.added, tally.changed, tally.removed) == (0, 0, 0)


def test_only_what_was_derived_from_a_batch_that_is_there_is_taken_out(server, station, changed):
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"]}),
        station.batch(2, {"vwc_raw": ["2500"]}, at=2),
        station.batch(3, {"vwc_raw": ["2500", "2500"]}),  # holds minute 0 too, and minute 1
    )
    with server.engine.begin() as connection:
        connection.execute(t.journal.delete().where(t.journal.c.seq == 3))

    tally = server.replay(catalogue=changed({"derived": []}))

    assert set(server.values("vwc")) == {1}
    assert tally.removed == 4


def test_a_batch_that_came_first_counts_though_it_is_stored_last(server, station):
    """It had been refused; meanwhile another brought the same instant."""
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"]}),
        station.batch(1, {"vwc_raw": ["2600"]}, epoch="bbbb0000"),
    )
    with server.engine.begin() as connection:  # as if only the second could be read at the time
        is_first = t.journal.c.epoch == "a1b2c3d4"
        connection.execute(update(t.journal).where(is_first).values(status="refused"))
        connection.execute(t.ledger_range.delete().where(t.ledger_range.c.epoch == "a1b2c3d4"))
        raw = t.observation.c.value == 2500.0
        connection.execute(update(t.observation).where(raw).values(value=2600.0))

    tally = server.replay(only_refused=True)

    assert server.values("vwc_raw") == {0: 2500.0}
    assert server.latest()["vwc_raw"][:2] == (0, 2500.0)
    assert (tally.stored, tally.added) == (1, 0)


def test_a_wrong_instant_does_not_have_all_looked_through_that_lies_between(
    server, station, monkeypatch
):
    """That is done while nobody else may write: a decade would take minutes."""
    strewn = [Sample(minute * MINUTE_MS, Decimal(1)) for minute in (0, 1, 60_000)]
    payload = encode(ClockSource.NTP, {"dune-1/soil-10cm/vwc_raw": strewn})
    server.take(
        station.announce(),
        station.message(topics.batch(GATEWAY, "bbbb0000", 1), payload),
        *(station.batch(seq, {"vwc_raw": ["2500"]}, at=at) for seq, at in enumerate(AT, 1)),
    )
    with server.engine.begin() as connection:
        is_strewn = t.journal.c.epoch == "bbbb0000"
        connection.execute(update(t.journal).where(is_strewn).values(status="refused"))
        connection.execute(t.ledger_range.delete().where(t.ledger_range.c.epoch == "bbbb0000"))
    read = []
    monkeypatch.setattr("server.replay.run.make", lambda one, _: read.append(one) or make(one, _))

    server.replay(only_refused=True)

    assert [one.batch.seq for one in read[1:] if one.batch.epoch == "a1b2c3d4"] == [1, 4]


def test_what_cannot_be_used_is_counted_once_however_long_it_lasts(server, station, monkeypatch):
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500"] * 10}),
        *(station.batch(seq, {"soil_temperature": ["15"]}, at=seq) for seq in range(2, 6)),
    )
    with server.engine.begin() as connection:
        connection.execute(update(t.journal).where(t.journal.c.seq == 1).values(payload=b"broken"))
    monkeypatch.setattr("server.replay.selection.windows", partial(windows, limit=1))

    assert server.replay().kept.total() == 1


def test_what_retention_has_removed_is_not_brought_back(server, station):
    """Nor what came late for it: the journal has it, but its rollups can no longer be computed."""
    server.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500", "2501", "2502"]}),
        station.batch(2, {"vwc_raw": ["2503"]}, at=9),
        station.message(topics.batch(GATEWAY, "a1b2c3d4", 3), b"no batch"),
    )
    with writing(server.engine) as connection:
        connection.execute(delete(t.observation))
        horizon.advance(connection, horizon.Level.DOOR, 2 * MINUTE_MS)

    tally = server.replay()

    assert sorted(server.values("vwc_raw").values()) == [2502.0, 2503.0]
    assert tally.removed == 0
    with server.engine.connect() as connection:
        assert horizon.read_late(connection) == 0


def test_what_was_measured_is_not_derived_by_a_replay_either(server, station):
    """Another model came to its place: its gateway was told to give the sensor another id."""
    server.take(station.announce(model="some probe", names=("vwc",), units={"vwc": "m3/m3"}))
    server.take(station.batch(1, {"vwc": ["0.2"]}))
    server.take(station.announce(rev=2, names=("vwc_raw",)))
    server.take(station.batch(2, {"vwc_raw": ["2493.4"]}, at=NOW_MS // MINUTE_MS + 1))
    before = server.observations()

    tally = server.replay()

    assert (tally.added, tally.changed, tally.removed) == (0, 0, 0)
    assert server.observations() == before
