"""`saxaul-server export`: reads what is asked for, shows how far it is and what came of it."""

import argparse
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from sqlalchemy import Engine

from server.api.instants import iso, parse
from server.db.instant import to_datetime
from server.export.blocks import DAY_MS
from server.export.folder import Folder, Manifest
from server.export.metadata import Series, Site, read_site, read_site_keys
from server.export.periods import midnight
from server.export.query import Format, Query, Resolution, Terms
from server.export.reading import snapshot
from server.export.run import Setting, Step, Work, is_kept, is_lacking
from server.ingest.service import wall_clock_ms
from server.rollup.days import require_zone
from wire.errors import ConfigError

OK, LACKING, INTERRUPTED = 0, 1, 130

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SHOWN_CHANGES = 10
# A line of progress at most so often, where nobody watches a terminal.
_LINE_EVERY_S = 10.0


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "export",
        help="write a site's observations into files for spreadsheets and science",
        description="Writes the observations of a site, with units, flags and what is known of "
        "stations and instruments. Also while the server runs. Interrupted, it goes on when run "
        "again; run again later into the same folder, it writes anew what has changed.",
    )
    parser.add_argument("--site", required=True, metavar="SITE", help="whose observations")
    day = "as 2026-03-01 (midnight at the site) or 2026-03-01T06:00:00+08:00"
    parser.add_argument(
        "--from", dest="since", required=True, metavar="T", help=f"from when, {day}"
    )
    parser.add_argument("--to", required=True, metavar="T", help="until when, not included")
    parser.add_argument(
        "--format",
        required=True,
        choices=[one.value for one in Format],
        help="parquet: one long table, a file a month; csv: a file a datastream and year; "
        "netcdf: a file a station and month (CF 1.11)",
    )
    parser.add_argument(
        "--resolution",
        choices=[one.value for one in Resolution],
        default=Resolution.RAW.value,
        help="each observation (raw), or statistics over hours or days (default: raw)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to (default: named by what is asked for)"
    )
    parser.add_argument(
        "--thing", action="append", default=[], metavar="KEY", help="only this one; repeatable"
    )
    parser.add_argument(
        "--property", action="append", default=[], metavar="KEY", help="only this; repeatable"
    )
    parser.add_argument("--gzip", action="store_true", help="compress each CSV file")
    parser.add_argument(
        "--licence", default="", metavar="TEXT", help="under which the data may be used"
    )
    parser.add_argument("--institution", default="", metavar="TEXT", help="whose data they are")
    return parser


