"""The command, as a person types it."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway import cli
from tests.load import limit_s


@pytest.fixture
def serial():
    """A serial port to which nothing is attached."""
    ours, theirs = pty.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def run(tmp_path):
    """Start `python -m gateway` on this test's gateway.toml; killed at the end if need be."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments, "--config", tmp_path / "gateway.toml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def ready(config_of, broker, serial):
    """A gateway.toml for this test's broker and an empty serial port."""
    return config_of(port=broker.port, serial=serial, interval_s=2)


def ended(process):
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def rss_kb(process):
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_reads_sends_and_stops_within_3_s(ready, ear, run, until, number):
    process = run("run")
    until(lambda: ear.on("batch"), 25)
    began = time.monotonic()
    process.send_signal(number)
    code, _, err = ended(process)
    assert (code, time.monotonic() - began < limit_s(3)) == (0, True)
    assert "gateway_started gateway=kubuqi-dune" in err
    assert "Traceback" not in err
    until(lambda: json.loads(ear.on("status")[-1].payload)["state"] == "offline")


def test_a_running_gateway_needs_no_more_than_50_mb(ready, ear, run, until):
    process = run("run")
    until(lambda: len(ear.on("status")) >= 3)
    assert rss_kb(process) * 1024 <= 50_000_000
    assert json.loads(ear.on("status")[-1].payload)["rss_mb"] <= 50


def test_a_killed_gateway_leaves_its_last_will(ready, ear, run, until):
    process = run("run")
    until(lambda: ear.on("status"))
    assert json.loads(ear.on("status")[0].payload)["state"] == "online"
    process.send_signal(signal.SIGKILL)
    until(lambda: json.loads(ear.on("status")[-1].payload) == {"state": "offline"})


def test_a_second_run_is_refused(ready, ear, run, until):
    first = run("run")
    until(lambda: ear.on("status"))
    code, _, err = ended(run("run"))
    assert code == 2
    assert f"process {first.pid} is using this data folder" in err
    assert "Traceback" not in err


def test_outbox_reads_beside_a_running_gateway(ready, ear, run, until):
    run("run")
    until(lambda: ear.on("batch"), 25)
    code, out, err = ended(run("outbox"))
    assert (code, err) == (0, "")
    assert "unconfirmed" in out
    assert "dune-1/soil-10cm/vwc_raw" in out


