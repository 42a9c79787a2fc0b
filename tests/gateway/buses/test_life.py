"""Life on a bus, played by the simulator: instruments are swapped, adapters come and go."""

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.buses.link import BUS_BACK, BUS_UNAVAILABLE, Link
from gateway.buses.poller import SENSOR_BACK, SENSOR_IDENTIFIED, SENSOR_UNAVAILABLE
from gateway.buses.runner import BusRunner
from gateway.buses.serial_port import PortSettings
from gateway.config import BusSection, SensorSection
from gateway.drivers.outcome import OTHER_MODEL
from wire.catalogue import Protocol

TEROS = "METER TEROS 12"
REPLUGS = 60

SCENARIO = """
seed = 7
origin = "2026-09-01"
[[bus]]
id = "sdi"
protocol = "sdi12"
link = "adapter"
[[bus.device]]
id = "dune-1/same"
model = "METER TEROS 12"
address = "1"
serial = "{serial}"
[[bus.device]]
id = "dune-1/other"
model = "{other}"
address = "2"
serial = "TWO"
"""


@contextmanager
def simulator(folder, serial="OLD", other=TEROS):
    path = folder / "scenario.toml"
    path.write_text(SCENARIO.format(serial=serial, other=other))
    command = [sys.executable, "-m", "firmware_sim", "run", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.stdout.readline() not in ("ready\n", ""):
            pass
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def run(tmp_path, real_clock):
    """Run a bus of two sensors at addresses 1 and 2, every second."""
    observed, told = [], []
    sensors = [
        SensorSection(id=name, thing="dune-1", model=TEROS, address=address, interval_s=1.0)
        for name, address in (("same", "1"), ("other", "2"))
    ]
    port = str(tmp_path / "adapter")
    bus = BusSection(id="sdi", port=port, protocol=Protocol.SDI12, sensor=sensors)
    runner = BusRunner(bus, real_clock, observed.extend, lambda *said: told.append(said))
    runner.observed, runner.told = observed, told
    yield runner
    runner.stop(10)


def values(runner, name):
    return [one for one in runner.observed if one.datastream == f"dune-1/{name}/vwc_raw"]


def test_a_swapped_instrument_is_told_and_another_model_is_never_mixed_in(
    run, tmp_path, eventually, logged
):
    """Its serial number makes a new Deployment; another model is missing, with the reason."""
    with simulator(tmp_path):
        run.start()
        eventually(lambda: sorted(one[2].serial for one in run.told) == ["OLD", "TWO"])
    with simulator(tmp_path, serial="NEW", other="METER TEROS 11"):
        eventually(
            lambda: [one[2].serial for one in run.told if one[1] == "same"] == ["OLD", "NEW"]
        )
        eventually(lambda: any(OTHER_MODEL in one.reason for one in values(run, "other")))
        since = len(run.observed)
        eventually(lambda: any(one.value for one in run.observed[since:]))

    first = next(at for at, one in enumerate(values(run, "other")) if OTHER_MODEL in one.reason)
    assert all(one.value is None for one in values(run, "other")[first:])
    assert [one[2].serial for one in run.told if one[1] == "other"] == ["TWO"]
    identified = [one["serial"] for one in logged if one["event"] == SENSOR_IDENTIFIED]
    assert sorted(identified) == ["NEW", "OLD", "TWO"]


@contextmanager
def taken(port):
    """Take the number of a pty that has become free, and all lower ones, which come first.

    Others on this machine take and give back numbers as well.
    """
    with ExitStack() as stack:
        number = -1
        while number < int(port.name):
            ends = os.openpty()
            for end in ends:
                stack.callback(os.close, end)
            number = int(Path(os.ttyname(ends[1])).name)
        yield


def test_an_adapter_that_returns_as_another_port_is_used_again_without_a_restart(
    run, tmp_path, eventually, logged
):
    """It is named by its link, which is followed at every opening; told once each way."""
    link = tmp_path / "adapter"
    with simulator(tmp_path):
        before = link.readlink()
        run.start()
        eventually(lambda: any(one.value for one in values(run, "same")))
    eventually(lambda: not run.health().open)
    with taken(before), simulator(tmp_path):
        after = link.readlink()
        since = len(run.observed)
        eventually(lambda: any(one.value for one in run.observed[since:]))

    assert before != after
    events = [one["event"] for one in logged]
    assert events.index(BUS_UNAVAILABLE) < events.index(BUS_BACK)
    assert events[: events.index(BUS_BACK)].count(BUS_UNAVAILABLE) == 1
    assert events.count(BUS_BACK) == 1
    assert {SENSOR_UNAVAILABLE, SENSOR_BACK} & set(events) == set()
    assert "port not available" not in {one.reason for one in run.observed if one.value}


def test_plugging_in_again_and_again_leaves_no_file_open(tmp_path, peer, hand_clock, log):
    """PITFALLS: Mycodo#254. Also openings that fail, on what is no serial port."""
    from threading import Event

    place = tmp_path / "adapter"
    link = Link(PortSettings(str(place), 9600), hand_clock.mono_ms, Event(), log)
    before = open_files()
    for number in range(REPLUGS):
        place.unlink(missing_ok=True)
        if number % 3 == 2:
            place.touch()
            assert not link.ensure_open()
        else:
            device = peer()
            place.symlink_to(device.port)
            assert link.ensure_open()
            device.unplug()
            assert not link.ensure_open()
        hand_clock.pass_s(60)

    assert open_files() <= before


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))