def run(engine: Engine, arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns 0, or 130 when it was interrupted.

    And 1 where a file stays as it is though the database may hold what it lacks.

    The database's schema must be current. Raises ConfigError for a query of no use, and
    ExportError and StoreError.
    """
    site = _site(engine, arguments.site)
    query = _query(site, arguments)
    chosen = _chosen(site, query)
    folder = Folder(arguments.out or _default_folder(query))
    console = Console(soft_wrap=True, markup=False, highlight=False)
    try:
        with _display(console) as display:
            setting = Setting(engine, chosen, query, folder, wall_clock_ms, display.show)
            manifest = Work(setting).run()
    except KeyboardInterrupt:
        console.print(
            f"Interrupted; what is done stays in {folder.path}. Run the same command again to go "
            "on."
        )
        return INTERRUPTED
    console.print("\n".join(_what_came_of_it(folder, manifest)))
    return LACKING if any(is_lacking(one) for one in manifest.parts) else OK


# ---------------------------------------------------------------- what is asked for


def _site(engine: Engine, key: str) -> Site:
    with snapshot(engine) as connection:
        found = read_site(connection, key)
        if found is None:
            known = ", ".join(read_site_keys(connection)) or "none yet"
            raise ConfigError(f"--site '{key}'", f"no such site; known are: {known}")
    return found


def _query(site: Site, arguments: argparse.Namespace) -> Query:
    zone = require_zone(site.time_zone)
    since = _instant("--from", arguments.since, zone)
    to = _instant("--to", arguments.to, zone)
    if to <= since:
        raise ConfigError("--to", f"{iso(to)} is not after --from: turn them round")
    chosen = Format(arguments.format)
    if arguments.gzip and chosen is not Format.CSV:
        raise ConfigError("--gzip", f"{chosen} is compressed anyway: leave it out")
    return Query(
        site=site.key,
        time_zone=site.time_zone,
        from_ms=since,
        to_ms=to,
        format=chosen,
        resolution=Resolution(arguments.resolution),
        things=tuple(sorted(set(arguments.thing))),
        properties=tuple(sorted(set(arguments.property))),
        gzip=arguments.gzip,
        terms=Terms(arguments.licence, arguments.institution),
    )


def _instant(option: str, text: str, zone: tzinfo) -> int:
    day = _DAY.fullmatch(text)
    try:
        if day is None:
            return parse(text)
        year, month, of_month = map(int, day.groups())
        return parse(str(midnight(year, month, of_month, zone)))
    except ValueError as error:
        raise ConfigError(option, str(error)) from None


def _chosen(site: Site, query: Query) -> Site:
    """Leave out the series that are not asked for; raises ConfigError for a key of no use."""
    series = site.series
    _require("--thing", query.things, {one.thing.key for one in series})
    _require("--property", query.properties, {one.property for one in series})

    def is_wanted(one: Series) -> bool:
        of_thing = not query.things or one.thing.key in query.things
        return of_thing and (not query.properties or one.property in query.properties)

    kept = tuple(one for one in series if is_wanted(one))
    return Site(site.key, site.name, site.time_zone, kept)


def _require(option: str, wanted: tuple[str, ...], known: set[str]) -> None:
    for key in wanted:
        if key not in known:
            there = ", ".join(sorted(known)) or "none yet"
            raise ConfigError(f"{option} '{key}'", f"this site has no such; known are: {there}")


def _default_folder(query: Query) -> Path:
    first, last = (
        to_datetime(one).astimezone(query.zone).date() for one in (query.from_ms, query.to_ms)
    )
    return Path(f"{query.site}_{first}_{last}_{query.resolution.value}_{query.format.value}")


# ---------------------------------------------------------------- how far it is


class _Display(Protocol):
    def show(self, step: Step) -> None: ...


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("", total=None, what="", rows="")

    def show(self, step: Step) -> None:
        self._progress.update(
            self._task,
            completed=step.done,
            total=step.total,
            what=step.what,
            rows=f"{step.rows:,} rows",
        )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_at = time.monotonic()

    def show(self, step: Step) -> None:
        now = time.monotonic()
        if now - self._said_at >= _LINE_EVERY_S:
            self._said_at = now
            self._console.print(
                f"{step.what}: {step.done} of {step.total} series in files, {step.rows:,} rows"
            )


@contextmanager
def _display(console: Console) -> Iterator[_Display]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rows]}"),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress)


def _what_came_of_it(folder: Folder, manifest: Manifest) -> Iterator[str]:
    files = [part for part in manifest.parts if part.sha256]
    size = sum(part.bytes for part in files)
    yield f"{folder.path}: {len(files)} files, {manifest.rows:,} rows, {size / 1e6:,.1f} MB"
    if not files:
        yield "There is nothing in this span: nothing was observed, or it has not arrived yet."
    yield from _read_long_ago(manifest)
    noted = [part for part in manifest.parts if part.note]
    for part in noted[:_SHOWN_CHANGES]:
        yield f"{part.path}: {part.note}"
    if len(noted) > _SHOWN_CHANGES:
        yield f"and {len(noted) - _SHOWN_CHANGES} parts more: see manifest.json"
    if len(manifest.runs) > 1:
        yield from _changes(manifest)


def _read_long_ago(manifest: Manifest) -> Iterator[str]:
    """Tell of parts that were read more than a day before the run that was interrupted ended."""
    ended_ms = parse(manifest.runs[-1].ended)
    read = [part.read_at for part in manifest.parts if part.sha256 and not is_kept(part)]
    if read and ended_ms - parse(min(read)) > DAY_MS:
        yield f"Parts read on {min(read)[:10]} were kept: run again to refresh them."


def _changes(manifest: Manifest) -> Iterator[str]:
    last, before = manifest.runs[-1], manifest.runs[-2]
    yield f"Changed since {before.ended}: {len(last.changes)} files"
    for one in last.changes[:_SHOWN_CHANGES]:
        yield f"  {one.path}: {one.why}, {one.rows_before:,} rows before, {one.rows:,} now"
    if len(last.changes) > _SHOWN_CHANGES:
        yield f"  and {len(last.changes) - _SHOWN_CHANGES} more: see manifest.json"
