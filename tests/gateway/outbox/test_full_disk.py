"""A disk that takes nothing: by a limit on the size of files (setrlimit(2)), and truly full.

A small tmpfs is mounted where only the child sees it, as root or in a user namespace of its own.
"""

import subprocess
import sys
import textwrap

import pytest

HEAD = """
import resource, sys
from decimal import Decimal
from pathlib import Path
from gateway.recording import Recorder
from gateway.clock import Clock, TimeSources
from gateway.errors import StoreError
from gateway.outbox import Outbox
from gateway.outbox.schema import NoRoomError
from gateway.readings import Observation
from wire.batch import Sample, decode

folder, NAME = Path(sys.argv[1]), "d-1/s-1/x"
now_ms = [1_000_000]
clock = Clock("assume", TimeSources(lambda: now_ms[0] * 10**6, lambda: (now_ms[0] + 10**12) * 10**6))

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def free():
    limit(resource.RLIM_INFINITY)

def open_outbox():
    return Outbox(folder, clock, 60)

def observe(first, count=1):
    return [Observation(NAME, first + n, Decimal(first + n)) for n in range(count)]

def times(outbox):
    while outbox.seal():
        pass
    return sorted(
        int(sample.value)
        for one in outbox.unconfirmed(10_000, 0)
        for series in decode(outbox.payload(one.seq)).series
        for sample in series.samples()
    )

def fill(outbox):
    "Until the disk takes no more."
    n = 0
    try:
        while True:
            outbox.append(observe(n, 500))
            n += 500
    except NoRoomError:
        return n
"""


