"""Child processes that never outlive us: own session, log file, bounded stop.

`setpriv --pdeathsig` (util-linux, on every Debian) has the kernel signal a child whose parent died,
however it died. The kernel forgets that wish when the child changes its user, so a program that
does must be given its user by setpriv too.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_TIMEOUT_S = 4.0
_TAIL_BYTES = 8192


@dataclass(slots=True)
class Child:
    """One process: `command` started in `folder` as `name`, what it prints appended to `log`."""

    name: str
    command: Sequence[str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)
    ties: Sequence[str] = ("setpriv", "--pdeathsig=TERM", "--")
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    log_start: int = 0

    def start(self) -> None:
        """Start it in a session of its own: a Ctrl-C in the terminal does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                [*self.ties, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )

    @property
    def pid(self) -> int:
        """Process id; every wrapper in front of the program replaces itself by it."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process.pid

    def exit_code(self) -> int | None:
        """Tell how it ended, or None while it runs (or was never started)."""
        return None if self.process is None else self.process.poll()

    @property
    def is_running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send its stop signal and return at once."""
        if self.is_running:
            self._signal(self.stop_signal)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop it for certain: politely, and by force after `timeout_s`. May be called twice."""
        self.ask_to_stop()
        self.end_within(timeout_s)

    def end_within(self, timeout_s: float) -> None:
        """Wait for it to end, and end it by force when it has not."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it by force, with whatever it has started, as a power cut would."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def said(self) -> bytes:
        """All it has printed since it was started."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read()

    def tail(self, lines: int = 15) -> str:
        """Last lines of what it has printed since it was started."""
        text = self.said()[-_TAIL_BYTES:].decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
