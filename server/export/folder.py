"""The folder an export is written to: parts appear whole or not at all, and what is done is noted.

While an export runs, a journal tells which parts are done, a line each, so that it can go on after
an interruption; at its end manifest.json lists them all and the journal goes.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from server.errors import ExportError

MANIFEST = "manifest.json"
JOURNAL = ".unfinished.jsonl"
_TEMPORARY = ".part"
_HASH_BYTES = 1024 * 1024


Why = Literal["new", "observations", "metadata", "gone"]


class PartRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part as it was written. One without rows has no file: `sha256` is "".

    `content` is the digest of its numbers and reasons, however they are written, `days` are its
    `DaySums`. Instants as text.
    """

    path: str
    rows: int
    bytes: int
    sha256: str
    content: str
    read_at: str
    note: str = ""
    days: tuple[int, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is not what it was after the run before."""

    path: str
    why: Why
    rows_before: int
    rows: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run to the end, interrupted or not, and what it changed."""

    started: str
    ended: str
    software: str
    changes: list[Change]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that an export's folder holds: parts, and files that describe them."""

    saxaul_export: Literal[1] = 1
    query: dict[str, Any]
    created: str
    software: str
    libraries: dict[str, str]
    rows: int
    parts: list[PartRecord]
    described_by: list[PartRecord]
    runs: list[Run]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of the journal. `created` is of the first run into this folder."""

    query: dict[str, Any]
    created: str
    started: str
    software: str


class Folder:
    """An export's folder, held by one program at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder and take it; raises ExportError where it cannot be one of ours."""
        with told(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            known = (self.path / MANIFEST).exists() or (self.path / JOURNAL).exists()
            if not known and any(self.path.iterdir()):
                raise ExportError(
                    f"{self.path} is not empty and holds no export: name a new folder with --out"
                )
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ExportError(
                f"{self.path}: another export is writing into it; wait for it to end"
            ) from None
        for left in self.path.rglob(f".*{_TEMPORARY}"):
            left.unlink()

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read_manifest(self) -> Manifest | None:
        """Read what the last run to the end left; None when there was none."""
        path = self.path / MANIFEST
        if not path.exists():
            return None
        with told(path):
            data = path.read_bytes()
        try:
            return msgspec.json.decode(data, type=Manifest)
        except msgspec.MsgspecError as error:
            raise ExportError(
                f"{path} cannot be read: {error}; export into a new folder with --out"
            ) from None

    def read_journal(self) -> tuple[Opening, dict[str, PartRecord]] | None:
        """Read what an interrupted run had done; None when there was none.

        A line that the interruption cut short counts as not written.
        """
        path = self.path / JOURNAL
        if not path.exists():
            return None
        with told(path):
            lines = path.read_bytes().split(b"\n")[:-1]
        if not lines:
            return None
        try:
            opening = msgspec.json.decode(lines[0], type=Opening)
            parts = [msgspec.json.decode(line, type=PartRecord) for line in lines[1:]]
        except msgspec.MsgspecError as error:
            raise ExportError(
                f"{path} cannot be read: {error}; export into a new folder with --out"
            ) from None
        return opening, {part.path: part for part in parts}

    def start_journal(self, opening: Opening, parts: Mapping[str, PartRecord]) -> None:
        """Begin a journal, or write one anew without a line that was cut short."""
        lines = [opening, *parts.values()]
        self.write(JOURNAL, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    def note(self, part: PartRecord) -> None:
        """Note that a part is done; it lasts when this returns."""
        with told(self.path / JOURNAL), (self.path / JOURNAL).open("ab") as stream:
            stream.write(msgspec.json.encode(part) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and end the journal."""
        self.write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        with told(self.path):
            (self.path / JOURNAL).unlink()
            _sync(self.path)

    def holds(self, part: PartRecord) -> bool:
        """Tell whether a part's file is there in its length, or rightly not there."""
        path = self.path / part.path
        if not part.sha256:
            return not path.exists()
        return path.is_file() and path.stat().st_size == part.bytes

    def write(self, name: str, data: bytes) -> tuple[int, str]:
        """Write a small file in the place of what is there; returns its bytes and SHA-256."""
        with self.replacing(name) as temporary:
            temporary.write_bytes(data)
        return len(data), hashlib.sha256(data).hexdigest()

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""
        with told(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Give a temporary path beside a file; what is written there takes the file's place.

        When nothing is left there, or it is the same as what is there, nothing changes.
        """
        final = self.path / name
        temporary = final.with_name(f".{final.name}{_TEMPORARY}")
        with told(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            try:
                yield temporary
                _move(temporary, final)
            finally:
                temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while data := stream.read(_HASH_BYTES):
            digest.update(data)
    return digest.hexdigest()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system refuses into an error for people: where, what, and what to do."""
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str | Path) else path
        why = error.strerror or str(error)
        raise ExportError(f"{where} cannot be written: {why}; {_remedy(error)}") from error


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "make room and run the same command again: the parts that are done stay"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "name a folder that you may write to with --out"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "that is no folder; name another one with --out"
    return "look at the disk, then run the same command again: the parts that are done stay"


def _move(temporary: Path, final: Path) -> None:
    """Put a file in its place such that a power cut leaves the old one or the whole new one."""
    if not temporary.exists():
        return
    handle = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(final)
    _sync(final.parent)


def _sync(folder: Path) -> None:
    """Make a rename last: fsync(2) on the folder, as its entries are its content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
        os.sync()  # some drivers for sticks know no fsync of a folder
    finally:
        os.close(handle)