def run(program, folder, *around):
    done = subprocess.run(
        [*around, sys.executable, "-c", HEAD + textwrap.dedent(program), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_acquisition_goes_on_and_what_waited_is_written_when_space_returns(tmp_path):
    told = run(
        """
        outbox = open_outbox()
        record = Recorder(outbox)
        limit(400_000)
        kept = fill(outbox)
        record(observe(kept, 500))
        record(observe(kept + 500, 500))
        free()
        record(observe(kept + 1000))
        assert times(outbox) == list(range(kept + 1001))
        outbox.close()
        """,
        tmp_path,
    )
    assert "append_failed" in told
    assert "append_recovered" in told


def test_what_gave_way_in_memory_is_noted_where_the_technician_looks(tmp_path):
    run(
        """
        from gateway.outbox import report
        outbox = open_outbox()
        record = Recorder(outbox)
        limit(400_000)
        kept = fill(outbox)
        record(observe(kept, 6000))
        free()
        record(observe(kept + 6000))
        assert times(outbox) == [*range(kept), *range(kept + 1000, kept + 6001)]
        assert report.read(folder, 1).dropped == record.dropped == 1000
        outbox.close()
        """,
        tmp_path,
    )


def test_a_start_on_a_full_disk_keeps_readings_in_memory_until_there_is_room(tmp_path):
    told = run(
        """
        outbox = open_outbox()
        outbox.append(observe(0, 3))
        epoch = outbox.epoch
        outbox.close()
        limit(0)
        outbox = open_outbox()
        assert outbox.epoch == ""
        record = Recorder(outbox)
        record(observe(3, 2))
        try:
            outbox.seal()
        except NoRoomError:
            pass
        else:
            raise AssertionError("sealed without an outbox")
        free()
        now_ms[0] += 10_000
        record(observe(5))
        assert outbox.epoch == epoch
        assert times(outbox) == list(range(6))
        outbox.close()
        """,
        tmp_path,
    )
    assert "outbox_waits_for_room" in told
    assert "outbox_opened" in told


def test_damage_met_on_a_full_disk_is_salvaged_when_there_is_room(tmp_path):
    run(
        """
        outbox = open_outbox()
        outbox.append(observe(0, 3000))
        outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = bytearray(outbox.path.read_bytes())
        outbox.close()
        content[100:140] = bytes(40)
        outbox.path.write_bytes(content)
        limit(20_000)
        outbox = open_outbox()
        assert outbox.epoch == ""
        assert outbox.path.read_bytes() == content
        free()
        now_ms[0] += 10_000
        assert times(outbox) == list(range(3000))
        outbox.close()
        """,
        tmp_path,
    )


def test_the_very_first_start_on_a_full_disk_keeps_readings_too(tmp_path):
    run(
        """
        limit(0)
        outbox = open_outbox()
        record = Recorder(outbox)
        record(observe(0, 2))
        free()
        now_ms[0] += 10_000
        record(observe(2))
        assert times(outbox) == [0, 1, 2]
        outbox.close()
        """,
        tmp_path,
    )


# ---------------------------------------------------------------- a disk that is truly full

SMALL_DISK = """
import os
from random import Random
from gateway.recording.recorder import WAITING_LIMIT
from wire.quality import Flag

rng = Random(1)

def fill_up(leave=0):
    "Something else takes what the disk has."
    with (folder.parent / "ballast").open("ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass
        ballast.truncate(max(0, ballast.tell() - leave))

def empty():
    (folder.parent / "ballast").unlink()
    now_ms[0] += 10_000

def disk_free():
    return os.statvfs(folder).f_bavail * 4096

def tick(record, first, count=50):
    "What cannot be compressed: reasons of 60 bytes by chance."
    now_ms[0] += 1000
    record([
        Observation(NAME, first + n, None, Flag.MISSING, rng.randbytes(30).hex())
        for n in range(count)
    ])

def instants(outbox):
    while outbox.seal():
        pass
    return sorted(
        sample.time_ms - 10**12
        for one in outbox.unconfirmed(10_000, 0)
        for series in decode(outbox.payload(one.seq)).series
        for sample in series.samples()
    )

def try_to_seal(outbox):
    try:
        outbox.seal()
    except NoRoomError:
        pass

folder = folder / "data"
folder.mkdir()
"""

MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def namespace():
    """A command that gives what follows mounts of its own; None where the system lets nobody."""
    for own in (["unshare", "-m"], ["unshare", "-r", "-m"]):
        trial = [*own, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if subprocess.run(trial, check=False, capture_output=True).returncode == 0:
            return own
    return None


def run_on_disk(size, program, folder):
    own = namespace()
    if own is None:
        pytest.skip("neither root nor a user namespace: only the limits on files were tested")
    around = [*own, "sh", "-c", MOUNT, "sh", size, str(folder)]
    return run(SMALL_DISK + textwrap.dedent(program), folder, *around)


def test_a_disk_filled_by_the_backlog_is_used_to_its_end_and_recovers(tmp_path):
    """With the link down nothing in the file may go; what then finds no room waits in memory."""
    told = run_on_disk(
        "3m",
        """
        (folder.parent / "ballast").write_bytes(bytes(1_000_000))
        outbox = open_outbox()
        record = Recorder(outbox)
        n = 0
        while not record.dropped:
            tick(record, n)
            n += 50
            if n % 500 == 0:
                try_to_seal(outbox)
            assert n < 100_000
        assert len(record._waiting.observations) == WAITING_LIMIT
        in_file = n - record.dropped - len(record._waiting.observations)
        assert in_file > 8_000
        assert outbox.figures().lost == 0
        for _ in range(20):  # still the newest are kept
            tick(record, n)
            n += 50
            try_to_seal(outbox)
        assert record.dropped == n - WAITING_LIMIT - in_file
        empty()
        tick(record, n)
        n += 50
        kept = instants(outbox)
        assert kept == [*range(in_file), *range(in_file + record.dropped, n)]
        outbox.confirm([(1, outbox.figures().sealed)])
        outbox.close()
        """,
        tmp_path,
    )
    assert 0 < told.count("append_failed") < 10
    assert 0 < told.count("observations_dropped") < 10


def test_a_disk_filled_by_others_leaves_the_room_of_confirmed_batches(tmp_path):
    told = run_on_disk(
        "64m",
        """
        outbox = open_outbox()
        record = Recorder(outbox)
        for n in range(0, 10_000, 50):
            tick(record, n)
            if n % 1000 == 950:
                outbox.seal()
        outbox.confirm([(1, outbox.figures().sealed)])
        outbox.prune()
        fill_up()
        assert disk_free() == 0
        for n in range(10_000, 14_000, 50):
            tick(record, n)
            if n % 1000 == 950:
                outbox.seal()
            fill_up()
        assert record.dropped == 0
        assert instants(outbox) == list(range(10_000, 14_000))
        assert disk_free() == 0
        outbox.close()
        """,
        tmp_path,
    )
    assert "spare_file_given_up_for_room" in told
    assert "confirmed_batches_dropped_for_room" in told


def test_a_start_on_a_disk_that_others_filled_meanwhile_goes_on_by_the_spare_file(tmp_path):
    run_on_disk(
        "64m",
        """
        outbox = open_outbox()
        record = Recorder(outbox)
        tick(record, 0)
        outbox.prune()
        outbox.close()
        fill_up()
        outbox = open_outbox()
        record = Recorder(outbox)
        assert outbox.epoch
        tick(record, 50)
        assert instants(outbox) == list(range(100))
        outbox.close()
        """,
        tmp_path,
    )


def test_a_disk_filled_slowly_by_others_is_written_to_until_then_and_after(tmp_path):
    """The log is folded in while the file can still grow, so that all is whole when it cannot."""
    run_on_disk(
        "40m",
        """
        outbox = open_outbox()
        record = Recorder(outbox)
        fill_up(leave=6_000_000)
        n = 0
        while not record._waiting:
            tick(record, n)
            n += 50
            if n % 500 == 0:
                try_to_seal(outbox)
            fill_up(leave=max(0, disk_free() - 50_000))
            assert n < 100_000
        assert record.dropped == 0
        outbox.close()  # ... and started again
        outbox = open_outbox()
        waited, record = record._waiting.observations, Recorder(outbox)
        record(waited)
        empty()
        tick(record, n)
        assert instants(outbox) == list(range(n + 50))
        outbox.close()
        """,
        tmp_path,
    )


def test_what_came_before_others_filled_the_disk_can_still_be_sealed(tmp_path):
    """The log's room was taken at the start: sealing needs more of it than ticks have used."""
    run_on_disk(
        "40m",
        """
        outbox = open_outbox()
        record = Recorder(outbox)
        for n in range(0, 1_000, 50):
            tick(record, n)
        outbox.close()
        outbox = open_outbox()
        fill_up()
        assert outbox.seal() == 1_000
        assert instants(outbox) == list(range(1_000))
        outbox.close()
        """,
        tmp_path,
    )


def test_a_day_s_worth_that_waits_when_others_fill_the_disk_is_sealed_in_parts(tmp_path):
    """At once it would take more of the log than there is."""
    run_on_disk(
        "60m",
        """
        outbox = open_outbox()
        record = Recorder(outbox)
        for n in range(0, 20_000, 1_000):
            tick(record, n, count=1_000)
        outbox.close()
        outbox = open_outbox()
        fill_up()
        assert outbox.seal() == 5_000
        assert instants(outbox) == list(range(20_000))
        outbox.close()
        """,
        tmp_path,
    )


def test_a_short_log_that_cannot_grow_is_folded_in_again_and_again(tmp_path):
    """It is far from as long as it must be to be folded in by itself."""
    run_on_disk(
        "5m",
        """
        outbox = open_outbox()
        for n in range(0, 2_000, 50):
            tick(outbox.append, n)
            outbox.seal()
        outbox.confirm([(1, outbox.figures().sealed)])
        outbox._give_way()
        outbox.close()
        fill_up(leave=500_000)  # too little to make the log longer at once
        outbox = open_outbox()
        record = Recorder(outbox)
        tick(record, 2_000, count=150)
        fill_up()
        log = outbox.path.with_name("outbox.db-wal")
        size = log.stat().st_size
        for n in range(2_150, 2_400, 50):
            tick(record, n)
        assert log.stat().st_size - size < 4096
        assert not record._waiting
        empty()
        assert instants(outbox) == list(range(2_000, 2_400))
        outbox.close()
        """,
        tmp_path,
    )
