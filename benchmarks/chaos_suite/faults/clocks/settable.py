"""The clock of one gateway: by libfaketime, and by answering in the kernel's place.

libfaketime puts a wall clock of its own in front of the program; the monotonic clock stays true.
What adjtimex(2) says, whether anything keeps the clock, is answered by a thread of ours. Both can
change while the program runs.
"""

import errno
import os
import select
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.chaos_suite.faults.clocks.seccomp import answer, calls, receive
from deploy.errors import SetupError

_LIBRARY = "*/faketime/libfaketimeMT.so.1"
_LIBRARIES = Path("/usr/lib")
_LAUNCH = "benchmarks.chaos_suite.faults.clocks.launch"
_PROJECT = Path(__file__).parents[4]
# libfaketime 0.9.10 spoils how Python sleeps when the monotonic clock is left alone (its issue
# 426). A running gateway sleeps only to keep quiet on a line before a request: now for this long.
_NAP_S = 0.02


class SettableClock:
    """A clock that is right and kept, until it is set wrong."""

    def __init__(self, folder: Path) -> None:
        """Prepare nothing yet; `folder` will hold what the program reads."""
        self._folder = folder
        self._is_kept = True
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads: list[threading.Thread] = []

    def prepare(self) -> None:
        """Begin; raises SetupError when a tool is missing."""
        find_library()
        calls()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write("+0")
        # A socket's path must be short (unix(7): 108 bytes): the run's folder may not be.
        self._place = tempfile.TemporaryDirectory(prefix="saxaul-clock-")
        self._listener.bind(self._address)
        self._listener.listen()
        self._start(self._welcome)

    @property
    def _address(self) -> str:
        return f"{self._place.name}/clock"

    def environment(self) -> Mapping[str, str]:
        """Give what a program needs in its environment to see this clock."""
        return {
            "LD_PRELOAD": str(find_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._folder / "wall"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(_PROJECT),
        }

    def command(self, command: Sequence[str]) -> list[str]:
        """Wrap a command; its process stays the one that is started."""
        return [sys.executable, "-m", _LAUNCH, self._address, *command]

    def set_wrong(self, shift_s: float) -> None:
        """Set the wall clock while nothing keeps it."""
        self._is_kept = False
        self._write(f"{shift_s:+.3f}")

    def set_right(self) -> None:
        """Set the wall clock right, and have it kept."""
        self._write("+0")
        self._is_kept = True

    def close(self) -> None:
        """Stop answering. The programs must have ended."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()
        self._place.cleanup()

    def _write(self, text: str) -> None:
        """Let the file change as a whole: it is read all the time."""
        draft = self._folder / "wall.draft"
        draft.write_text(f"{text}\n", encoding="ascii")
        draft.replace(self._folder / "wall")

    # ------------------------------------------------------------ in threads of their own

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="clock", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _welcome(self) -> None:
        """Take the file of each program that starts, until closed."""
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                with link:
                    _, files, _, _ = socket.recv_fds(link, 1, 1)
                for file in files:
                    self._start(self._serve, file)

    def _serve(self, file: int) -> None:
        """Answer for one program until it has ended."""
        sleeping = calls().clock_nanosleep
        waiting = select.poll()
        waiting.register(file, select.POLLIN)
        with os.fdopen(file, "rb", buffering=0):
            while not any(event & select.POLLHUP for _, event in waiting.poll()):
                notice = receive(file)
                if notice is None:
                    continue
                if notice.number == sleeping:
                    time.sleep(_NAP_S)
                    answer(file, notice)
                else:
                    answer(file, notice, 0 if self._is_kept else errno.EPERM)


def find_library() -> Path:
    """Find libfaketime; raises SetupError when it is not installed."""
    found = sorted(_LIBRARIES.glob(_LIBRARY))
    if not found:
        raise SetupError("libfaketime is not installed: run bin/prepare bench")
    return found[0]
