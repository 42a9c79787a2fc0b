"""What becomes of a carried file: each batch once, whatever the file went through."""

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select, text

from server.carry.importer import FileImport, Hooks, StoppedError
from server.carry.report import Announcement
from server.db.engine import writing
from server.db.tables import gateway, gateway_epoch, journal, latest
from server.errors import StoreError
from server.ingest.events import Message, Status, Turn
from server.ingest.pipeline import Pipeline
from server.ledger.tally import read_tallies
from server.store.engines import store_for
from tests.server.carry.factory import EPOCH, GATEWAY, HOUR, NOW, batch, inventory, of
from wire import messages as wire_messages
from wire import topics
from wire.batch import encode
from wire.catalogue import bundled
from wire.errors import ContractError
from wire.messages import ClockSource, OutboxFigures
from wire.messages import Status as Word


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr("server.carry.importer.GROUP_BATCHES", 20)


@pytest.fixture
def broker(engine):
    """Take a message as the broker brings it."""
    pipeline = Pipeline(store_for(engine), bundled())

    def bring(topic, payload, now=NOW, **more):
        with writing(engine) as connection:
            turn = Turn(connection, now, alone=True)
            return pipeline.process(turn, Message(topic, payload, now, **more))

    return bring


@pytest.fixture
def announce(broker):
    def run(*sensors, at=NOW, **more):
        payload = wire_messages.encode(inventory(*sensors, **more))
        return broker(topics.inventory(GATEWAY), payload, at)

    return run


def one(engine, column):
    with engine.connect() as connection:
        return connection.execute(select(column)).scalar_one()


def test_every_batch_of_a_file_is_stored_once(take, values, engine):
    report = take(of(range(1, 61)))

    assert (report.stored, report.observations, report.is_whole) == (60, 180, True)
    assert values() == [2000.0 + n for n in range(1, 61)]
    with engine.connect() as connection:
        (tally,) = read_tallies(connection, GATEWAY)
    assert (tally.epoch, tally.sealed, tally.stored) == (EPOCH, 60, 60)


def test_a_second_import_changes_nothing(take, values, journalled):
    take(of(range(1, 5)))
    before = journalled()

    report = take(of(range(1, 5)))

    assert (report.stored, report.already_stored, report.inventory) == (0, 4, "known")
    assert journalled() == before
    assert len(values()) == 4


def test_what_the_broker_brought_is_already_here(take, announce, broker, values):
    announce("soil-10cm")
    broker(topics.batch(GATEWAY, EPOCH, 2), batch(2))

    report = take(of([1, 2, 3]))

    assert (report.stored, report.already_stored) == (2, 1)
    assert values() == [2001.0, 2002.0, 2003.0]


def test_what_was_carried_is_already_there_for_the_broker(take, broker):
    take(of([1, 2]))

    outcome = broker(topics.batch(GATEWAY, EPOCH, 2), batch(2))

    assert (outcome.status, outcome.observations) == (Status.STORED, 0)


def test_the_time_of_the_import_is_when_it_was_received(take, engine):
    take(of([1]), now=NOW + 5)

    assert one(engine, func.max(latest.c.received_at)) == NOW + 5
    with engine.connect() as connection:
        found = connection.execute(select(journal.c.received_at).distinct()).scalars().all()
    assert found == [NOW + 5]


def test_a_poisoned_batch_is_refused_with_its_reason_and_blocks_no_other(take, values):
    carried = of([1, 2, 3])
    carried.batches[2] = b"poison"

    report = take(carried)

    assert (report.stored, report.refused) == (2, 1)
    assert [reason for reason in report.reasons if reason.startswith("not zlib data")]
    assert values() == [2001.0, 2003.0]


def test_a_batch_of_a_number_that_is_taken_is_refused(take):
    take(of([1]))
    carried = of([1])
    carried.batches[1] = batch(9)

    report = take(carried)

    assert report.refused == 1
    assert "another batch of this number is stored" in next(iter(report.reasons))


def test_of_a_file_cut_short_all_that_is_whole_is_stored_and_the_rest_is_missing(take, values):
    raw = of(range(1, 11)).written()
    at = raw.index(b"/00c0ffee/8")

    report = take(raw[:at])

    assert (report.stored, report.missing, report.is_whole) == (7, 3, False)
    assert "cut short or damaged from byte" in report.damage[0]
    assert len(values()) == 7


def test_a_flipped_bit_costs_one_batch(take, values):
    raw = bytearray(of(range(1, 11)).written())
    raw[raw.index(b"/00c0ffee/4") + 30] ^= 4

    report = take(bytes(raw))

    assert (report.stored, report.missing, len(report.damage)) == (9, 1, 1)
    assert take(of(range(1, 11))).stored == 1
    assert len(values()) == 10


@pytest.mark.parametrize("raw", [b"", b"PK\3\4", b"holiday" * 1000])
def test_what_is_no_such_file_is_one_documented_error(take, raw, journalled):
    with pytest.raises(ContractError, match="no file of saxaul-gateway export"):
        take(raw)
    assert journalled() == 0


