"""What a person can mend is told in one line that names the thing and the remedy: exit code 2."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from deploy.demo.plan import Layout, ServerPlan, gateway_text, scenario_text, server_text
from deploy.demo.sites import STATIONS
from deploy.ports import free_port, wait_until
from gateway.errors import StoreError
from gateway.outbox.schema import FILE_NAME, open_readonly

ROOT = Path(__file__).parent.parent.parent


def complaint(command, **environment):
    """Run something that must fail, and give its one line."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    assert done.returncode == 2, done
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def program(name, *arguments):
    return [str(Path(sys.executable).with_name(name)), *map(str, arguments)]


@pytest.fixture
def layout(tmp_path):
    """Configurations as the demo writes them; no serial port is there."""
    told = Layout(tmp_path)
    told.scenario.write_text(scenario_text(STATIONS, told, "2026-09-01"))
    told.gateway(STATIONS[0]).write_text(gateway_text(STATIONS[0], told, free_port()))
    plan = ServerPlan(free_port(), free_port(), embedded=True)
    told.server.write_text(server_text(plan, told))
    return told


def spoil(path, good, bad):
    text = path.read_text()
    assert good in text
    path.write_text(text.replace(good, bad, 1))
    return text[: text.index(good)].count("\n") + 1


def test_an_unknown_key_in_gateway_toml(layout):
    config = layout.gateway(STATIONS[0])
    number = spoil(config, "batch_every_s", "batch_evry_s")
    line = complaint(program("saxaul-gateway", "run", "--config", config))

    assert line.startswith(f"saxaul-gateway: {config}:{number}: unknown key 'batch_evry_s'")
    assert "did you mean 'batch_every_s'?" in line


SCENARIO = """
seed = 7
origin = "2026-09-01"
truth = "truth.jsonl"
[[bus]]
id = "sdi"
protocol = "sdi12"
link = "sdi"
  [[bus.device]]
  id = "dune-1/soil"
  model = "METER TEROS 12"
  address = "1"
"""
GATEWAY = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
data_dir = "{folder}/data"
[clock]
trust = "assume"
[uplink]
port = {port}
[[thing]]
id = "dune-1"
name = "Dune 1"
[[bus]]
id = "sdi"
port = "{folder}/sdi"
protocol = "sdi12"
  [[bus.sensor]]
  id = "soil"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"
  interval_s = 1
  [[bus.sensor]]
  id = "deep"
  thing = "dune-1"
  model = "METER TEROS 120"
  address = "2"
[[bus]]
id = "gone"
port = "{folder}/gone"
protocol = "modbus"
  [[bus.sensor]]
  id = "wind"
  thing = "dune-1"
  model = "Renke RS-FSXCS"
  address = "300"
