"""The journal's upkeep: old payloads are packed, too old ones removed, and nothing else."""

import random
from decimal import Decimal

import pytest
from sqlalchemy import text

from server.archive.keeper import Policy, chore, tend
from server.archive.packing import MAX_BLOCK_ENTRIES, Due, pack_one
from server.archive.retention import remove_some
from server.db.engine import writing
from server.housekeeping import Housekeeper
from server.ingest.events import Status
from wire.batch import Sample, encode
from wire.messages import ClockSource

NOW_MS = 1_767_225_600_000
DAY_MS = 86_400_000
WEEK = Policy(pack_after_days=7, keep_days=0)
MONTH = Policy(pack_after_days=7, keep_days=30)


def upkeep(archive, policy):
    """Every step there is to do."""
    steps = 0
    while tend(archive.engine, policy, NOW_MS):
        steps += 1
        assert steps < 50
    return steps


def test_old_payloads_are_packed_and_read_as_before(archive):
    entries = [archive.add(20, seq) for seq in range(1, 6)]
    before = [archive.payload(entry) for entry in entries]

    upkeep(archive, WEEK)

    assert len(set(archive.blocks().values())) == 1
    assert None not in archive.blocks().values()
    assert [archive.payload(entry) for entry in entries] == before


def test_batches_of_a_day_are_text_in_the_block_and_read_as_before(archive):
    """They come by bzip2: as they came they would not shrink together."""
    chance = random.Random(1)
    values = [Sample(60_000 * n, Decimal(chance.randrange(1000))) for n in range(3000)]
    payloads = [encode(ClockSource.NTP, {"a/b/c": values[seq:]}) for seq in range(8)]
    assert all(one.startswith(b"BZh") for one in payloads)
    entries = [archive.add(20, seq, payload=one) for seq, one in enumerate(payloads, start=1)]

    upkeep(archive, WEEK)

    assert [archive.payload(entry) for entry in entries] == payloads
    with archive.engine.connect() as connection:
        (block,) = connection.execute(text("SELECT data FROM journal_block")).scalars().all()
    assert len(block) < 0.5 * sum(map(len, payloads))


def test_packed_payloads_no_longer_take_room(archive):
    entry = archive.add(20, 1)

    upkeep(archive, WEEK)

    with archive.engine.connect() as connection:
        row = connection.execute(text("SELECT payload, packed_size FROM journal")).one()
    assert (bytes(row.payload), row.packed_size) == (b"", len(archive.payload(entry)))


def test_what_is_young_or_waits_or_is_in_force_is_left_alone(archive):
    young = archive.add(6, 1)
    waiting = archive.add(20, 2, status=Status.WAITING)
    inventory = archive.add(20, None, kind="inventory", payload=b"{}")
    refused = archive.add(20, 3, status=Status.REFUSED)
    pack = archive.add(20, None, payload=b"[]")

    upkeep(archive, WEEK)

    unpacked = {entry for entry, block in archive.blocks().items() if block is None}
    assert unpacked == {young, waiting, inventory}
    assert {refused, pack}.isdisjoint(unpacked)


def test_a_few_batches_wait_until_they_fill_a_block_or_a_week_has_passed(archive):
    """One block of a week is much smaller than seven blocks of a day."""
    archive.add(13.9, 1)
    assert upkeep(archive, WEEK) == 0

    archive.add(14.1, 2)

    assert upkeep(archive, WEEK) == 1
    assert len(set(archive.blocks().values())) == 1


def test_a_full_block_does_not_wait(archive):
    big = [archive.add(8, seq, payload=bytes([seq]) * 200_000) for seq in (1, 2)]

    assert upkeep(archive, WEEK) == 1

    assert [archive.blocks()[entry] is None for entry in big] == [False, True]
    assert archive.payload(big[0]) == b"\x01" * 200_000


def test_each_gateway_has_blocks_of_its_own(archive):
    one, other = archive.add(20, 1), archive.add(20, 1, gateway="ridge")

    upkeep(archive, WEEK)

    assert archive.blocks()[one] != archive.blocks()[other]


