"""`saxaul-server run --role …` as people start it: two programs, one database, one broker."""

import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from deploy.children import Child
from deploy.ports import free_port, wait_until
from server.courtesy.priority import NICENESS

PATIENCE_S = 30.0


@pytest.fixture
def run(timescale_engine, mosquitto, tmp_path):
    """Start a role; gives its process and its address. What is left is stopped after the test."""
    running = []
    url = timescale_engine.url.render_as_string(hide_password=False)
    config = tmp_path / "server.toml"
    config.write_text(f"[mqtt]\nembedded = false\nport = {mosquitto.port}\n")

    def start(role, *more, wait=True):
        port = free_port()
        where = ["--config", str(config), "--http-port", str(port)]
        command = [sys.executable, "-m", "server", "run", "--role", role, *where, *more]
        child = Child(role, command, tmp_path / f"{role}.log", environment={
            "SAXAUL_DATABASE_URL": url, "STATE_DIRECTORY": str(tmp_path),
        })  # fmt: skip
        child.start()
        running.append(child)
        address = f"http://127.0.0.1:{port}"
        if wait:
            assert wait_until(lambda: is_ready(address), PATIENCE_S), child.tail()
        return child, address

    yield start
    for child in running:
        child.kill()


def is_ready(address):
    try:
        return httpx.get(f"{address}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def series_shown(address):
    return len(httpx.get(f"{address}/api/v1/latest", timeout=30).json()["items"])


def children_of(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(one) for path in threads for one in path.read_text().split()} | set(map(int, found))


def test_pages_of_one_process_show_at_once_what_another_takes_in(run, field):
    ingest, health = run("ingest", "--workers", "2", wait=False)
    api, address = run("api")
    assert wait_until(lambda: is_ready(health), PATIENCE_S), ingest.tail()
    parts = httpx.get(f"{health}/readyz", timeout=30).json()["parts"]
    detail = next(one["detail"] for one in parts if one["name"] == "ingest")
    assert detail.startswith("3 ingest processes connected")
    assert "0 were put off while another process was at their gateway" in detail
    assert httpx.get(f"{health}/api/v1/latest", timeout=30).status_code == 404

    field.announce()
    with httpx.stream("GET", f"{address}/api/v1/live", timeout=PATIENCE_S) as response:
        lines = response.iter_lines()
        assert "event: resync" in [next(lines) for _ in range(4)]
        field.send(rounds=1)
        data = next(line for line in lines if line.startswith("data: ["))
    assert '"value":16.1' in data
    assert wait_until(lambda: series_shown(address) == len(field.gateways), PATIENCE_S)

    for child, line in ((ingest, b"Saxaul takes in"), (api, b"Saxaul is ready")):
        child.stop(20)
        assert (child.exit_code(), line in child.said()) == (0, True), child.tail()
    said = ingest.said()
    assert b'"role": "ingest", "worker": 2' in said
    assert said.count(b"worker_stopped") == 3


def test_all_know_of_answers_that_one_of_them_is_writing(run, tmp_path):
    ingest, _ = run("ingest", "--workers", "1")
    api, _ = run("api")
    file = tmp_path / "answering"

    for pid in (ingest.pid, api.pid, *children_of(ingest.pid)):
        opened = [one.readlink() for one in Path(f"/proc/{pid}/fd").iterdir()]
        assert opened.count(file) == 2
    assert file.stat().st_mode & 0o777 == 0o600


def test_workers_give_way_and_do_not_outlive_the_process_that_started_them(run):
    ingest, _ = run("ingest", "--workers", "2")
    workers = children_of(ingest.pid)
    assert len(workers) == 3
    behind = os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
    whole = [ingest.pid, *workers]  # with what the supervisor computes in the background
    assert [os.getpriority(os.PRIO_PROCESS, one) for one in whole] == [behind] * 4
    assert [os.sched_getscheduler(one) for one in whole] == [os.SCHED_BATCH] * 4

    os.kill(ingest.pid, signal.SIGKILL)

    assert wait_until(lambda: not any(Path(f"/proc/{one}").exists() for one in workers), PATIENCE_S)
    ingest.kill()