@pytest.mark.parametrize("command", ["run", "outbox", "backfill"])
def test_an_unknown_key_is_one_line_and_exit_code_2(config_of, tmp_path, capsys, command):
    config_of()
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace("batch_every_s", "batch_evry_s"))
    more = ["x.csv"] if command == "backfill" else []
    assert cli.main([command, *more, "--config", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"saxaul-gateway: {path}:10: unknown key 'batch_evry_s'; did you mean")
    assert told.count("\n") == 1


def test_run_without_its_port_exits_with_2(config_of, tmp_path, capsys):
    config_of(serial="/dev/ttyUSB77")
    path = tmp_path / "gateway.toml"
    assert cli.main(["run", "--config", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("saxaul-gateway: /dev/ttyUSB77 is not there; ports found: ")
    assert told.count("\n") == 1


def test_a_failed_start_leaves_no_signal_blocked(tmp_path, capsys):
    """Else whatever the caller starts next could not be stopped."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    assert cli.main(["run", "--config", str(tmp_path / "absent.toml")]) == 2

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    capsys.readouterr()


def test_run_goes_on_after_it_was_stalled(config_of, broker, ear, run, until, serial):
    """A stalled process that goes on (SIGCONT) was not told to stop."""
    config_of(port=broker.port, serial=serial)
    process = run("run")
    until(lambda: ear.on("status"))
    process.send_signal(signal.SIGSTOP)
    time.sleep(cli.WATCH_S + 0.5)
    process.send_signal(signal.SIGCONT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2 * cli.WATCH_S)
    process.terminate()
    assert ended(process)[0] == 0


def test_run_waits_for_its_port_when_told_to(config_of, broker, ear, run, until):
    config_of(port=broker.port, serial="/dev/ttyUSB77")
    process = run("run", "--absent-ports", "retry")
    until(lambda: ear.on("status"))
    process.terminate()
    assert ended(process)[0] == 0


def test_a_missing_configuration_names_the_file_and_the_remedy(tmp_path, capsys):
    assert cli.main(["run", "--config", str(tmp_path / "absent.toml")]) == 2
    told = capsys.readouterr().err
    assert "absent.toml: cannot be read" in told
    assert "--config" in told


def test_backfill_fills_the_outbox(config_of, tmp_path, capsys):
    config_of()
    csv = tmp_path / "h.csv"
    csv.write_text("time_ms,datastream,value,reason\n1000,dune-1/soil-10cm/vwc_raw,1.5,\n")
    arguments = ["--config", str(tmp_path / "gateway.toml")]
    assert cli.main(["backfill", str(csv), *arguments]) == 0
    assert f"1 observations of {csv} are in the outbox of kubuqi-dune" in capsys.readouterr().out
    assert cli.main(["outbox", *arguments]) == 0
    assert "1 batches sealed (1 unconfirmed" in capsys.readouterr().out


def test_backfill_of_an_unknown_datastream_is_refused(config_of, tmp_path, capsys):
    config_of()
    csv = tmp_path / "h.csv"
    csv.write_text("time_ms,datastream,value,reason\n1000,dune-1/mast/rain,1.5,\n")
    assert cli.main(["backfill", str(csv), "--config", str(tmp_path / "gateway.toml")]) == 2
    assert f"{csv}:2: datastream 'dune-1/mast/rain' is none of" in capsys.readouterr().err


def test_config_prints_an_example_that_config_check_accepts(tmp_path, capsys):
    assert cli.main(["config"]) == 0
    path = tmp_path / "gateway.toml"
    path.write_text(capsys.readouterr().out)
    assert cli.main(["config", "--check", "--config", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: ok (buses: 1, sensors: 1, datastreams: 3)\n"


def test_config_check_tells_all_faults_a_line_each(config_of, tmp_path, capsys):
    config_of()
    path = tmp_path / "gateway.toml"
    text = path.read_text().replace("TEROS 12", "TEROS 120").replace('address = "1"', "")
    path.write_text(text)
    assert cli.main(["config", "--check", "--config", str(path)]) == 2
    address, model = capsys.readouterr().err.splitlines()
    assert model.startswith(f"saxaul-gateway: {path}:24: bus 'sdi', sensor 'soil-10cm': model ")
    assert "did you mean 'METER TEROS 12'?" in model
    assert address.startswith(f"saxaul-gateway: {path}:21: bus 'sdi', sensor 'soil-10cm': address")


def test_run_without_any_sensor_left_exits_with_2(config_of, tmp_path, capsys):
    config_of()
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace("TEROS 12", "TEROS 120"))
    assert cli.main(["run", "--config", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"saxaul-gateway: {path}:24: bus 'sdi', sensor 'soil-10cm': model ")
    assert told.count("\n") == 1


def test_a_bug_exits_with_1_and_its_traceback(monkeypatch, config_of, tmp_path, capsys):
    config_of()

    def broken(path):
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "load", broken)
    assert cli.main(["config", "--check", "--config", str(tmp_path / "gateway.toml")]) == 1
    assert "RuntimeError: a bug" in capsys.readouterr().err


def test_what_was_interrupted_is_no_success(monkeypatch, config_of, tmp_path):
    """`saxaul-gateway backfill x.csv && rm x.csv` must not remove what is not in the outbox."""
    config_of()

    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupted)
    assert cli.main(["config", "--check", "--config", str(tmp_path / "gateway.toml")]) == 130


def test_scan_that_finds_nothing_says_what_to_check(capsys):
    assert cli.main(["scan", "/dev/ttyUSB77"]) == 2
    told = capsys.readouterr().err
    assert "/dev/ttyUSB77" in told
    assert told.splitlines()[-1].startswith(
        "saxaul-gateway: no port could be looked at: /dev/ttyUSB77"
    )


def test_no_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2


def test_run_notices_that_its_outbox_met_damage(monkeypatch):
    """Then it starts anew, and opening the outbox salvages it."""
    monkeypatch.setattr(cli, "WATCH_S", 0.01)
    damaged = SimpleNamespace(outbox=SimpleNamespace(is_damaged=True))
    assert cli._wait(damaged, threading.Event()) is False


def test_run_starts_anew_on_a_damaged_outbox_and_ends_when_told(monkeypatch, config_of, tmp_path):
    config_of()
    waits = iter([False, True])
    built = []

    def wait(app, stop):
        built.append(app)
        return next(waits)

    monkeypatch.setattr(cli, "_wait", wait)
    monkeypatch.setattr(cli, "_stop_signal", threading.Event)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        assert cli.main(["run", "--config", str(tmp_path / "gateway.toml")]) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert len(set(map(id, built))) == 2
