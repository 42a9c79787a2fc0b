"""Reads what strace saw a program do with one folder. Pure.

Expected are lines as `strace -y -xx` writes them: every string in hexadecimal, so that none can be
taken for syntax, and the file behind each descriptor named beside it.
"""

import re
from collections.abc import Iterable, Iterator

from benchmarks.chaos_suite.power_cut.operations import (
    Create,
    Extend,
    Operation,
    Remove,
    Rename,
    Sync,
    SyncFolder,
    Told,
    Truncate,
    Write,
)
from gateway.outbox.room import SPARE_FILE

# All that can change files, whether we understand it or not: what we do not must not go unseen.
CALLS = (
    "open,openat,openat2,creat,close,pwrite64,write,writev,pwritev,pwritev2,ftruncate,truncate,"
    "fallocate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,sendfile,copy_file_range,splice,ioctl,mkdir,mkdirat"
)
_HARMLESS = frozenset({"close", "ioctl", "openat", "open"})
# What stands in these does not count: SQLite rebuilds the index of its log at each first opening,
# and the spare file only takes up room.
_WITHOUT = ("-shm", f"/{SPARE_FILE}")

_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(.*)$", re.DOTALL)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})+)>(\(deleted\))?")


class TraceError(ValueError):
    """The trace says something that this reader does not understand: better none than half."""


def read(lines: Iterable[str], folder: str, told: str) -> Iterator[Operation]:
    """Give what was done in `folder`, and what was written to the file `told`, both whole paths."""
    reader = _Reader(folder.rstrip("/"), told)
    for line in lines:
        yield from reader.line(line)


class _Reader:
    """Knows which files there are, so that an opening that makes one is told from another."""

    def __init__(self, folder: str, told: str) -> None:
        self._folder = folder
        self._told = told
        self._names: set[str] = set()

    def line(self, line: str) -> Iterator[Operation]:
        if "unfinished ..." in line or "resumed>" in line:
            raise TraceError(f"calls of several threads overlap: {line[:200]!r}")
        found = _LINE.match(line)
        if found is None or int(found[3]) < 0:  # a signal, the end; or nothing was done
            return
        call, arguments, result = found[1], found[2], int(found[3])
        first = _descriptor(arguments)
        if call == "write" and first == self._told:
            yield Told(_bytes(arguments)[:result].decode())
        elif first == self._folder and call in {"fsync", "fdatasync"}:
            yield SyncFolder()
        elif first is not None and not first.startswith("/dev/") and self._inside(first):
            yield from self._on_file(call, self._name(first), arguments, result)
        else:
            yield from self._on_names(call, arguments)

    def _on_file(self, call: str, name: str, arguments: str, result: int) -> Iterator[Operation]:
        numbers = [one.strip() for one in arguments.rsplit(",", 2)]
        if call == "pwrite64":
            yield Write(name, int(numbers[-1]), _bytes(arguments)[:result])
        elif call == "ftruncate":
            yield Truncate(name, int(numbers[-1]))
        elif call == "fallocate" and numbers[0].endswith(" 0"):
            yield Extend(name, int(numbers[1]) + int(numbers[2]))
        elif call in {"fsync", "fdatasync"}:
            yield Sync(name)
        elif call not in _HARMLESS:
            raise TraceError(f"{call} on {name}: not understood")

    def _on_names(self, call: str, arguments: str) -> Iterator[Operation]:
        paths = [_decoded(one) for one in _TEXT.findall(arguments)] if '"' in arguments else []
        names = [self._name(one) for one in paths if self._inside(one)]
        if not names:
            return
        if call in {"open", "openat"}:
            yield from self._on_open(names[0], arguments)
        elif call in {"unlink", "unlinkat"}:
            self._names.discard(names[0])
            yield Remove(names[0])
        elif call in {"rename", "renameat", "renameat2"} and len(names) == 2:
            self._names.discard(names[0])
            self._names.add(names[1])
            yield Rename(names[0], names[1])
        else:
            raise TraceError(f"{call} on {', '.join(names)}: not understood")

    def _on_open(self, name: str, arguments: str) -> Iterator[Operation]:
        if "O_CREAT" in arguments and name not in self._names:
            self._names.add(name)
            yield Create(name)
        elif "O_TRUNC" in arguments:
            yield Truncate(name, 0)

    def _inside(self, path: str) -> bool:
        return path.startswith(f"{self._folder}/") and not path.endswith(_WITHOUT)

    def _name(self, path: str) -> str:
        return path[len(self._folder) + 1 :]


def _descriptor(arguments: str) -> str | None:
    """Give the path behind a call's first argument, where that is a descriptor."""
    found = _DESCRIPTOR.match(arguments)
    return None if found is None or found[2] else _unhexed(found[1]).decode()


def _bytes(arguments: str) -> bytes:
    found = _TEXT.search(arguments)
    if found is None or found[2]:
        raise TraceError(f"what was written is not whole: {arguments[-200:]!r}")
    return _unhexed(found[1])


def _decoded(found: tuple[str, str]) -> str:
    return _unhexed(found[0]).decode("utf-8", "surrogateescape")


def _unhexed(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
