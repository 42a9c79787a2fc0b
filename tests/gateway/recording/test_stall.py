"""A talker on a real port while another program holds the outbox for seconds."""

import math
import subprocess
import sys
import threading
import time
from decimal import Decimal

import msgspec
import pytest

from firmware_sim.devices.base import Answer, Send
from firmware_sim.devices.talker import xor_text
from firmware_sim.host import Host, PortPlan
from gateway.buses.runner import BusRunner
from gateway.clock import Clock
from gateway.config import BusSection
from gateway.outbox import Outbox
from gateway.recording import Recorder, Relay
from wire.batch import decode
from wire.quality import Flag

HELD_S = 3.0
HOLD = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""
SERIES = "dune-1/salt/saltation_count"


class Counter:
    """Counts another number of grains each second, and tells it half a second after it."""

    def __init__(self):
        self.next_s = None

    def receive(self, data, now):
        return []

    def wake_at(self, now):
        if self.next_s is None:
            self.next_s = math.floor(now) + 1
        return self.next_s + 0.5

    def wake(self, now):
        number, self.next_s = self.next_s % 1000, math.floor(now - 0.5) + 1
        body = f"SALT,1,{number},{number},0.0"
        line = f"${body}*{xor_text(body.encode())}\r\n".encode()
        return [Send(0.0, line, Answer("salt", "line", {"count": Decimal(number)}))]


@pytest.fixture
def counter():
    """Give the port of the counter, and what it said: (ms, count)."""
    said = []
    host = Host(
        [PortPlan("salt", Counter(), 9600)],
        time.time,
        lambda answer, at_ms: said.append((at_ms, answer.values["count"])),
        threading.Event().set,
    )
    yield host.start()["salt"], said
    host.stop()


def test_windows_are_divided_as_the_lines_came_while_the_disk_stalls(counter, tmp_path, until):
    """What waits is the observations, not the lines: no second goes into another's window."""
    port, said = counter
    clock = Clock("assume")
    sensor = {"id": "salt", "thing": "dune-1", "model": "Saltation counter, ASCII"}
    bus = {"id": "salt", "port": port, "protocol": "line", "sensor": [sensor | {"interval_s": 1}]}
    with Outbox(tmp_path, clock, 60) as outbox:
        relay = Relay(Recorder(outbox))
        runner = BusRunner(msgspec.convert(bus, BusSection), clock, relay)
        relay.start()
        runner.start()
        until(lambda: outbox.pending().count)
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(outbox.path), str(HELD_S)], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout.readline() == b"held\n"
            begun_ms = time.time() * 1000
        ended_ms = time.time() * 1000
        until(lambda: said[-1][0] > ended_ms)
        runner.stop()
        relay.stop(10)
        outbox.seal()
        (series,) = [it for it in decode(outbox.payload(1)).series if it.name == SERIES]
    kept = {one.time_ms: one for one in series.samples()}
    truth = {math.ceil(at_ms / 1000) * 1000: count for at_ms, count in said}
    stalled = [slot for slot in kept if begun_ms < slot < ended_ms]
    assert len(stalled) >= 2
    for slot in stalled:
        assert (kept[slot].value, kept[slot].flag) == (truth[slot], Flag.PASS)
