"""A disk that takes nothing, made by a limit on the size of files (setrlimit(2)) in a child."""

import subprocess
import sys
import textwrap

HEAD = """
import resource, sys
from decimal import Decimal
from pathlib import Path
from gateway.app import Recorder
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


def run(program, folder):
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(program), str(folder)],
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
