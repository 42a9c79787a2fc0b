"""`saxaul-server import`: takes in the files of a stick, and says what became of each."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from sqlalchemy import Engine

from server.carry.importer import FileImport, Hooks
from server.carry.report import Report
from wire.errors import ConfigError, ContractError

OK, MENDABLE, INTERRUPTED = 0, 2, 130
# What `saxaul-gateway export` writes, as a file manager may have renamed the copy: "... (1).zip".
PATTERN = "saxaul-*.zip"


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "import",
        help="take in files that saxaul-gateway export wrote",
        description="Take in what was carried by hand. Also while the server runs. What is here "
        "already is not stored twice: after an interruption run it again.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=f"a file, or a folder in which to look for {PATTERN}",
    )
    return parser


def run(paths: Sequence[Path], engine: Engine, clock: Callable[[], int], console: Console) -> int:
    """Import files and print what became of them; returns 0, 2 for damage, 130 after Ctrl-C.

    Raises ConfigError for a path of no use, and StoreError.
    """
    files = list(find_files(paths))
    reports: dict[Path, Report | str] = {}
    try:
        _take_all(files, engine, clock, console, reports)
    except KeyboardInterrupt:
        console.print("Stopped. What is stored stays: run it again for the rest.")
        return INTERRUPTED
    finally:
        show(reports, console)
    whole = all(isinstance(one, Report) and one.is_whole for one in reports.values())
    return OK if whole else MENDABLE


def find_files(paths: Sequence[Path]) -> Iterator[Path]:
    """List the files to import, each once; raises ConfigError when a path leads to none."""
    seen: set[Path] = set()
    for path in paths:
        found = sorted(path.rglob(PATTERN)) if path.is_dir() else [path]
        if not found or not all(one.is_file() for one in found):
            raise ConfigError(
                str(path),
                f"there is no file {PATTERN} in it; name the folder that export wrote to"
                if path.is_dir()
                else "there is no such file or folder",
            )
        new = [one for one in found if one.resolve() not in seen]
        seen.update(one.resolve() for one in new)
        yield from new


def _take_all(
    files: Sequence[Path],
    engine: Engine,
    clock: Callable[[], int],
    console: Console,
    reports: dict[Path, Report | str],
) -> None:
    with Progress(console=console) as bar:
        for path in files:
            hooks = Hooks(progress=_mover(bar, bar.add_task(path.name, total=None)))
            _take(path, engine, clock, hooks, reports)


def _mover(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, total: bar.update(task, completed=done, total=total)


def _take(
    path: Path,
    engine: Engine,
    clock: Callable[[], int],
    hooks: Hooks,
    reports: dict[Path, Report | str],
) -> None:
    """Take one file in; what is wrong with it is noted and does not keep the others out."""
    try:
        with path.open("rb") as stream:
            one = FileImport(engine, clock, stream, hooks)
            reports[path] = one.report
            one.run()
    except ContractError as error:
        reports[path] = str(error)
    except OSError as error:
        said = f"cannot be read: {error.strerror or error}; copy it from the stick and try again"
        report = reports.get(path)
        if isinstance(report, Report):
            report.damage.append(said)
        else:
            reports[path] = said


def show(reports: dict[Path, Report | str], console: Console) -> None:
    """Print a table of what became of the files, and what a person must know of each."""
    if not reports:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("file, gateway", overflow="fold")
    for heading in ("stored", "here", "refused", "waiting", "missing"):
        table.add_column(heading, justify="right", no_wrap=True)
    for path, report in reports.items():
        if isinstance(report, Report):
            counts = (report.stored, report.already_stored, report.refused, report.waiting)
            numbers = (f"{count:,}" for count in (*counts, report.missing))
            table.add_row(f"{path.name}\n{report.gateway}", *numbers)
        else:
            table.add_row(path.name, *"?????")
    console.print(table)
    for path, report in reports.items():
        said = list(report.sentences())[1:] if isinstance(report, Report) else [report]
        for sentence in said:
            console.print(f"{path}: {sentence}", highlight=False, markup=False, soft_wrap=True)
