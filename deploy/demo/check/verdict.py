"""The outcome of comparing a database with the truth: counts, and examples of what differs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

MAX_EXAMPLES = 20


@dataclass(slots=True)
class Verdict:
    """Counts of readings, and the first differences in words.

    `sent` = `stored` + `lost` + those of `wrong` that were sent. `wrong` also counts observations
    that nothing sent; `duplicated` counts batches that were stored more than once, and
    readings that were kept more than once.
    """

    sent: int = 0
    stored: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """Tell whether everything that was sent is there once, unchanged, and nothing else is."""
        differences = self.lost or self.duplicated or self.wrong
        return self.sent > 0 and self.sent == self.stored and not differences

    def __str__(self) -> str:
        """Say it as the line that scripts look for."""
        return (
            f"sent {self.sent} stored {self.stored} lost {self.lost}"
            f" duplicated {self.duplicated} wrong {self.wrong}"
        )

    def count_stored(self) -> None:
        """Count a reading that is there as it was sent."""
        self.sent += 1
        self.stored += 1

    def count_lost(self, datastream: str, time_ms: int, expected: object) -> None:
        """Count a reading that was sent and is not there."""
        self.sent += 1
        self.lost += 1
        self._example("lost", datastream, time_ms, f"expected {expected}, found nothing")

    def count_wrong(self, datastream: str, time_ms: int, expected: object, got: object) -> None:
        """Count a reading that was sent and is there with another value."""
        self.sent += 1
        self.wrong += 1
        self._example("wrong", datastream, time_ms, f"expected {expected}, got {got}")

    def count_invented(self, datastream: str, time_ms: int, got: object) -> None:
        """Count an observation that nothing sent."""
        self.wrong += 1
        self._example("invented", datastream, time_ms, f"nothing was sent, got {got}")

    def count_underived(self, datastream: str, time_ms: int, expected: object, got: object) -> None:
        """Count a derived value that does not follow from its source; it was not sent."""
        self.wrong += 1
        self._example("derived", datastream, time_ms, f"expected {expected}, got {got}")

    def count_repeated(self, datastream: str, time_ms: int, times: int) -> None:
        """Count a reading that was kept `times` times under one instant."""
        self.duplicated += times - 1
        self._example("repeated", datastream, time_ms, f"kept {times} times")

    def count_duplicated(self, batches: list[str]) -> None:
        """Count batches that the journal has as stored more than once."""
        self.duplicated += len(batches)
        for batch in batches:
            self._add(f"duplicated: batch {batch} was stored more than once")

    def _example(self, kind: str, datastream: str, time_ms: int, text: str) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            at = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
            self._add(f"{kind}: {datastream} at {at}: {text}")

    def _add(self, text: str) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(text)
