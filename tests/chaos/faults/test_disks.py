"""Disks that are full for a while, by a small file system of our own or by a limit."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos_suite.faults.disks import (
    Quota,
    may_mount,
    read_mounts,
    small_disk,
    unmount_stale,
)

needs_root = pytest.mark.skipif(not may_mount(), reason="only root can mount a file system")

WRITER = """
import sys
for line in sys.stdin:
    try:
        with open(line.strip(), "ab", buffering=0) as file:
            file.write(bytes(10_000))
        print("kept", flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


@pytest.fixture
def writer():
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.kill()


def write(writer, path):
    writer.stdin.write(f"{path}\n")
    writer.stdin.flush()
    return writer.stdout.readline().strip()


def places():
    return [place for _, place in read_mounts()]


@needs_root
def test_a_full_disk_takes_nothing_until_it_is_freed(tmp_path, writer):
    with small_disk(tmp_path / "disk", 4) as disk:
        assert write(writer, disk.folder / "one") == "kept"
        disk.fill()
        assert write(writer, disk.folder / "two") == str(errno.ENOSPC)
        disk.free()
        assert write(writer, disk.folder / "two") == "kept"


@needs_root
def test_what_a_small_disk_held_lies_in_its_folder_afterwards(tmp_path):
    with small_disk(tmp_path / "disk", 4) as disk:
        (disk.folder / "outbox.db").write_text("readings")
        disk.fill()
        assert str(disk.folder) in places()

    assert str(tmp_path / "disk") not in places()
    assert [one.name for one in (tmp_path / "disk").iterdir()] == ["outbox.db"]


@needs_root
def test_disks_of_a_bench_that_was_killed_are_unmounted_and_others_left(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / "stale").mkdir()
    source = f"saxaul-bench-{gone.pid}-1"
    subprocess.run(["mount", "-t", "tmpfs", source, tmp_path / "stale"], check=True)
    with small_disk(tmp_path / "own", 1):  # looks for stale ones
        assert str(tmp_path / "stale") not in places()
        unmount_stale(read_mounts())
        assert str(tmp_path / "own") in places()


def test_with_a_limit_no_file_grows_beyond_the_largest(tmp_path, writer):
    own = tmp_path / "outbox.db"
    own.write_bytes(bytes(5000))
    quota = Quota(lambda: [writer.pid], lambda: [own, tmp_path / "outbox.db-wal"])
    quota.fill()
    assert write(writer, own) == str(errno.EFBIG)
    quota.free()

    assert write(writer, own) == "kept"


def test_a_limit_on_what_has_ended_is_no_error(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()

    Quota(lambda: [gone.pid], lambda: [Path(os.devnull)]).fill()
