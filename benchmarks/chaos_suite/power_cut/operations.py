"""What a program asks of one folder of a disk, in the order in which it asks. Pure.

Files are named as they were when it was asked; names hold no folder.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Create:
    """A file that was not there is there now, empty."""

    name: str


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset of a file."""

    name: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file is cut, or extended by zeros, to a size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Extend:
    """A file is given room up to a size in bytes: zeros, where it was shorter."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """All written to a file is asked to be on the disk before going on."""

    name: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """The same for the names in the folder."""


@dataclass(frozen=True, slots=True)
class Rename:
    """A file gets another name; what had that name has none any more."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A name goes."""

    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """Nothing done to the disk: the program says what it promises from here on."""

    text: str


Operation = Create | Write | Truncate | Extend | Sync | SyncFolder | Rename | Remove | Told
