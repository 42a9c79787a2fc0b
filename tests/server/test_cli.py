"""`saxaul-server`: one clear line for each mistake, and a quick, whole stop."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from deploy.ports import free_port, wait_until
from server import cli
from server.settings import Settings
from tests.load import limit_s
from wire.toml_text import parse


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Run a command here, in an empty folder; gives exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("server.logs.configure", lambda: None)
    for name in ("SAXAUL_DATABASE_URL", "SAXAUL_MQTT_PASSWORD"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        with structlog.testing.capture_logs():
            code = cli.main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def refused(command):
    """Run a command that a person must mend; gives its one line."""

    def run(*arguments):
        code, out, err = command(*arguments)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert err.startswith("saxaul-server: ")
        return err.strip()

    return run


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_config_prints_a_file_that_can_be_used(command):
    code, out, err = command("config")

    assert (code, err) == (0, "")
    assert parse(out, Settings, "printed") == Settings()


def test_migrate_makes_the_database_current_and_may_be_repeated(command, tmp_path):
    for _ in range(2):
        code, out, err = command("migrate")

        assert (code, err) == (0, "")
        assert re.fullmatch(r"The database is current: SQLite [\d.]+\.\n", out)
    assert (tmp_path / "saxaul.db").exists()


def test_an_unknown_key_is_named_with_its_line(refused, tmp_path):
    (tmp_path / "s.toml").write_text("[http]\nprot = 8000\n")

    line = refused("run", "--config", "s.toml")

    assert line == "saxaul-server: s.toml:2: unknown key 'prot'; did you mean 'port'?"


def test_a_file_that_is_not_there_is_named(refused):
    assert "nope.toml: cannot be read" in refused("run", "--config", "nope.toml")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4"])
def test_an_address_that_others_reach_is_refused_unless_insisted_upon(refused, tmp_path, host):
    (tmp_path / "s.toml").write_text(f'[http]\nhost = "{host}"\n')

    line = refused("run", "--config", "s.toml")

    assert host in line
    assert "no access control" in line
    assert "--insecure-listen" in line


def test_a_busy_http_port_is_named_with_the_remedy(refused, busy_port):
    line = refused("run", "--http-port", str(busy_port), "--mqtt-port", "0")

    assert f"HTTP port {busy_port} on 127.0.0.1 is in use" in line
    assert "--http-port" in line


def test_a_busy_mqtt_port_is_named_and_the_http_port_is_given_back(refused, busy_port):
    port = free_port()

    line = refused("run", "--http-port", str(port), "--mqtt-port", str(busy_port))

    assert f"127.0.0.1:{busy_port}" in line
    assert "mqtt.port" in line
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_migrate_says_that_servers_are_to_be_stopped_first(capfd):
    """What an older program stores meanwhile has no marks."""
    with pytest.raises(SystemExit):
        cli.main(["migrate", "--help"])

    assert "Stop every server first" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["run", "migrate"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(refused, name):
    url = f"postgresql://saxaul:s3cret@127.0.0.1:{free_port()}/field"
    ports = ["--http-port", "0"] if name == "run" else []

    line = refused(name, "--database-url", url, *ports)

    assert "database 'field' on 127.0.0.1" in line
    assert "check that PostgreSQL runs there" in line
    assert "s3cret" not in line


@pytest.mark.parametrize("asked", [("--role", "ingest"), ("--role", "api"), ("--workers", "2")])
def test_several_processes_on_sqlite_are_refused(refused, asked):
    assert "SQLite takes one process that does everything" in refused("run", *asked)


def test_workers_of_the_embedded_broker_are_refused(refused):
    url = "postgresql://saxaul@127.0.0.1/field"

    assert "mqtt.embedded = false" in refused("run", "--workers", "2", "--database-url", url)


def test_a_database_url_of_no_use_is_told(refused):
    assert "sqlite:///path/to/file.db" in refused("migrate", "--database-url", "mysql://x/y")


def test_a_missing_folder_of_the_database_file_is_told(refused, tmp_path):
    url = f"sqlite:///{tmp_path}/no/where.db"

    assert "create it" in refused("run", "--database-url", url, "--http-port", "0")


def test_a_certificate_authority_that_is_not_there_is_told(refused, tmp_path):
    (tmp_path / "s.toml").write_text(
        '[mqtt]\nembedded = false\nhost = "mqtt.example"\ntls = true\nca_file = "no-ca.pem"\n'
    )

    assert "no-ca.pem" in refused("run", "--config", "s.toml", "--http-port", "0")


def test_a_port_that_is_none_is_refused_by_the_parser(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        command("run", "--http-port", "http")

    assert stopped.value.code == 2
    assert "'http' is not a port: write 0 to 65535" in capsys.readouterr().err


def test_a_bug_exits_with_1_and_is_not_dressed_up_as_a_mistake(command, monkeypatch):
    monkeypatch.setattr("server.cli.open_engine", lambda _: 1 / 0)

    code, out, err = command("migrate")

    assert (code, out, err) == (1, "", "")


class Running:
    """A server in a process of its own, in an empty folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SAXAUL_")}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", "run", "--http-port", "0", *arguments],
                cwd=folder,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.process.stdout.readline()
        found = re.fullmatch(r"Saxaul is ready: (http://\S+/) \(Ctrl-C stops it\)\n", line)
        assert found, line + (folder / "log").read_text()
        self.url = found[1]

    def stop(self, by: signal.Signals) -> tuple[int, float]:
        """Send a signal; gives exit code and seconds taken."""
        begun = time.monotonic()
        self.process.send_signal(by)
        return self.process.wait(20), time.monotonic() - begun


