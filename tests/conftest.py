"""What every test may use: a TimescaleDB, fresh databases on it, and a Mosquitto. All are real."""

import fcntl
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from deploy.local_mosquitto import LocalMosquitto
from deploy.ports import wait_until
from tests import groups, logs

ROOT = Path(__file__).parent.parent

# A busy machine is no finding: an example may take its time. People's runs explore by chance; with
# CI=true the same examples are drawn each time, so that red means that the change is at fault.
settings.register_profile(
    "patient",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def pytest_configure() -> None:
    """Let Ctrl-C be heard, and have tracebacks written quickly.

    In the background of a script Ctrl-C is ignored, by all that we start, too: POSIX.1-2017, XCU
    2.11.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    logs.reset()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> groups.Groups:
    """Keep together on one worker what tests/groups.py names."""
    return groups.Groups(config, log)


def _must_not_skip() -> bool:
    return os.environ.get("CI") == "true"


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter and _must_not_skip() else []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true a skipped test is a failure: what was not run has not been shown to work."""
    if _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for report in _skipped(config):
        terminalreporter.write_line(f"FAILED because skipped (CI=true): {report.nodeid}", red=True)


def _run_id() -> int:
    """Process that stands for the whole test run: under xdist the one that started the workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _shared_server(note: Path) -> str:
    """Give the address of the run's one server; the first to ask starts it."""
    with note.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            keeper = [sys.executable, "-m", "deploy.local_postgres", "--while", str(_run_id())]
            subprocess.run(["setsid", "--fork", *keeper, "--note", str(note)], check=True, cwd=ROOT)
            assert wait_until(note.exists, timeout_s=60)
    return note.read_text()


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """Unblock what a program under test has blocked: processes started later would inherit it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture(scope="session")
def timescale_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a TimescaleDB server on which tests may create databases."""
    if given := os.environ.get("SAXAUL_TEST_DATABASE_URL"):
        return given
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    url = _shared_server(shared / "timescale.url")
    assert url.startswith("postgresql://"), url
    return url


@pytest.fixture
def timescale_database(timescale_url: str) -> Iterator[str]:
    """Address of an empty database with the extension at hand; it goes with the test."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(timescale_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield timescale_url.rpartition("/")[0] + f"/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[LocalMosquitto]:
    """A Mosquitto that listens on `.port`; tests may .stop(), .kill() and .start() it."""
    broker = LocalMosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.stop()