def test_without_an_inventory_batches_wait_until_the_gateway_says_what_it_has(
    take, announce, values
):
    report = take(of([1, 2], inventory=None))

    assert (report.waiting, report.inventory) == (2, "absent")
    assert [n for n in announce("soil-10cm").waiting if n]


def test_batches_that_waited_are_stored_with_the_file_that_names_their_series(take, values):
    take(of([1, 2], inventory=None))

    report = take(of([3]))

    assert (report.released, report.stored) == (2, 1)
    assert values() == [2001.0, 2002.0, 2003.0]


def test_an_inventory_that_cannot_be_used_is_told_and_the_batches_wait(take):
    report = take(of([1], inventory=inventory("soil-10cm", gateway="other")))

    assert (report.inventory, report.waiting) == ("refused", 1)
    assert "came under the name" in next(iter(report.reasons))


# ---------------------------------------------------------------- inventories of old cards


def deployments(engine):
    """Who stands, or stood, where: (key, depth, since, until)."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT key, depth_m, until IS NULL FROM deployment ORDER BY id")
        )
        return [(row[0], row[1], bool(row[2])) for row in rows]


def test_a_newer_inventory_comes_into_force(take, announce, engine):
    announce("soil-10cm", rev=3, at=NOW - HOUR)

    report = take(of([1], "soil-10cm", "soil-20cm", at=NOW))

    assert report.inventory == Announcement.APPLIED
    assert deployments(engine) == [("soil-10cm", 0.1, True), ("soil-20cm", 0.1, True)]


def test_an_older_cards_inventory_does_not_set_the_one_in_force_back(take, announce, engine):
    """The old card had counted to a higher revision: the new one began from 1 again."""
    announce("soil-10cm", "soil-30cm", rev=1, at=NOW)
    before = deployments(engine)

    report = take(of([1], inventory=inventory("soil-10cm", rev=7), at=NOW - HOUR))

    assert (report.inventory, report.stored) == ("older", 1)
    assert deployments(engine) == before
    assert one(engine, gateway.c.inventory_rev) == 1
    assert "which stays in force" in list(report.sentences())[-1]


def test_what_only_the_older_card_measured_is_stored_as_of_a_sensor_that_has_gone(
    take, announce, engine, values
):
    announce("soil-10cm", rev=1, at=NOW)
    carried = of([], "soil-10cm", "old-20cm", at=NOW - HOUR)
    carried.batches[1] = batch(1, "old-20cm")

    report = take(carried)

    assert (report.inventory, report.stored, report.waiting) == ("older", 1, 0)
    assert values("old-20cm") == [2001.0]
    assert deployments(engine) == [("soil-10cm", 0.1, True), ("old-20cm", 0.1, False)]


def test_importing_an_older_card_again_adds_nothing(take, announce, journalled):
    announce("soil-10cm", rev=1, at=NOW)
    carried = of([1], "soil-10cm", "old-20cm", at=NOW - HOUR)
    take(carried)
    announce("soil-10cm", rev=1, at=NOW + 1)
    before = journalled()

    assert take(carried).inventory == Announcement.OLDER
    assert journalled() == before


def test_a_second_older_card_does_not_bring_back_what_stood_on_the_first(take, announce, engine):
    announce("soil-10cm", rev=1, at=NOW)
    take(of([1], "old-20cm", epoch="aaaaaaaa", at=NOW - 2 * HOUR))

    take(of([1], "old-30cm", epoch="bbbbbbbb", at=NOW - HOUR))

    standing = [key for key, _, is_open in deployments(engine) if is_open]
    assert standing == ["soil-10cm"]


def test_two_cards_that_never_had_a_connection_may_come_in_any_order(take, engine):
    new = of([1], "soil-10cm", "soil-20cm", epoch="bbbbbbbb", at=NOW)
    old = of([1], "soil-10cm", epoch="aaaaaaaa", at=NOW - HOUR)

    for first, second in ((new, old), (old, new)):
        take(first, now=NOW + HOUR)
        take(second, now=NOW + HOUR)
        assert deployments(engine) == [("soil-10cm", 0.1, True), ("soil-20cm", 0.1, True)]


# ---------------------------------------------------------------- status


def word(at, state="offline", sealed=9):
    return Word(state=state, at=at, outbox=[OutboxFigures(epoch=EPOCH, sealed=sealed)])


def test_the_carried_status_tells_what_has_not_come(take, engine):
    take(of([1, 2, 3], status=word(NOW - HOUR, sealed=9)))

    with engine.connect() as connection:
        (tally,) = read_tallies(connection, GATEWAY)
    assert (tally.sealed, tally.holes) == (9, 6)
    assert (one(engine, gateway.c.state), one(engine, gateway.c.status_at)) == (
        "offline",
        NOW - HOUR,
    )


def test_a_status_does_not_go_before_what_was_heard_since(take, broker, engine):
    broker(topics.status(GATEWAY), wire_messages.encode(word(NOW, "online", sealed=20)))

    take(of([1], status=word(NOW - HOUR, sealed=9)))

    assert one(engine, gateway.c.state) == "online"
    assert one(engine, gateway_epoch.c.sealed) == 20


def test_a_status_of_another_card_still_tells_its_figures(take, broker, engine):
    online = replace_epoch(word(NOW, "online"), "bbbbbbbb")
    broker(topics.status(GATEWAY), wire_messages.encode(online))

    take(of([1], status=word(NOW - HOUR, sealed=9)))

    with engine.connect() as connection:
        sealed = {one.epoch: one.sealed for one in read_tallies(connection, GATEWAY)}
    assert sealed == {EPOCH: 9, "bbbbbbbb": 9}


def replace_epoch(status, epoch):
    return Word(state=status.state, at=status.at, outbox=[OutboxFigures(epoch=epoch, sealed=9)])


def test_a_status_that_cannot_be_read_stops_nothing(take):
    carried = of([1])
    raw = carried.written()
    carried.status = word(NOW)
    with_status = carried.written()
    assert len(with_status) > len(raw)

    assert take(with_status.replace(b'"offline"', b'"offlinx"')).stored == 1


# ---------------------------------------------------------------- stops and faults


def test_an_import_that_was_stopped_goes_on_where_it_was(take, values):
    asked = iter([False, True])

    with pytest.raises(StoppedError):
        take(of(range(1, 61)), is_stopped=lambda: next(asked, True))
    assert len(values()) == 20

    report = take(of(range(1, 61)))
    assert (report.already_stored, report.stored) == (20, 40)


def test_a_database_that_fails_is_told_and_what_was_stored_stays(engine, values):
    raw = of(range(1, 61)).written()

    def lose(_rows):
        with writing(engine) as connection:
            connection.execute(text("ALTER TABLE observation RENAME TO taken_away"))

    one_import = FileImport(engine, lambda: NOW, io.BytesIO(raw), Hooks(committed=lose))
    with pytest.raises(StoreError, match="What was stored stays: import the file again"):
        one_import.run()
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE taken_away RENAME TO observation"))

    assert one_import.report.stored == len(values()) == 20


def test_a_file_that_cannot_be_read_on_leaves_what_was_stored(engine, values):
    """As of a stick that is pulled, or a bad sector."""

    class Pulled(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 3_000 and len(values()) >= 20:
                raise OSError(5, "Input/output error")
            return super().read(size)

    raw = of(range(1, 61)).written()
    with pytest.raises(OSError, match="Input/output"):
        FileImport(engine, lambda: NOW, Pulled(raw)).run()

    assert len(values()) >= 20


def test_two_imports_of_one_file_at_once_store_each_batch_once(engine, values, journalled):
    """As on the page and by the command; so do an import and the server's own ingest."""
    raw = of(range(1, 101)).written()
    imports = [FileImport(engine, lambda: NOW, io.BytesIO(raw)) for _ in range(2)]
    together = Barrier(2)

    def run(one):
        together.wait(20)
        return one.run()

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(run, imports))

    assert sum(one.stored for one in reports) == 100
    assert sum(one.already_stored for one in reports) == 100
    assert journalled() == 101
    assert len(values()) == 100


