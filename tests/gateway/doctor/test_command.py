"""The command, as a person types it."""

import json
import os
import pty
import subprocess
import sys

import pytest


@pytest.fixture
def serial():
    ours, theirs = pty.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def doctor(tmp_path, *arguments):
    return subprocess.run(
        [
            *(sys.executable, "-m", "gateway", "doctor"),
            *("--config", str(tmp_path / "gateway.toml"), *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_fails_is_told_with_its_remedy_and_an_exit_code(config_of, tmp_path, broker):
    config_of(port=broker.port, serial="/dev/serial/by-id/nowhere")
    done = doctor(tmp_path)

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "/dev/serial/by-id/nowhere is not there" in line)
    assert lines[at].startswith("✘")
    assert lines[at + 1].strip().startswith("→ plug the adapter in")
    assert lines[-1].endswith("failed")


def test_a_program_reads_the_same(config_of, tmp_path, broker, serial):
    config_of(port=broker.port, serial=serial)
    found = json.loads(doctor(tmp_path, "--json").stdout)

    verdicts = {one["about"]: one["verdict"] for one in found}
    assert verdicts["port of bus 'sdi'"] == "fine"
    assert verdicts["broker's consent"] == "fine"
    assert all(one["remedy"] for one in found if one["verdict"] != "fine")


def test_every_wrong_setting_is_a_failed_finding_and_the_rest_is_looked_at(
    config_of, tmp_path, broker, serial
):
    config_of(port=broker.port, serial=serial)
    path = tmp_path / "gateway.toml"
    text = path.read_text().replace("METER TEROS 12", "Acme").replace("interval_s = 10", "")
    path.write_text(text + "interval_s = 0\n[[thing]]\nid = 'dune-1'\nname = 'again'\n")
    done = doctor(tmp_path, "--json")

    found = json.loads(done.stdout)
    wrong = [one for one in found if one["about"].startswith("settings")]
    assert done.returncode == 1
    assert {one["verdict"] for one in wrong} == {"failed"}
    assert {one["about"] for one in wrong} == {
        "settings of thing 'dune-1'",
        "settings of bus 'sdi', sensor 'soil-10cm'",
    }
    assert all(f"of {path}, then start the gateway again" in one["remedy"] for one in wrong)
    assert "broker's consent" in [one["about"] for one in found]


def test_settings_that_cannot_be_read_are_told_in_one_line(tmp_path):
    done = doctor(tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("saxaul-gateway: ")
    assert "Traceback" not in done.stderr
