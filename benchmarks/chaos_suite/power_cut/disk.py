"""A disk that keeps what was synced, and of the rest whatever it likes. Pure.

What was written to a file is safe once the file is synced; names once the folder is. All other
changes may have reached the disk or not, in any order, in parts. One sector of 512 bytes is
written whole or not at all, and a write changes no byte but its own: that is what disks promise
and what SQLite relies on (https://www.sqlite.org/psow.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Put:
    """Bytes of a file that are not safe yet."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file's size; with `only_grow` that which it has at least."""

    inode: int
    size: int
    only_grow: bool = False


@dataclass(frozen=True, slots=True)
class Enter:
    """A name for a file; `instead_of` is the name that it had."""

    inode: int
    name: str
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """A name that goes."""

    name: str


Change = Put | Resize | Enter | Leave


class Disk:
    """One folder: what is safe of it, and `pending`, which is not, in the order it was asked."""

    def __init__(self) -> None:
        """Begin with an empty folder. `honest`: whether a sync makes anything safe."""
        self.honest = True
        self.pending: list[Change] = []
        self._contents: dict[int, bytearray] = {}
        self._safe_names: dict[str, int] = {}
        self._names: dict[str, int] = {}  # as programs see them

    def apply(self, operation: Operation) -> None:
        """Let a program do something."""
        match operation:
            case Create() | Rename() | Remove():
                self._apply_to_names(operation)
            case Write(name, offset, data):
                self.pending.append(Put(self._names[name], offset, data))
            case Truncate(name, size):
                self.pending.append(Resize(self._names[name], size))
            case Extend(name, size):
                self.pending.append(Resize(self._names[name], size, only_grow=True))
            case Sync(name) if self.honest:
                self._settle(self._names[name])
            case SyncFolder() if self.honest:
                self._settle(None)
            case Sync() | SyncFolder() | Told():
                pass

    def _apply_to_names(self, operation: Create | Rename | Remove) -> None:
        match operation:
            case Create(name):
                inode = self._names[name] = len(self._contents)
                self._contents[inode] = bytearray()
                self.pending.append(Enter(inode, name))
            case Rename(name, target):
                inode = self._names[target] = self._names.pop(name)
                self.pending.append(Enter(inode, target, name))
            case Remove(name):
                if self._names.pop(name, None) is not None:
                    self.pending.append(Leave(name))

    def _settle(self, inode: int | None) -> None:
        """Make safe what waits for a file, or for the names."""
        due = [one for one in self.pending if _inode(one) == inode]
        self.pending = [one for one in self.pending if _inode(one) != inode]
        _carry_out(due, self._contents, self._safe_names)

    def rebuild(self, survivors: Sequence[Change]) -> dict[str, bytes]:
        """Give the files as they stand when, of all that is pending, just this has survived."""
        contents, names = dict(self._contents), dict(self._safe_names)
        for inode in {_inode(one) for one in survivors} - {None}:
            assert inode is not None
            contents[inode] = bytearray(contents[inode])
        _carry_out(survivors, contents, names)
        return {name: bytes(contents[inode]) for name, inode in names.items()}


def _inode(change: Change) -> int | None:
    """Tell which file's sync makes a change safe; None for the folder's."""
    return change.inode if isinstance(change, Put | Resize) else None


def _carry_out(
    changes: Sequence[Change], contents: dict[int, bytearray], names: dict[str, int]
) -> None:
    for one in changes:
        match one:
            case Put(inode, offset, data):
                _resize(contents[inode], max(len(contents[inode]), offset + len(data)))
                contents[inode][offset : offset + len(data)] = data
            case Resize(inode, size, only_grow):
                _resize(contents[inode], max(size, len(contents[inode])) if only_grow else size)
            case Enter(inode, name, instead_of):
                names.pop(instead_of or "", None)
                names[name] = inode
            case Leave(name):
                names.pop(name, None)


def _resize(content: bytearray, size: int) -> None:
    if len(content) > size:
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
