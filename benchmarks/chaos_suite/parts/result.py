"""What one experiment of any part came to, in terms that can be added up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """One experiment: whether it held, and its figures.

    `counts` are added up over all results, of `peaks` the largest counts. `line` tells of it in one
    line; `details` are for a result that did not hold, and end with how to repeat it.
    """

    held: bool
    line: str
    counts: Mapping[str, float] = field(default_factory=dict)
    peaks: Mapping[str, float] = field(default_factory=dict)
    details: Sequence[str] = ()

    def __str__(self) -> str:
        """Say it in one line, and in more if it did not hold."""
        if self.held:
            return f"{self.line}: held"
        return "\n".join((f"{self.line}: NOT HELD", *(f"  {one}" for one in self.details)))
