"""Disks that are full for a while: small ones of our own (as root), or a limit on file sizes.

A small disk is a tmpfs in the run's folder. Its name among the mounts tells whose it is, so that
those of a bench that was killed are found and unmounted by the next one.
"""

import errno
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_OWNER = re.compile(r"^saxaul-bench-(\d+)-(\d+)$")
_BALLAST = "ballast"
_BLOCK_BYTES = 4096


class Disk(Protocol):
    """What can be full."""

    def fill(self) -> None:
        """Let it take nothing more."""

    def free(self) -> None:
        """Let it take data again. May be called twice."""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of its own, mounted at `folder`."""

    folder: Path

    def fill(self) -> None:
        """Take every block that is left."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast:
            free = shutil.disk_usage(self.folder).free
            with suppress(OSError):
                os.posix_fallocate(ballast.fileno(), 0, free)
            with _until_full():
                while True:
                    ballast.write(bytes(_BLOCK_BYTES))

    def free(self) -> None:
        """Give the blocks back."""
        (self.folder / _BALLAST).unlink(missing_ok=True)


@contextmanager
def _until_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit on how far processes may write in any file: what grows beyond fails with EFBIG.

    `pids` names the processes now, `files` those that shall not grow. A process that starts
    meanwhile has no limit.
    """

    pids: Callable[[], Sequence[int]]
    files: Callable[[], Sequence[Path]]

    def fill(self) -> None:
        """Let no file grow beyond the largest of them as it is now."""
        sizes = [one.stat().st_size for one in self.files() if one.exists()]
        self._limit(max(sizes, default=0))

    def free(self) -> None:
        """Take the limit away."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError, PermissionError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def may_mount() -> bool:
    """Tell whether we can make small disks; otherwise there are only limits."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[SmallDisk]:
    """Mount a small disk; at the end what it held lies in the folder itself."""
    unmount_stale(read_mounts())
    folder.mkdir(parents=True, exist_ok=True)
    source = f"saxaul-bench-{os.getpid()}-{_started(os.getpid())}"
    options = f"size={size_mb}m,mode=0777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, source, str(folder)], check=True)
    disk = SmallDisk(folder)
    try:
        yield disk
    finally:
        disk.free()
        with suppress(OSError):  # what is kept of it is for a person to look at
            _replace_by_copy(folder)


def _replace_by_copy(folder: Path) -> None:
    saved = folder.with_name(f"{folder.name}.saved")
    shutil.copytree(folder, saved, symlinks=True)
    _unmount(folder)
    folder.rmdir()
    saved.rename(folder)


def read_mounts() -> list[tuple[str, str]]:
    """Read source and place of each mount (proc(5), mounts: blanks are written as octal 040)."""
    lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = [line.split(" ")[:2] for line in lines]
    return [(source, place.replace("\\040", " ")) for source, place in pairs]


def unmount_stale(mounts: Iterable[tuple[str, str]]) -> None:
    """Unmount the small disks of benches that are no more."""
    for source, place in mounts:
        owner = _OWNER.match(source)
        if owner and _started(int(owner[1])) != owner[2]:
            _unmount(Path(place))


def _unmount(folder: Path) -> None:
    """Unmount, lazily: what still runs there keeps its files until it ends."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def _started(pid: int) -> str:
    """Tell when a process began (proc(5), field 22 of stat); "" when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
