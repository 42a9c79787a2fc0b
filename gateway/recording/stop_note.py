"""What a stop had to leave, counted beside the outbox that did not take it, until the next start.

A disk that stalls for the outbox's sync often takes a few bytes more all the same, and another
program that holds the outbox holds nothing else.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import structlog

from gateway.errors import StoreError

NOTE_FAILED = "loss_not_noted"
# Its name, beside the outbox.
FILE_NAME = "lost-at-stop"

_log = structlog.get_logger(__name__)


class StopNote:
    """How many observations a stop left, in a file that is there only while that is not counted."""

    def __init__(self, data_dir: Path) -> None:
        """Name the file; nothing is read or written yet."""
        self._path = data_dir / FILE_NAME
        self._lock = Lock()

    def keep(self, count: int) -> None:
        """Note that so many are left now, in place of what was noted; 0 takes the note away."""
        with self._lock:
            try:
                if count:
                    self._path.write_text(f"{count}\n", encoding="ascii")
                else:
                    self._path.unlink(missing_ok=True)
            except OSError as error:  # said in the log when they were left
                _log.error(NOTE_FAILED, count=count, reason=str(error))

    def settle(self, count_dropped: Callable[[int], None]) -> None:
        """Have counted what the last stop left; what cannot be counted yet stays noted."""
        try:
            count = int(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _log.error(NOTE_FAILED, reason=str(error))
            count = 0
        try:
            if count > 0:
                count_dropped(count)
        except StoreError as error:
            _log.error(NOTE_FAILED, count=count, reason=str(error))
            return
        self.keep(0)