def test_progress_is_told_in_bytes_and_ends_with_all_of_them(take):
    told = []
    carried = of(range(1, 61))

    take(carried, progress=lambda done, total: told.append((done, total)))

    size = len(carried.written())
    assert len(told) == 4
    assert told == sorted(told)
    assert told[-1] == (size, size)


def test_the_newest_values_are_announced_with_each_group(take):
    told = []

    take(of(range(1, 31)), committed=told.extend)

    assert [row.value for row in told if row.value and row.value > 1000] == [2020.0, 2030.0]


def test_a_batch_that_fails_by_itself_is_refused_and_the_others_are_stored(take, engine):
    """Whatever nobody foresaw: here the database will not have one number."""
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(
                text(
                    "CREATE TRIGGER taboo BEFORE INSERT ON journal WHEN NEW.seq = 3"
                    " BEGIN SELECT RAISE(ABORT, 'no threes'); END"
                )
            )
        else:
            connection.execute(text("ALTER TABLE journal ADD CONSTRAINT taboo CHECK (seq <> 3)"))
    try:
        report = take(of(range(1, 6)))
    finally:
        with writing(engine) as connection:
            drop = "DROP TRIGGER taboo"
            if engine.dialect.name != "sqlite":
                drop = "ALTER TABLE journal DROP CONSTRAINT taboo"
            connection.execute(text(drop))

    assert (report.stored, report.refused) == (4, 1)


def test_a_batch_of_nothing_is_no_crash(take):
    carried = of([1])
    carried.batches[2] = encode(ClockSource.NTP, {})

    assert take(carried).stored == 1


def test_a_database_that_fails_at_the_inventory_is_told_as_well(engine):
    raw = of([1]).written()
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE gateway RENAME TO taken_away"))

    try:
        with pytest.raises(StoreError, match="import the file again"):
            FileImport(engine, lambda: NOW, io.BytesIO(raw)).run()
    finally:
        with writing(engine) as connection:
            connection.execute(text("ALTER TABLE taken_away RENAME TO gateway"))
