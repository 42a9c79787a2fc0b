"""What a person sees while it goes on: a bar on a terminal, lines elsewhere. On standard error."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.chaos_suite.parts.options import Part
from benchmarks.chaos_suite.parts.result import Result

_COLUMNS = (
    TextColumn("{task.description:<12}"),
    BarColumn(bar_width=30),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells of results as they come, and keeps them."""

    console: Console
    bar: Progress
    results: list[Result] = field(default_factory=list)

    def follow(self, part: Part, total: int, results: Iterable[Result]) -> None:
        """Take in the results of a part, of which there will be `total`, as they come."""
        task = self.bar.add_task(part.value, total=total)
        for one in results:
            self.results.append(one)
            self.say(str(one))
            self.bar.advance(task)

    def say(self, text: str) -> None:
        """Print lines above the bar."""
        self.console.print(text, markup=False)


@contextmanager
def telling() -> Iterator[Telling]:
    """Draw the bar, where standard error is a terminal, until the end."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with Progress(*_COLUMNS, console=console, disable=not console.is_terminal) as bar:
        yield Telling(console, bar)
