"""Says that an answer is being written, and has what can wait begin a moment later.

A low priority does not do this: what the database does for ingest goes on at that of all others,
and a kernel looks who waits for a processor only every few milliseconds. So between processes of
one machine there is a file. Who answers holds a shared lock on it (flock(2)), of which nothing is
left when its process ends; who is about to begin with something longer looks whether there is one.
"""

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

ANSWERS_UNKNOWN = "answers_of_other_processes_unknown"

_NAME = "answering"
_LOOK_S = 0.004

log = structlog.get_logger(__name__)


def file_of(environ: Mapping[str, str]) -> Path | None:
    """Say where all processes of one installation find the file; None where nothing tells.

    A service manager tells those that share it their folder (systemd.exec(5), StateDirectory=).
    """
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(folder) / _NAME if folder else None


class Answers:
    """The answers that are being written here, and by processes that name the same file.

    `begin` and `end` are for one thread, the event loop's; all else is for any.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Open the file, or do without where that cannot be done."""
        self._own = 0
        self._mark: int | None = None
        self._look: int | None = None
        if file is not None:
            try:
                self._mark, self._look = _open(file), _open(file)
            except OSError as error:
                log.warning(ANSWERS_UNKNOWN, file=str(file), error=error.strerror)

    def close(self) -> None:
        """Let go of the file."""
        for descriptor in (self._mark, self._look):
            if descriptor is not None:
                os.close(descriptor)
        self._mark = self._look = None

    def begin(self) -> None:
        """Note that an answer is being written."""
        self._own += 1
        if self._own == 1 and self._mark is not None:
            # Somebody looks at this very moment: never wait for who should wait for us.
            with suppress(BlockingIOError):
                fcntl.flock(self._mark, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def end(self) -> None:
        """Note that one goes out."""
        self._own -= 1
        if self._own == 0 and self._mark is not None:
            fcntl.flock(self._mark, fcntl.LOCK_UN)

    def are_written(self) -> bool:
        """Tell whether there is any."""
        if self._own or self._look is None:
            return self._own > 0
        try:
            fcntl.flock(self._look, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._look, fcntl.LOCK_UN)
        return False

    def let_pass(
        self,
        until_s: float,
        is_stopping: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wait until none is written; no longer than until an instant of the monotonic clock."""
        # The time first: who is behind does not even look.
        while (left_s := until_s - monotonic()) > 0 and self.are_written() and not is_stopping():
            time.sleep(min(_LOOK_S, left_s))


def _open(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
