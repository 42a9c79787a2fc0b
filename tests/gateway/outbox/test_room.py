"""An outbox on a disk that is nearly full: how far its file may grow, and its spare file."""

import errno
import os
import shutil
from decimal import Decimal

import pytest

from gateway.outbox import room
from gateway.outbox.room import LOG_BYTES, RESERVE_BYTES, SPARE_BYTES, SPARE_FILE, Room
from gateway.outbox.sealing import CRAMPED_LIMIT, SEAL_LIMIT, TIGHT_LIMIT
from wire.batch import Sample

NAME = "dune-1/soil-10cm/vwc_raw"
WALL_MS = 1_767_225_600_000
PAGE = 4096


@pytest.fixture
def disk(monkeypatch):
    """What the disk has free, set by hand."""
    free = {"bytes": 10**10}
    monkeypatch.setattr(room, "free_bytes", lambda _: free["bytes"])
    return free


@pytest.fixture
def outbox(outbox_of, hand):
    hand.synchronised = True
    return outbox_of(hand)


def append(outbox, first, count=200):
    outbox.append_stamped((NAME, Sample(WALL_MS + first + n, Decimal(n))) for n in range(count))


def pragma(outbox, name):
    return outbox._db.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_disk_that_does_not_tell_its_room_is_written_all_the_same(outbox, monkeypatch):
    def refused(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(shutil, "disk_usage", refused)
    append(outbox, 0)
    assert outbox.pending().enough == SEAL_LIMIT
    assert outbox.seal() == 200


def test_with_plenty_the_file_may_grow_as_it_likes(outbox, disk):
    append(outbox, 0)
    assert pragma(outbox, "max_page_count") > 10**9
    assert pragma(outbox, "wal_autocheckpoint") == 1000


def test_on_a_tight_disk_the_file_grows_by_what_is_free_beside_the_log(outbox, disk):
    append(outbox, 0)
    disk["bytes"] = LOG_BYTES + 100 * PAGE
    append(outbox, 200)
    log = outbox.path.with_name("outbox.db-wal").stat().st_size
    size = outbox.path.stat().st_size
    allowed = pragma(outbox, "max_page_count") * PAGE - size
    assert 100 * PAGE <= allowed <= 100 * PAGE + log
    assert pragma(outbox, "wal_autocheckpoint") < 100


def test_on_a_tight_disk_the_log_is_folded_in_at_once(outbox, disk):
    for n in range(5):
        append(outbox, 200 * n)
    assert outbox.path.stat().st_size == PAGE
    disk["bytes"] = RESERVE_BYTES - 1
    append(outbox, 1000)
    assert outbox.path.stat().st_size > 10 * PAGE


def test_it_grows_freely_again_when_there_is_plenty_again(outbox, disk):
    disk["bytes"] = 0
    append(outbox, 0, count=1)
    disk["bytes"] = RESERVE_BYTES
    append(outbox, 200)
    assert pragma(outbox, "max_page_count") > 10**9
    assert pragma(outbox, "wal_autocheckpoint") == 1000


def test_a_batch_finds_its_room_where_its_rows_were(outbox):
    """The file is full to its last page, and sealing takes pages before it gives some back."""
    append(outbox, 0, count=3000)
    outbox._db.execute(f"PRAGMA max_page_count = {pragma(outbox, 'page_count')}")
    assert pragma(outbox, "freelist_count") == 0
    assert outbox.seal() == 3000


def test_on_a_tight_disk_a_batch_takes_no_more_than_the_log_s_share_holds(outbox, disk):
    append(outbox, 0, count=TIGHT_LIMIT + 10)
    disk["bytes"] = RESERVE_BYTES - 1
    assert outbox.pending().enough == CRAMPED_LIMIT
    assert [outbox.seal(), outbox.seal(), outbox.seal()] == [TIGHT_LIMIT, 10, 0]


def test_a_spare_file_is_kept_by_a_disk_with_plenty_only(outbox, disk):
    disk["bytes"] = RESERVE_BYTES + SPARE_BYTES - 1
    outbox.prune()
    spare = outbox.path.with_name(SPARE_FILE)
    assert not spare.exists()
    disk["bytes"] += 1
    outbox.prune()
    assert spare.stat().st_blocks * 512 >= SPARE_BYTES


def test_the_spare_file_is_spent_once(tmp_path, disk):
    one = Room(tmp_path / "outbox.db")
    one.save()
    assert one.spend()
    assert list(tmp_path.iterdir()) == []
    assert not one.spend()
