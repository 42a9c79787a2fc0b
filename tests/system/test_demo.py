"""Simulator, gateways, broker, server and page together, as bin/demo runs them."""

import os
import re
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest

from deploy.ports import wait_until
from tests.load import limit_s

pytestmark = pytest.mark.timeout(240)

USCRN = """\
wban,station,lst_date,longitude,latitude,t_daily_max,t_daily_min,t_daily_mean,t_daily_avg,\
p_daily_calc,solarad_daily,sur_temp_daily_type,sur_temp_daily_max,sur_temp_daily_min,\
sur_temp_daily_avg,rh_daily_max,rh_daily_min,rh_daily_avg,soil_moisture_5_daily,\
soil_moisture_10_daily,soil_moisture_20_daily,soil_moisture_50_daily,soil_moisture_100_daily,\
soil_temp_5_daily,soil_temp_10_daily,soil_temp_20_daily,soil_temp_50_daily,soil_temp_100_daily
53131,AZ Tucson 11 W,2020-01-01,-111.17,32.24,14.6,2.2,8.4,8.2,0,12.26,C,23.1,1.2,8.6,92.8,37.2,\
67,0.096,,,,,9.5,9.3,,,
53131,AZ Tucson 11 W,2020-01-02,-111.17,32.24,12.5,1.6,7.1,7.5,0.4,12.81,C,20.6,1.5,8.2,90.7,43,\
66.4,0.107,0.119,,,,9.3,9.3,,,
"""


def mounts():
    return Path("/proc/self/mountinfo").read_text()


def outcome(demo):
    """The counts in the last line of a check."""
    last = demo.said().rstrip().splitlines()[-1]
    found = re.fullmatch(r"sent (\d+) stored (\d+) lost 0 duplicated 0 wrong 0", last)
    assert found, demo.said()
    return int(found[1]), int(found[2])


def test_the_database_holds_exactly_what_the_sensors_said(demo, profile):
    run = demo(*profile, "--check", "--seconds", "12", "--days", "1").start()

    assert run.end(200) == 0, run.said()
    sent, stored = outcome(run)
    assert sent == stored > 144 * 50  # a day of 10-minute rows of 50 series, and what came live
    memory = float(re.search(r"gateway RSS ([\d.]+) MB", run.said())[1])
    assert memory <= 50


def test_a_real_station_is_replayed(demo, tmp_path):
    """Missing values in the file reach the database as missing: the check would find a number."""
    file = tmp_path / "uscrn.csv"
    file.write_text(USCRN)
    run = demo("--check", "--seconds", "12", "--replay", str(file)).start()

    assert run.end(120) == 0, run.said()
    assert outcome(run)[0] > 0


def test_a_malformed_batch_is_kept_with_its_reason_and_stops_nothing(demo, profile):
    run = demo(*profile, "--days", "0").start().until_open()
    port = tomllib.loads((run.folder / "server.toml").read_text())["mqtt"]["port"]
    topic = "saxaul/1/kubuqi-dune/batch/deadbeef01/1"
    by_hand = [
        "mosquitto_pub",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-q",
        "1",
        "-t",
        topic,
        "-m",
        "no batch at all",
    ]
    subprocess.run(by_hand, check=True, timeout=20)
    assert wait_until(lambda: run.items("/api/v1/journal?status=refused"), 20)
    (refused,) = run.items("/api/v1/journal?status=refused")

    assert refused["topic"] == topic
    assert refused["reason"]
    assert run.get(refused["payload"]) == "no batch at all"
    assert wait_until(
        lambda: any(
            entry["id"] > refused["id"] and "/batch/" in entry["topic"]
            for entry in run.items("/api/v1/journal?status=stored")
        ),
        30,
    )


def test_ctrl_c_stops_everything_within_five_seconds(demo, profile):
    before = mounts()
    run = demo(*profile, "--days", "0").start().until_open()
    assert "<html" in run.get("/").lower()
    assert len(run.processes()) >= (6 if profile else 4)
    code, seconds = run.interrupt()

    assert code == 0
    assert seconds < limit_s(5)
    assert not run.processes()
    assert mounts() == before
    assert not [path for path in run.folder.rglob("*") if path.is_socket()]
    assert "Traceback" not in run.said()


def test_ctrl_c_while_history_is_made(demo):
    run = demo("--days", "60").start()
    assert wait_until(lambda: any(run.folder.glob("history-kubuqi-dune.csv*")), 60)  # or a part
    code, seconds = run.interrupt()

    assert (code, seconds < limit_s(5)) == (0, True)
    assert not run.processes()


def test_a_killed_runner_leaves_no_orphans(demo, profile):
    run = demo(*profile, "--days", "0").start().until_open()
    assert run.processes()
    run.process.kill()
    run.end()

    assert wait_until(lambda: not run.processes(), 30)


def test_a_process_that_dies_is_named(demo):
    run = demo("--days", "0").start().until_open()
    config = str(run.folder / "kubuqi-control.toml").encode()
    (pid,) = [pid for pid in run.processes() if config in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(pid, signal.SIGKILL)

    assert run.end(20) == 1
    last = run.said()[run.said().index("Ctrl-C stops it all") :]
    assert "bin/demo: kubuqi-control ended with exit code -9" in last
    assert "gateway_started" in last
    assert not run.processes()


def test_a_second_run_keeps_the_data_when_told(demo):
    first = demo("--days", "0").start().until_open()
    first.interrupt()
    again = demo("--days", "0", "--keep", "--data", str(first.folder)).start().until_open()

    assert {one["id"] for one in again.items("/api/v1/gateways")} == {
        "kubuqi-dune",
        "kubuqi-control",
    }