@pytest.fixture
def running(tmp_path):
    started = []

    def start(*arguments):
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_run_alone_serves_and_a_signal_stops_it_within_3_s_with_browsers_listening(
    running, tmp_path, by
):
    server = running("--mqtt-port", "0")
    assert wait_until(lambda: httpx.get(f"{server.url}readyz", timeout=20).status_code == 200, 30)
    assert "No station has reported yet" in httpx.get(server.url, timeout=20).text
    assert (tmp_path / "saxaul.db").exists()
    with httpx.stream("GET", f"{server.url}api/v1/live", timeout=20) as response:
        lines = response.iter_lines()
        assert next(lines) == "retry: 3000"
        assert "event: resync" in lines  # and so far only: what follows is the end

        code, seconds = server.stop(by)

        assert code == 0
        assert seconds < limit_s(3)
        assert list(lines) == ["data: {}", ""]
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert server.process.stdout.read() == ""


def test_a_broker_that_cannot_be_reached_is_waited_for_and_readyz_says_so(running, tmp_path):
    (tmp_path / "s.toml").write_text(f"[mqtt]\nembedded = false\nport = {free_port()}\n")
    server = running("--config", "s.toml")

    answer = httpx.get(f"{server.url}readyz", timeout=20)

    assert answer.status_code == 503
    parts = {part["name"]: part["ready"] for part in answer.json()["parts"]}
    assert not parts.pop("ingest")
    assert all(parts.values())
    assert server.stop(signal.SIGTERM)[0] == 0


def test_a_server_that_insists_may_listen_beyond_this_machine(running, tmp_path):
    (tmp_path / "s.toml").write_text('[http]\nhost = "0.0.0.0"\n')
    server = running("--config", "s.toml", "--insecure-listen", "--mqtt-port", "0")

    port = server.url.rpartition(":")[2]
    url = f"http://127.0.0.1:{port}healthz"
    answer = httpx.get(url, headers={"Host": "saxaul.lan"}, timeout=20)
    assert answer.json() == {"alive": True}


def test_ledger_tells_how_complete_each_gateway_is(command, tmp_path):
    command("migrate")
    with contextlib.closing(sqlite3.connect(tmp_path / "saxaul.db")) as database, database:
        database.execute("INSERT INTO gateway (id, first_seen_at) VALUES ('dune', 1)")
        database.execute("INSERT INTO gateway (id, first_seen_at) VALUES ('edge', 1)")
        database.execute(
            "INSERT INTO gateway_epoch (gateway, epoch, first_seen_at, reported_at, sealed, lost)"
            " VALUES ('dune', 'a1b2c3d4', 1, 1, 4, 1)"
        )
        database.execute("INSERT INTO ledger_range VALUES ('dune', 'a1b2c3d4', 1, 2, 'stored')")

    code, out, err = command("ledger", "--gateway", "dune")
    _, everything, _ = command("ledger", "--days", "7", "--database-url", "sqlite:///saxaul.db")

    assert (code, err) == (0, "")
    assert out.startswith("dune: 50.00 %, 1 hole, 1 lost\n  outbox a1b2c3d4: ")
    assert everything.endswith("edge: nothing sealed yet\n")


def test_ledger_of_an_unknown_gateway_names_those_there_are(command, refused):
    command("migrate")

    assert refused("ledger", "--gateway", "nobody") == (
        "saxaul-server: --gateway 'nobody': no such gateway; known are: none yet"
    )


def test_ledger_of_an_old_database_says_what_to_do(refused):
    assert refused("ledger").endswith("run saxaul-server migrate")


def test_ledger_of_a_new_database_says_that_it_is_empty(command):
    command("migrate")

    assert command("ledger") == (0, "No gateway has been heard of yet.\n", "")
