"""Writes what is carried to a stick, so that it is there when the stick is pulled.

Each file is written under a name for the time being, synced, renamed, then read back.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.carry.source import Entry
from gateway.errors import GatewayError
from wire.carry import MEMBER_OVERHEAD, Manifest, Member, Reader, Writer
from wire.errors import ContractError

_UNFINISHED = ".part"
# Manifests, inventory, status and directory, beside what each batch needs.
_FILE_OVERHEAD = 300_000


class CarryError(GatewayError):
    """The folder to export to cannot be written or read back: look at the stick."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes into every file beside the batches; None where nothing is known."""

    inventory: bytes | None
    status: bytes | None


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written and read back whole."""

    path: Path
    batches: int
    size: int


def check_folder(folder: Path) -> None:
    """Raise CarryError unless files can be written there.

    It is never made: a stick that is not mounted would go unnoticed.
    """
    if not folder.is_dir():
        raise CarryError(
            f"{folder}: there is no such folder; plug the stick in, mount it, and name it here"
        )
    if not os.access(folder, os.W_OK, effective_ids=True):
        raise CarryError(f"{folder}: cannot be written; mount it writable, or correct its owner")


class Stick:
    """The folder that the files go to. `progress` is called with each batch written."""

    def __init__(self, folder: Path, letter: Letter, progress: Callable[[], None]) -> None:
        """Say where to write, and what goes into each file."""
        self._folder = folder
        self._letter = letter
        self._progress = progress

    def check_room(self, batches: int, size: int) -> None:
        """Raise CarryError when there is no room for so many batches of so many bytes."""
        needed = size + batches * MEMBER_OVERHEAD + _FILE_OVERHEAD
        with _told(self._folder):
            free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise CarryError(
                f"{self._folder}: {needed / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB are "
                "free; make room, take a larger stick, or carry less with --since"
            )

    def write(
        self, manifest: Manifest, portion: Sequence[Entry], payload: Callable[[int], bytes]
    ) -> Written:
        """Write one file and read it back; raises CarryError, and StoreError for the outbox."""
        path = _free_name(self._folder, manifest)
        unfinished = path.with_name(path.name + _UNFINISHED)
        with _told(unfinished):
            try:
                with unfinished.open("wb") as stream:
                    self._fill(stream, manifest, portion, payload)
                    stream.flush()
                    os.fsync(stream.fileno())
                unfinished.replace(path)
                _sync(self._folder)
            except BaseException:
                with suppress(OSError):
                    unfinished.unlink(missing_ok=True)
                raise
        return Written(path, len(portion), _verify(path, manifest, portion))

    def _fill(
        self,
        stream: BinaryIO,
        manifest: Manifest,
        portion: Sequence[Entry],
        payload: Callable[[int], bytes],
    ) -> None:
        writer = Writer(stream, manifest)
        try:
            if self._letter.inventory is not None:
                writer.add_inventory(self._letter.inventory)
            if self._letter.status is not None:
                writer.add_status(self._letter.status)
            for entry in portion:
                writer.add_batch(entry.seq, payload(entry.seq))
                self._progress()
            writer.finish()
        except BaseException:
            writer.abandon()
            raise


def _free_name(folder: Path, manifest: Manifest) -> Path:
    """Choose the file's name: what is there goes only when the new file holds all of it."""
    path = folder / manifest.file_name
    names = (path.with_stem(path.stem + more) for more in ("", *(f"-{n}" for n in range(2, 99))))
    return next(one for one in names if not one.exists() or _is_within(one, manifest))


def _is_within(path: Path, manifest: Manifest) -> bool:
    """Tell whether a file holds nothing that a manifest does not name."""
    with suppress(OSError, ContractError), path.open("rb") as stream:
        old = Reader(stream).manifest
        return (old.gateway, old.epoch) == (manifest.gateway, manifest.epoch) and all(
            any(first <= one and other <= last for first, last in manifest.ranges)
            for one, other in old.ranges
        )
    return False


def _verify(path: Path, manifest: Manifest, portion: Sequence[Entry]) -> int:
    """Read a file back and tell its size; raises CarryError when it is not what was written."""
    expected = iter(portion)
    with _told(path), path.open("rb") as stream:
        # Forget what the kernel still knows of it: what counts is what lies on the stick.
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            reader = Reader(stream)
            whole = reader.manifest == manifest
            for one in reader:
                batch = isinstance(one, Member) and one.seq is not None
                whole &= isinstance(one, Member) and (not batch or _is_next(one, expected))
        except ContractError:
            whole = False
        size = stream.seek(0, os.SEEK_END)
    if not whole or next(expected, None) is not None:
        raise CarryError(
            f"{path}: what was read back is not what was written; the stick is worn out or was "
            "pulled: take another one and export again (nothing is lost, the outbox keeps it all)"
        )
    return size


def _is_next(one: Member, expected: Iterator[Entry]) -> bool:
    return Entry(one.seq or 0, len(one.payload)) == next(expected, None)


def _sync(folder: Path) -> None:
    """Make the renamed file last: fsync(2) on the folder, as its entries are its content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
        os.sync()  # some drivers for sticks know no fsync of a folder
    finally:
        os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system complains about into a CarryError that names the file."""
    try:
        yield
    except OSError as error:
        raise CarryError(
            f"{path}: {error.strerror or error}; check that the stick is plugged in and has room, "
            "and export again (nothing is lost, the outbox keeps it all)"
        ) from error