"""


@pytest.fixture
def started(tmp_path):
    """Start a program whose output goes to a file, which is given too; ended with the test."""
    running = []

    def start(*command):
        said = tmp_path / f"{len(running)}.said"
        with said.open("wb") as out:
            process = subprocess.Popen(
                program(*command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT
            )
        running.append(process)
        return process, said

    yield start
    for process in reversed(running):
        process.terminate()
    for process in reversed(running):
        process.wait(timeout=30)


def stored_values(data_dir):
    """Give the names of the series that the outbox has values of; they wait there for a link."""
    try:
        with closing(open_readonly(data_dir / FILE_NAME)) as db:
            rows = db.execute("SELECT datastream FROM pending WHERE value IS NOT NULL")
            return {name for (name,) in rows}
    except (StoreError, sqlite3.Error):  # it is not there yet, or being made
        return set()


def test_a_valid_sensor_is_read_although_others_are_refused(tmp_path, started):
    """A wrong line for one sensor must not cost a station its season."""
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    config = tmp_path / "gateway.toml"
    config.write_text(GATEWAY.format(folder=tmp_path, port=free_port()))
    _, sim_said = started("saxaul-sim", "run", tmp_path / "scenario.toml")
    assert wait_until(lambda: "ready" in sim_said.read_text(), 30), sim_said.read_text()
    gateway, said = started("saxaul-gateway", "run", "--config", config)
    read = wait_until(lambda: bool(stored_values(tmp_path / "data")), 30)

    assert read, said.read_text()
    assert {one.rsplit("/", 1)[0] for one in stored_values(tmp_path / "data")} == {"dune-1/soil"}
    told = said.read_text()
    lines = config.read_text().splitlines()
    model_line = lines.index('  model = "METER TEROS 120"') + 1
    address_line = lines.index('  address = "300"') + 1
    refused = [line for line in told.splitlines() if " sensor_refused " in line]
    assert gateway.poll() is None, told
    assert [line.split(" what=")[0].split()[1:] for line in refused] == [
        ["error", "sensor_refused"]
    ] * 2
    assert f"file={config} line={model_line} " in refused[0]
    assert "did you mean 'METER TEROS 12'?" in refused[0].replace("\\'", "'")
    assert f"file={config} line={address_line} " in refused[1]
    assert "give a number from 1 to 247" in refused[1]
    assert (
        "saxaul-gateway: starts without bus 'sdi', sensor 'deep'; bus 'gone', sensor 'wind': "
        f"mend {config} and start again"
    ) in told


def test_an_unknown_key_in_server_toml(layout):
    number = spoil(layout.server, "embedded", "embeded")
    line = complaint(program("saxaul-server", "run", "--config", layout.server))

    assert line.startswith(f"saxaul-server: {layout.server}:{number}: unknown key 'embeded'")
    assert "did you mean 'embedded'?" in line


def test_an_unknown_key_in_the_scenario(layout):
    number = spoil(layout.scenario, "protocol", "protocl")
    line = complaint(program("saxaul-sim", "run", layout.scenario))

    assert line.startswith(f"saxaul-sim: {layout.scenario}:{number}: ")
    assert "protocl" in line


def test_a_serial_port_that_is_not_there(layout):
    config = layout.gateway(STATIONS[0])
    line = complaint(program("saxaul-gateway", "run", "--config", config))

    assert f"{layout.folder}/ports/dune-sdi is not there" in line
    assert str(config) in line


def test_a_database_that_cannot_be_reached(layout):
    port = free_port()
    url = f"postgresql://saxaul:secret-word@127.0.0.1:{port}/saxaul"
    command = program("saxaul-server", "run", "--config", layout.server)
    line = complaint(command, SAXAUL_DATABASE_URL=url)

    assert f"127.0.0.1:{port}" in line
    assert "PostgreSQL" in line
    assert "secret-word" not in line


def test_a_folder_for_the_database_that_is_not_there(layout):
    url = f"sqlite:///{layout.folder}/nowhere/saxaul.db"
    command = program("saxaul-server", "run", "--config", layout.server)

    assert f"{layout.folder}/nowhere" in complaint(command, SAXAUL_DATABASE_URL=url)


@pytest.fixture
def busy_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_busy_http_port(layout, busy_port):
    plan = ServerPlan(busy_port, free_port(), embedded=True)
    layout.server.write_text(server_text(plan, layout))
    line = complaint(program("saxaul-server", "run", "--config", layout.server))

    assert str(busy_port) in line
    assert "port" in line


def test_a_busy_http_port_of_the_demo(tmp_path, busy_port):
    own = ["--data", str(tmp_path / "data"), "--http-port", str(busy_port)]
    line = complaint([sys.executable, "-m", "deploy.demo", *own])

    assert line == f"bin/demo: port {busy_port} is in use: name another one with --http-port"


def test_a_file_to_replay_that_is_not_there(tmp_path):
    own = ["--data", str(tmp_path / "data"), "--http-port", str(free_port())]
    file = tmp_path / "uscrn.csv"
    line = complaint([sys.executable, "-m", "deploy.demo", *own, "--replay", str(file)])

    assert line.startswith("bin/demo: ")
    assert str(file) in line


def test_a_data_folder_of_someone_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    line = complaint([sys.executable, "-m", "deploy.demo", "--data", str(tmp_path)])

    assert str(tmp_path) in line
    assert "--data" in line
