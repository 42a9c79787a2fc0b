"""What waits to be written: observations in their order, and memos that came without one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.readings import Observation


def writable(one: Observation) -> Observation:
    """Give an observation whose texts can be written as UTF-8: half a surrogate becomes `?`.

    Else the outbox could never take it, nor what any other bus observed behind it.
    """
    if one.reason.isascii() and one.memo.isascii():
        return one
    return replace(one, reason=_encodable(one.reason), memo=_encodable(one.memo))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


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
