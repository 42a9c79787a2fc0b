"""What is safe of a folder, and what a cut may leave of the rest."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos_suite.power_cut import fates
from benchmarks.chaos_suite.power_cut.disk import Disk, Put, Resize
from benchmarks.chaos_suite.power_cut.operations import (
    Create,
    Extend,
    Remove,
    Rename,
    Sync,
    SyncFolder,
    Truncate,
    Write,
)


def disk_after(*operations):
    disk = Disk()
    for one in operations:
        disk.apply(one)
    return disk


def least(disk):
    return disk.rebuild(())


def most(disk):
    return disk.rebuild(disk.pending)


def test_a_synced_file_without_a_synced_folder_may_be_gone():
    disk = disk_after(Create("a"), Write("a", 0, b"x"), Sync("a"))

    assert least(disk) == {}
    assert most(disk) == {"a": b"x"}


def test_a_synced_folder_keeps_the_name_but_not_the_content():
    disk = disk_after(Create("a"), Write("a", 0, b"x"), SyncFolder())

    assert least(disk) == {"a": b""}


def test_both_synced_is_safe():
    assert least(disk_after(Create("a"), Write("a", 2, b"x"), Sync("a"), SyncFolder())) == {
        "a": b"\0\0x"
    }


def test_a_sync_makes_no_other_file_safe():
    disk = disk_after(Create("a"), Create("b"), SyncFolder(), Write("b", 0, b"x"), Sync("a"))

    assert least(disk) == {"a": b"", "b": b""}


def test_what_comes_after_a_sync_is_not_safe():
    disk = disk_after(Create("a"), Write("a", 0, b"old"), Sync("a"), SyncFolder())
    disk.apply(Write("a", 1, b"NEW"))
    disk.apply(Truncate("a", 2))

    assert least(disk) == {"a": b"old"}
    assert most(disk) == {"a": b"oN"}
    assert disk.rebuild(disk.pending[:1]) == {"a": b"oNEW"}
    assert disk.rebuild(disk.pending[1:]) == {"a": b"ol"}


def test_an_extended_file_has_its_room_once_it_is_synced():
    disk = disk_after(Create("a"), SyncFolder(), Extend("a", 2))
    assert least(disk) == {"a": b""}

    disk.apply(Sync("a"))
    disk.apply(Extend("a", 1))
    assert least(disk) == most(disk) == {"a": b"\0\0"}


def test_a_rename_gives_the_new_name_in_any_case_and_takes_the_old_with_it():
    disk = disk_after(Create("a"), Write("a", 0, b"x"), Sync("a"), SyncFolder(), Rename("a", "b"))

    assert least(disk) == {"a": b"x"}
    assert most(disk) == {"b": b"x"}


def test_a_later_rename_may_survive_without_an_earlier_one():
    disk = disk_after(Create("a"), Create("b"), Write("b", 0, b"x"), Sync("b"), SyncFolder())
    disk.apply(Rename("a", "old"))
    disk.apply(Rename("b", "a"))

    assert disk.rebuild(disk.pending[1:]) == {"a": b"x"}


def test_a_name_that_went_may_come_back_until_the_folder_is_synced():
    disk = disk_after(Create("a"), SyncFolder(), Remove("a"))
    assert least(disk) == {"a": b""}

    disk.apply(SyncFolder())
    assert least(disk) == {}


def test_a_lying_disk_says_that_it_syncs():
    disk = disk_after(Create("a"), SyncFolder())
    disk.honest = False
    disk.apply(Write("a", 0, b"x"))
    disk.apply(Sync("a"))

    assert least(disk) == {"a": b""}
    assert most(disk) == {"a": b"x"}


def test_rebuilding_leaves_the_disk_as_it_is():
    disk = disk_after(Create("a"), SyncFolder(), Write("a", 0, b"x"))
    most(disk)

    assert least(disk) == {"a": b""}


def test_a_file_grows_without_its_content_but_never_shrinks_by_that():
    disk = disk_after(Create("a"), Write("a", 0, b"xyz"), Sync("a"), SyncFolder())

    assert disk.rebuild([Resize(0, 5, only_grow=True)]) == {"a": b"xyz\0\0"}
    assert disk.rebuild([Resize(0, 1, only_grow=True)]) == {"a": b"xyz"}


PENDING = (Put(0, 500, b"a" * 1000), Resize(0, 700), Put(1, 0, b"b"))


@pytest.mark.parametrize("fate", fates.ALL)
@given(seed=st.integers())
def test_the_same_chances_leave_the_same(fate, seed):
    assert list(fate(Random(seed), PENDING)) == list(fate(Random(seed), PENDING))


@given(seed=st.integers())
def test_shreds_are_whole_sectors_of_what_was_written(seed):
    for one in fates.shreds(Random(seed), PENDING[:1]):
        if isinstance(one, Put):
            assert one.offset in (500, 512, 1024)
            assert one.offset + len(one.data) in (512, 1024, 1500)


def test_all_that_can_happen_to_a_sector_does():
    """Of two writes to one sector the first, the second or none may be what is left."""
    disk = disk_after(Create("a"), SyncFolder(), Write("a", 0, b"1"), Write("a", 0, b"2"))

    for fate in (fates.some, fates.shreds):
        left = {disk.rebuild(fate(Random(n), disk.pending))["a"] for n in range(300)}
        assert {b"", b"1", b"2"} <= left


def test_a_beginning_keeps_the_order():
    writes = [Put(0, n * 512, b"x" * 512) for n in range(9)]

    for n in range(50):
        kept = [one for one in fates.beginning(Random(n), writes) if isinstance(one, Put)]
        assert kept[:-1] == writes[: max(0, len(kept) - 1)]