def test_packing_again_changes_nothing(archive):
    archive.add(20, 1)
    upkeep(archive, WEEK)

    assert pack_one(archive.engine, Due(NOW_MS, NOW_MS)) == 0
    assert archive.count_blocks() == 1


def test_a_block_holds_no_more_than_a_few_thousand(archive, monkeypatch):
    monkeypatch.setattr("server.archive.packing.MAX_BLOCK_ENTRIES", 3)
    assert MAX_BLOCK_ENTRIES > 3
    for seq in range(1, 8):
        archive.add(20, seq)

    assert upkeep(archive, WEEK) == 3


# ---------------------------------------------------------------- retention


def test_what_is_too_old_is_removed_packed_or_not(archive):
    for seq in (1, 2):
        archive.add(40, seq)
    upkeep(archive, WEEK)
    archive.add(40, 3)
    young = archive.add(20, 4)

    upkeep(archive, MONTH)

    assert archive.ids() == [young]
    assert archive.count_blocks() == 1


def test_waiting_batches_and_inventories_are_always_kept(archive):
    kept = [
        archive.add(400, 1, status=Status.WAITING),
        archive.add(400, None, kind="inventory", payload=b"{}"),
    ]
    archive.add(400, 2, status=Status.REFUSED)
    archive.add(400, None, kind="inventory", payload=b"{", status=Status.REFUSED)

    upkeep(archive, MONTH)

    assert archive.ids() == kept


def test_zero_days_keep_for_ever(archive):
    entry = archive.add(30_000 - 10_000, 1)

    upkeep(archive, WEEK)

    assert archive.ids() == [entry]


def test_a_block_lives_as_long_as_its_youngest_payload(archive):
    old, young = archive.add(31, 1), archive.add(29, 2)
    upkeep(archive, WEEK)

    upkeep(archive, MONTH)

    assert archive.ids() == [old, young]


def test_a_packed_batch_that_came_to_wait_is_kept_with_its_block(archive):
    """A replay may find that what was refused lacks only an inventory."""
    waits, other = archive.add(400, 1, status=Status.REFUSED), archive.add(400, 2)
    upkeep(archive, WEEK)
    archive.settle(waits, Status.WAITING)

    upkeep(archive, MONTH)

    assert archive.ids() == [waits, other]
    assert archive.payload(waits)


def test_a_packed_inventory_that_came_into_force_is_kept(archive):
    """A replay may find that what was refused can be used."""
    entry = archive.add(400, None, kind="inventory", payload=b"{}", status=Status.REFUSED)
    upkeep(archive, WEEK)
    archive.settle(entry, Status.STORED)

    upkeep(archive, MONTH)

    assert archive.payload(entry) == b"{}"


def test_looking_for_what_is_too_old_waits_for_no_writer(archive):
    """Nor does it keep one waiting: on SQLite a look at all entries may take seconds."""
    archive.add(20, 1)

    with writing(archive.engine):
        assert remove_some(archive.engine, NOW_MS - 30 * DAY_MS) == 0


# ---------------------------------------------------------------- the thread


@pytest.fixture
def keeper(archive):
    made = Housekeeper(archive.engine, [chore(archive.engine, WEEK, lambda: NOW_MS)])
    yield made
    made.stop()


def test_the_server_packs_by_itself(archive, keeper, poll):
    entry = archive.add(20, 1)

    keeper.start()

    poll(lambda: archive.blocks()[entry] is not None)
    assert keeper.errors == {}


def test_a_failure_is_told_and_over_as_soon_as_its_cause(archive, keeper, poll, monkeypatch):
    """While it lasts the server is called not ready."""
    monkeypatch.setattr("server.housekeeping._AFTER_FAILURE_S", 0.05)
    entry = archive.add(20, 1)
    with archive.engine.begin() as connection:
        connection.execute(text("ALTER TABLE journal_block RENAME TO elsewhere"))

    keeper.start()

    try:
        poll(lambda: "the journal is not packed" in keeper.errors.get("journal", ""))
    finally:
        with archive.engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO journal_block"))
    poll(lambda: not keeper.errors and archive.blocks()[entry] is not None)
