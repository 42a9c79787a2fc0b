"""`--check`: run for a while, stop at a quiet moment, and compare the database with the truth."""

import time
from pathlib import Path

from deploy.demo import outboxes
from deploy.demo.check import Verdict, compare
from deploy.demo.check.evidence import read_database, read_history, read_sensors, read_truth
from deploy.demo.check.facts import Evidence
from deploy.demo.plan import INTERVAL_S
from deploy.demo.runner import Run, now_ms
from deploy.errors import SetupError

MAX_RSS_MB = 50.0
# Gateways open their ports within this time after they came online.
_OPEN_MS = 2000
# Between polls: all sensors of a slot have answered, and the next slot is not due.
_QUIET_FROM_S, _QUIET_TO_S = 6.5, 9.0
_SILENCE_S = 1.0
_QUIET_TIMEOUT_S = 120.0
_SETTLE_TIMEOUT_S = 120.0


def audit(run: Run) -> bool:
    """Run, stop, compare, and print; tells whether the database is exactly the truth."""
    ready_ms = now_ms() + _OPEN_MS
    with run.console.status(f"running for {run.options.seconds:.0f} s"):
        run.stack.watch_for(run.options.seconds)
        rss_mb = max(_peak_rss_mb(child.pid) for child in run.gateways)
        until_ms = _stop_sensors(run)
        _let_settle(run)
    for child in run.gateways:
        run.stack.dismiss(child)
    verdict = compare(_evidence(run, ready_ms, until_ms))
    return _print(verdict, rss_mb)


def _stop_sensors(run: Run) -> int:
    """Stop the simulator while no poll is under way; gives the instant up to which all counts."""

    def is_quiet() -> bool:
        now_s = time.time()
        silent_s = now_s - _last_answer_ms(run.layout.truth) / 1000
        return _QUIET_FROM_S <= now_s % INTERVAL_S <= _QUIET_TO_S and silent_s > _SILENCE_S

    if not run.stack.wait(is_quiet, _QUIET_TIMEOUT_S):
        raise SetupError(
            f"polling took longer than its interval of {INTERVAL_S} s: is this machine overloaded?"
        )
    until_ms = now_ms()
    if run.simulator is not None:
        run.stack.dismiss(run.simulator)
    return until_ms


def _last_answer_ms(truth: Path) -> int:
    """Instant of the last answer of a polled sensor."""
    polled = [answer.at_ms for answer in read_truth(truth) if answer.is_poll]
    return max(polled, default=0)


def _let_settle(run: Run) -> None:
    """Wait until the server has answered for all that was observed up to now."""
    for path in run.outboxes:
        if not _settles(run, path):
            raise SetupError(f"the server did not confirm all of {path}: see its log")


def _settles(run: Run, path: Path) -> bool:
    waiting = outboxes.newest(path)
    if not run.stack.wait(lambda: outboxes.is_sealed(path, waiting), _SETTLE_TIMEOUT_S):
        return False
    sealed = outboxes.newest(path)
    return run.stack.wait(lambda: outboxes.is_settled(path, sealed), _SETTLE_TIMEOUT_S)


def _peak_rss_mb(pid: int) -> float:
    """Read the most memory a process ever held, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _evidence(run: Run, ready_ms: int, until_ms: int) -> Evidence:
    database = read_database(run.database_url)
    histories = [run.layout.history(station) for station in run.stations]
    return Evidence(
        sensors=read_sensors(run.layout.gateway(station) for station in run.stations),
        answers=read_truth(run.layout.truth),
        history=[row for path in histories if path.exists() for row in read_history(path)],
        stored=database.stored,
        stored_twice=database.stored_twice,
        started_ms=run.started_ms,
        ready_ms=ready_ms,
        until_ms=until_ms,
    )


def _print(verdict: Verdict, rss_mb: float) -> bool:
    for example in verdict.examples:
        print(example)
    print(f"gateway RSS {rss_mb:.1f} MB (limit {MAX_RSS_MB:.0f})")
    print(verdict)
    return verdict.is_exact and rss_mb <= MAX_RSS_MB
