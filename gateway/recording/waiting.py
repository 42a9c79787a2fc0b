"""What waits to be written: observations in their order, and memos that came without one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.readings import Observation


@dataclass(slots=True)
class Waiting:
    """Observations, and for each series the memo that is newer than all of them, if there is."""

    observations: list[Observation] = field(default_factory=list)
    memos: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self.observations or self.memos)

    def add(self, observations: Sequence[Observation], memos: Mapping[str, str]) -> None:
        """Put more behind: the memo of an observation takes the place of one that came before."""
        for one in observations:
            if one.memo:
                self.memos.pop(one.datastream, None)
        self.observations += observations
        self.memos |= memos

    def shed(self, limit: int) -> int:
        """Let the oldest observations above a limit go; tell how many."""
        surplus = max(0, len(self.observations) - limit)
        del self.observations[:surplus]
        return surplus
