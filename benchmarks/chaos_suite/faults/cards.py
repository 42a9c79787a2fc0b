"""SD cards that are swapped: a gateway begins anew with an empty one, the old one is kept."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

OUTBOX = "outbox.db"


@dataclass(slots=True)
class Cards:
    """The data folder of each gateway, and those it had before; `folders` are those in use."""

    folders: Mapping[str, Path]
    _old: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))

    def swap(self, gateway: str) -> None:
        """Take a gateway's card out and put an empty one in; the gateway must not run."""
        folder = self.folders[gateway]
        if not (folder / OUTBOX).exists():
            return  # nothing was ever written on it
        aside = folder.with_name(f"{folder.name}-card-{len(self._old[gateway]) + 1}")
        folder.rename(aside)
        folder.mkdir()
        self._old[gateway].append(aside)

    def old(self, gateway: str) -> Sequence[Path]:
        """Give the folders that a gateway used before, the oldest first."""
        return tuple(self._old[gateway])

    def outboxes(self) -> Mapping[str, Path]:
        """Give the outbox files in use."""
        return {name: folder / OUTBOX for name, folder in self.folders.items()}

    def all_outboxes(self, gateway: str) -> Sequence[Path]:
        """Give every outbox file that a gateway has had and that is there."""
        files = [one / OUTBOX for one in (*self.old(gateway), self.folders[gateway])]
        return [one for one in files if one.exists()]
