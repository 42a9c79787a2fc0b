"""One writer a data folder: a second gateway on the same outbox would stamp and send twice."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from gateway.errors import StoreError

LOCK_FILE = "lock"


class DataDirLock:
    """Holds a data folder until closed or until the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        """Make the folder and lock it; raises StoreError when another process holds it."""
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._file = (data_dir / LOCK_FILE).open("a+b", buffering=0)
        except OSError as error:
            raise StoreError(
                f"{data_dir}: the data folder cannot be written: {error.strerror}; "
                "correct its owner, or gateway.data_dir in gateway.toml"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = self._holder()
            self._file.close()
            raise StoreError(
                f"{data_dir}: process {holder} is using this data folder; "
                "stop that one first (systemctl stop saxaul-gateway)"
            ) from None
        with suppress(OSError):  # a full disk; the number only helps to find the holder
            self._file.truncate(0)
            self._file.write(b"%d\n" % os.getpid())

    def _holder(self) -> str:
        self._file.seek(0)
        return self._file.read().decode("ascii", "replace").strip() or "(unknown)"

    def close(self) -> None:
        """Give the folder free."""
        self._file.close()

    def __enter__(self) -> Self:
        """Hold the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the folder free."""
        self.close()
