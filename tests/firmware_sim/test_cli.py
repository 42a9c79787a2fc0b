"""saxaul-sim, run as its users run it."""

import csv
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial

from firmware_sim import cli
from firmware_sim.cli import BUG, INTERRUPTED, MENDABLE, OK, main
from firmware_sim.truth import read_truth
from tests.load import limit_s

SCENARIO = """\
seed = 7
origin = "2026-09-01"
[[bus]]
id = "sdi"
protocol = "sdi12"
link = "ports/sdi"
[[bus.device]]
id = "dune-1/soil-10cm"
model = "METER TEROS 12"
address = "1"
[[bus]]
id = "salt"
protocol = "line"
[[bus.device]]
id = "dune-1/salt"
model = "Saltation counter, ASCII"
"""
SPAN = ("--from", "2026-09-05", "--to", "2026-09-06", "--every", "3600")


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def running(scenario):
    command = [sys.executable, "-m", "firmware_sim", "run", str(scenario)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_what_was_interrupted_is_no_success_and_no_bug(monkeypatch, scenario):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupted)
    assert main(["run", str(scenario)]) == INTERRUPTED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_says_its_ports_and_ends_within_a_second(running, scenario, number):
    lines = [running.stdout.readline().split() for _ in range(3)]
    assert [line[0] for line in lines] == ["sdi", "salt", "ready"]
    link = scenario.parent / "ports" / "sdi"
    assert link.readlink() == Path(lines[0][1])
    began = time.monotonic()
    running.send_signal(number)
    assert running.wait(20) == OK
    assert time.monotonic() - began < limit_s(1)
    assert not link.is_symlink()


def test_run_plays_devices_and_writes_truth(running, scenario):
    ports = dict(running.stdout.readline().split() for _ in range(2))
    with serial.Serial(ports["sdi"], 9600, timeout=20) as port:
        port.write(b"1R0!")
        reply = port.readline().decode()
    with serial.Serial(ports["salt"], 9600, timeout=20) as port:
        port.readline()  # opening may have cut this one
        assert port.readline().startswith(b"$SALT,1,")
    running.terminate()
    assert running.wait(20) == OK
    truth = read_truth(scenario.parent / "truth.jsonl")
    (soil,) = [line for line in truth if line.device == "dune-1/soil-10cm"]
    raw, temperature = (float(soil.values[key]) for key in ("vwc_raw", "soil_temperature"))
    assert [float(one) for one in re.findall(r"[+-][\d.]+", reply)[:2]] == [raw, temperature]
    assert any(line.device == "dune-1/salt" and line.kind == "line" for line in truth)


def _rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_history_writes_every_slot_of_every_series(scenario, tmp_path):
    out = tmp_path / "h.csv"
    assert main(["history", str(scenario), *SPAN, "--out", str(out)]) == OK
    rows = _rows(out)
    assert len(rows) == 24 * 6
    assert rows[0]["time_ms"] == "1788566400000"
    assert {row["datastream"] for row in rows} == {
        "dune-1/soil-10cm/vwc_raw",
        "dune-1/soil-10cm/soil_temperature",
        "dune-1/soil-10cm/soil_ec",
        "dune-1/salt/saltation_count",
        "dune-1/salt/saltation_energy",
        "dune-1/salt/saltation_seconds",
    }


def test_history_is_the_same_each_time(scenario, tmp_path):
    for name in ("a.csv", "b.csv"):
        main(["history", str(scenario), *SPAN, "--out", str(tmp_path / name)])
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_history_can_be_of_one_bus(scenario, tmp_path):
    out = tmp_path / "h.csv"
    assert main(["history", str(scenario), *SPAN, "--bus", "salt", "--out", str(out)]) == OK
    assert {row["datastream"].split("/")[1] for row in _rows(out)} == {"salt"}


def test_devices_lists_what_can_be_played(capsys):
    assert main(["devices"]) == OK
    assert "METER TEROS 12                           sdi12\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "none.toml"], "saxaul-sim: none.toml: cannot be read: No such file or directory"),
        (["history", "SCENARIO", *SPAN, "--bus", "x", "--out", "h"], "has no bus 'x'; there are"),
        (["history", "SCENARIO", *SPAN, "--every", "0", "--out", "h"], "--every: 0 must be"),
        (["history", "SCENARIO", *SPAN, "--to", "2026-09-01", "--out", "h"], "leaves no slot"),
        (["history", "SCENARIO", *SPAN, "--out", "/nowhere/h.csv"], "/nowhere/h.csv: cannot be"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_exit_2(scenario, capsys, arguments, message):
    given = [str(scenario) if one == "SCENARIO" else one for one in arguments]
    assert main(given) == MENDABLE
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_bug_is_exit_1_with_a_traceback(scenario, capsys, monkeypatch):
    monkeypatch.setattr("firmware_sim.cli.load", lambda _: 1 / 0)
    assert main(["run", str(scenario)]) == BUG
    assert "ZeroDivisionError" in capsys.readouterr().err
