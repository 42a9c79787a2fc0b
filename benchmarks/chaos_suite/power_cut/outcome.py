"""The tally of rebuilt states, and the verdict on them. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.chaos_suite.power_cut.promises import (
    DUPLICATED,
    INVENTED,
    KINDS,
    LOST,
    SALVAGED,
    UNUSABLE,
    WRONG,
    Finding,
)

# A disk that forgets what it synced takes promises with it; that the gateway goes on is left.
NOT_OURS = frozenset(KINDS) - {UNUSABLE}

_EXAMPLES = 5
_TOLD = 3


@dataclass(slots=True)
class Tally:
    """How many states were judged, and in how many something was wrong, by kind.

    What is `forgiven` is counted, but makes no state a wrong one.
    """

    forgiven: frozenset[str] = frozenset()
    states: int = 0
    wrong_states: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def count(self, what: str, findings: Sequence[Finding]) -> None:
        """Take in what was found in one state; `what` says how it came to be."""
        self.states += 1
        self.counts.update({one.kind for one in findings})
        wrong = [one for one in findings if one.kind not in self.forgiven]
        self.wrong_states += bool(wrong)
        if wrong and len(self.examples) < _EXAMPLES:
            told = "; ".join(f"{one.kind}: {one.text}" for one in wrong[:_TOLD])
            self.examples.append(f"{what}: {told}")

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.states} states, " + ", ".join(f"{self.counts[one]} {one}" for one in KINDS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tallies of two disks: one keeps what it said was synced, the other forgot the last of it."""

    operations: int
    honest: Tally
    lying: Tally

    @property
    def held(self) -> bool:
        """Whether every promise was kept; on a lying disk: whether work goes on."""
        return self.states > 0 and not (self.honest.wrong_states or self.lying.wrong_states)

    @property
    def states(self) -> int:
        """How often the power was cut."""
        return self.honest.states + self.lying.states

    @property
    def lost(self) -> int:
        """States in which something promised was not there."""
        return self.honest.counts[LOST]

    @property
    def duplicated(self) -> int:
        """States in which an observation was there more than once."""
        return self.honest.counts[DUPLICATED]

    @property
    def wrong(self) -> int:
        """States with an observation that is not as it was appended, or never was appended."""
        return self.honest.counts[WRONG] + self.honest.counts[INVENTED]

    @property
    def salvaged(self) -> int:
        """States over which SQLite's own recovery did not get."""
        return self.honest.counts[SALVAGED]

    @property
    def examples(self) -> list[str]:
        """Some of what was wrong, each with the cut that led to it."""
        return [*self.honest.examples, *(f"lying disk, {one}" for one in self.lying.examples)]

    def __str__(self) -> str:
        """Say it in two lines."""
        return f"power cuts: {self.honest}\npower cuts, lying disk: {self.lying}"
