"""Our own PostgreSQL and Mosquitto: they start, keep what they must, and leave nothing behind."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.local_postgres import LocalPostgres
from deploy.ports import is_open
from deploy.postgres_install import PostgresInstall, find, need


def mounts():
    """List what is mounted, but for the small disks that tests beside this one fill."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if "saxaul-bench-" not in line]


@pytest.fixture
def postgres():
    install = need()
    server = LocalPostgres(install.scratch_folder(), install, durable=False)
    yield server
    server.remove()


def test_a_database_outlives_a_restart(postgres):
    postgres.start()
    url = postgres.create_database("saxaul")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE reading (value float8)")
    postgres.stop()
    postgres.start()

    with psycopg.connect(postgres.create_database("saxaul")) as connection:
        assert connection.execute("SELECT count(*) FROM reading").fetchone() == (0,)


def test_it_asks_for_its_password(postgres):
    postgres.start()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://saxaul:wrong@127.0.0.1:{postgres.port}/postgres")


def test_it_does_not_run_as_root(postgres):
    postgres.start()

    assert Path(f"/proc/{postgres.child.pid}").stat().st_uid != 0


def test_nothing_is_left_when_it_is_removed(postgres):
    before = mounts()
    postgres.start()
    pid, port = postgres.child.pid, postgres.port
    during = mounts()
    postgres.remove()

    assert before == during == mounts()
    assert not Path(f"/proc/{pid}").exists()
    assert not is_open(port)
    assert not postgres.folder.exists()


def test_a_folder_it_cannot_reach_by_path_is_bound_for_it_alone(tmp_path):
    """As root, pytest's own folder is closed to the user postgres; a clone below /root is too."""
    if not _may_mount():
        return  # an unprivileged container: the remedy is told, see the next test
    server = LocalPostgres(tmp_path / "closed" / "postgres", need(), durable=False)
    server.folder.parent.mkdir(mode=0o700)
    server.start()
    before = mounts()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.remove()

    assert mounts() == before


def _may_mount():
    command = ["unshare", "--mount", "--propagation=private", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_root_without_the_user_postgres_is_told(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")

    with pytest.raises(SetupError, match="no user 'postgres'"):
        PostgresInstall(tmp_path).user_ids()


def test_an_unfinished_root_is_not_used(tmp_path, monkeypatch):
    """debootstrap was cut short: what it left has another name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "saxaul" / "trixie.building" / "usr/lib/postgresql/17/bin").mkdir(parents=True)
    found = find()

    assert found is None or found.is_system


def publish(broker, topic, payload):
    command = [
        "mosquitto_pub",
        "-h",
        "127.0.0.1",
        "-p",
        str(broker.port),
        "-t",
        topic,
        "-m",
        payload,
        "-r",
        "-q",
        "1",
    ]
    subprocess.run(command, check=True, timeout=30)


def received(broker, topic):
    command = [
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        str(broker.port),
        "-t",
        topic,
        "-C",
        "1",
        "-W",
        "20",
    ]
    return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout


def test_mosquitto_keeps_retained_messages_and_its_port_over_a_restart(mosquitto):
    port = mosquitto.port
    publish(mosquitto, "saxaul/1/gw/status", "online")
    mosquitto.stop()
    assert not is_open(port)
    mosquitto.start()

    assert mosquitto.port == port
    assert received(mosquitto, "saxaul/1/gw/status") == b"online\n"


def test_mosquitto_can_be_killed_and_started_again(mosquitto):
    mosquitto.kill()
    assert not is_open(mosquitto.port)
    mosquitto.start()

    assert is_open(mosquitto.port)


def test_a_busy_port_is_told(mosquitto, tmp_path):
    with pytest.raises(SetupError, match=rf"(?s)port {mosquitto.port}: .*Address already in use"):
        LocalMosquitto(tmp_path / "other", mosquitto.port).start()
