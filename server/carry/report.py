"""What became of a carried file, in numbers and in words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from wire.carry import Manifest

# Reasons that are told; each refused batch is in the journal with its own.
MAX_REASONS = 20


class Announcement(StrEnum):
    """What was made of a file's inventory."""

    ABSENT = "absent"  # the file has none that can be read
    APPLIED = "applied"
    KNOWN = "known"
    OLDER = "older"  # what it alone names was added, the rest is left as it is
    REFUSED = "refused"


@dataclass(slots=True)
class Report:
    """Counts of batches of one file.

    `stored` came with this file, `already_stored` had come before; `waiting` name series that no
    inventory has announced, `released` had waited and are stored now. `missing` should be in the
    file and cannot be read.
    """

    gateway: str
    epoch: str
    named: int
    stored: int = 0
    already_stored: int = 0
    refused: int = 0
    waiting: int = 0
    released: int = 0
    missing: int = 0
    observations: int = 0
    inventory: Announcement = Announcement.ABSENT
    reasons: dict[str, int] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, manifest: Manifest) -> "Report":
        """Begin the report of a file."""
        return cls(manifest.gateway, manifest.epoch, manifest.batches)

    @property
    def is_whole(self) -> bool:
        """Tell whether all that the file should hold could be read."""
        return not self.missing and not self.damage

    def add_reason(self, reason: str) -> None:
        """Count why a batch or an inventory could not be used; of many reasons the first."""
        if reason in self.reasons or len(self.reasons) < MAX_REASONS:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def sentences(self) -> Iterator[str]:
        """Say it for people, what matters most first."""
        yield f"{_batches(self.named)} of {self.gateway}: {self._fates()}."
        if self.released:
            yield f"Stored now too: {_batches(self.released)} that had waited for the inventory."
        if not self.is_whole:
            yield (
                f"The file is damaged ({'; '.join(self.damage) or 'batches are missing'}). What is "
                "whole was taken in. The gateway keeps what it has not seen confirmed: export "
                "again, or wait until it is on line."
            )
        if self.waiting:
            yield (
                f"Waiting: {_batches(self.waiting)} of series that no inventory has announced, to "
                "be stored as soon as the gateway says what is attached."
            )
        for reason, count in self.reasons.items():
            yield f"Refused{f' {count:,} times' if count > 1 else ''}: {reason}."
        if self.inventory is Announcement.OLDER:
            yield "Its list of instruments is older than the one known here, which stays in force."

    def _fates(self) -> str:
        counts = {
            "stored": self.stored,
            "already here": self.already_stored,
            "refused": self.refused,
            "waiting": self.waiting,
            "missing": self.missing,
        }
        return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "none"


def _batches(count: int) -> str:
    return f"{count:,} {'batch' if count == 1 else 'batches'}"
