"""Runs an export: part after part, going on where an interrupted run ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import msgspec
import psycopg
from msgspec.structs import replace
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from server.api.instants import iso, parse
from server.db.engine import explain
from server.errors import ExportError, StoreError
from server.export.blocks import DAY_MS, Block, Digest
from server.export.describing import Json, site_document
from server.export.folder import (
    Change,
    Folder,
    Manifest,
    Opening,
    PartRecord,
    Run,
    Why,
    sha256_of,
)
from server.export.formats import libraries, writer_for
from server.export.formats.datapackage import datapackage
from server.export.formats.parts import Export, PartWriter
from server.export.metadata import Series, Site
from server.export.periods import Period
from server.export.plan import Extent, Part, plan
from server.export.query import Format, Query, Resolution
from server.export.reading import (
    Rows,
    read_buckets,
    read_extent,
    read_horizon,
    read_observations,
    snapshot,
)
from server.store.engines import store_for

METADATA = "metadata.json"
DATAPACKAGE = "datapackage.json"
SOFTWARE = f"saxaul {version('saxaul')}"
LOOKING = "looking what there is"
# Notes on parts of which the database has dropped observations (retention), or all.
LOST = "the database no longer holds all of these; the part is kept as it was exported before"
CUT = "the database no longer holds anything before"
LACKING = "it may lack what has come since; export that too, with --from"


@dataclass(frozen=True, slots=True)
class Step:
    """How far an export is: series in parts, done of all, and rows written; `what` it is at."""

    what: str
    done: int
    total: int
    rows: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run works with. `clock` gives milliseconds since 1970."""

    engine: Engine
    site: Site
    query: Query
    folder: Folder
    clock: Callable[[], int]
    show: Callable[[Step], None]


class Work:
    """One run of an export."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._rows = self._done = self._total = 0

    def run(self) -> Manifest:
        """Do what is not done yet and return what the folder then holds.

        Raises ExportError, StoreError; interrupted at any point, it goes on when run again.
        """
        folder = self._setting.folder
        folder.open()
        try:
            return self._run(folder)
        except (SQLAlchemyError, psycopg.Error) as error:
            raise StoreError(
                f"{explain(self._setting.engine.url, error)}; then run the same command again: "
                "the parts that are done stay"
            ) from error
        finally:
            folder.close()

    def _run(self, folder: Folder) -> Manifest:
        before = folder.read_manifest()
        opening, done = self._opening(before)
        export = Export(self._setting.query, self._setting.site, SOFTWARE, parse(opening.created))
        writer = writer_for(export)
        parts = plan(export.query, export.site.series, self._extents())
        folder.start_journal(opening, done)
        self._total = sum(len(part.series) for part in parts)
        old = {part.path: part for part in before.parts} if before else {}
        records = {
            part.path: self._record(writer, part, done, old.get(part.path)) for part in parts
        }
        records |= {path: _lost(one) for path, one in old.items() if path not in records}
        described = self._describe(export, parts, records)
        manifest = self._manifest(opening, before, records, described)
        folder.finish(manifest)
        return manifest

    def _opening(self, before: Manifest | None) -> tuple[Opening, dict[str, PartRecord]]:
        """Go on with the run that was interrupted, if there was one."""
        query = self._setting.query.described()
        found = self._setting.folder.read_journal()
        holds = found[0].query if found else before.query if before else query
        if holds != query:
            raise ExportError(_other_query(self._setting.folder, holds, query))
        if found is not None:
            return found
        now = iso(self._setting.clock())
        created = before.created if before else now
        return Opening(query=query, created=created, started=now, software=SOFTWARE), {}

    def _extents(self) -> dict[int, Extent]:
        series = self._setting.site.series
        extents: dict[int, Extent] = {}
        with snapshot(self._setting.engine) as connection:
            for index, one in enumerate(series):
                found = read_extent(connection, one, self._setting.query)
                if found is not None:
                    extents[one.id] = found
                self._setting.show(Step(LOOKING, index + 1, len(series), 0))
        return extents

    def _record(
        self,
        writer: PartWriter,
        part: Part,
        done: Mapping[str, PartRecord],
        old: PartRecord | None,
    ) -> PartRecord:
        folder = self._setting.folder
        record = done.get(part.path)
        if record is None or not folder.holds(record):
            record = self._write(writer, part, old)
            folder.note(record)
        self._done += len(part.series)
        self._rows += record.rows
        self._setting.show(Step(part.path, self._done, self._total, self._rows))
        return record

    def _write(self, writer: PartWriter, part: Part, old: PartRecord | None) -> PartRecord:
        """Write a part, but never less of it than there is when the database has lost some."""
        setting = self._setting
        had = old if old is not None and old.sha256 and setting.folder.holds(old) else None
        with snapshot(setting.engine) as connection, setting.folder.replacing(part.path) as made:
            read_at = setting.clock()
            horizon = read_horizon(connection, setting.query.resolution)
            cut = part.period.from_ms < horizon
            if had is not None and cut:
                return self._kept(connection, part, had, max(horizon, part.period.from_ms))
            rows = self._rows_of(connection, part, read_at)
            writer.write(made, part, rows)
            if not rows.count:
                made.unlink(missing_ok=True)
                return replace(had, note=LOST) if had is not None else _empty(part, read_at)
            size, digest = made.stat().st_size, sha256_of(made)
            if had is not None and digest == had.sha256:
                made.unlink()
        return PartRecord(
            path=part.path,
            rows=rows.count,
            bytes=size,
            sha256=digest,
            content=rows.digest.hex(),
            read_at=iso(read_at),
            note=f"{CUT} {iso(horizon)}" if cut else "",
            days=rows.days.each(),
        )

    def _kept(
        self, connection: Connection, part: Part, had: PartRecord, horizon: int
    ) -> PartRecord:
        """Keep a part as it is; say so where the database holds other rows of its time.

        What it still holds of the day in which the horizon lies cannot be compared.
        """
        period = part.period
        since = -(-horizon // DAY_MS) * DAY_MS
        if since >= period.to_ms:
            return replace(had, note=LOST)
        rest = Part(part.path, Period(period.label, since, period.to_ms), part.series)
        rows = self._rows_of(connection, rest, self._setting.clock())
        for one in part.series:
            for _block in rows.blocks(one):
                pass
        known = had.days[since // DAY_MS - period.from_ms // DAY_MS :]
        if not rows.count or known == rows.days.each():
            return replace(had, note=LOST)
        return replace(had, note=f"{LOST}; {LACKING} {iso(horizon)} --out NEW_FOLDER")

    def _rows_of(self, connection: Connection, part: Part, now_ms: int) -> Rows:
        return Rows(self._reader(connection, part, now_ms), self._teller(part), part.period)

    def _reader(
        self, connection: Connection, part: Part, now_ms: int
    ) -> Callable[[Series], Iterator[Block]]:
        query = self._setting.query
        if query.resolution is Resolution.RAW:
            store = store_for(self._setting.engine)
            return lambda one: read_observations(connection, store, one, part.period)
        return lambda one: read_buckets(connection, query, one, part.period, now_ms)

    def _teller(self, part: Part) -> Callable[[int, int], None]:
        def told(rows: int, done: int) -> None:
            step = Step(part.path, self._done + done, self._total, self._rows + rows)
            self._setting.show(step)

        return told

    def _describe(
        self, export: Export, parts: Sequence[Part], records: Mapping[str, PartRecord]
    ) -> list[PartRecord]:
        """Write the files that say what the parts are."""
        documents = {METADATA: site_document(export.site, export.site.series)}
        if export.query.format is Format.CSV:
            files = [
                (part, {"bytes": found.bytes, "hash": f"sha256:{found.sha256}"})
                for part in parts
                if (found := records[part.path]).sha256
            ]
            documents[DATAPACKAGE] = datapackage(export, files)
        return [self._document(name, document) for name, document in documents.items()]

    def _document(self, name: str, document: Json) -> PartRecord:
        data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        size, digest = self._setting.folder.write(name, data)
        now = iso(self._setting.clock())
        return PartRecord(path=name, rows=0, bytes=size, sha256=digest, content="", read_at=now)

    def _manifest(
        self,
        opening: Opening,
        before: Manifest | None,
        records: Mapping[str, PartRecord],
        described: list[PartRecord],
    ) -> Manifest:
        parts = sorted(records.values(), key=lambda one: one.path)
        run = Run(
            started=opening.started,
            ended=iso(self._setting.clock()),
            software=SOFTWARE,
            changes=changes(before.parts, parts) if before else [],
        )
        return Manifest(
            query=opening.query,
            created=opening.created,
            software=SOFTWARE,
            libraries=libraries(self._setting.query.format),
            rows=sum(one.rows for one in parts),
            parts=parts,
            described_by=described,
            runs=[*(before.runs if before else ()), run],
        )


def changes(before: Sequence[PartRecord], now: Sequence[PartRecord]) -> list[Change]:
    """Say which parts are not what they were, and why."""
    old = {one.path: one for one in before}
    found: list[Change] = []
    for one in now:
        was = old.get(one.path)
        why = _why(was, one)
        if why is not None:
            rows_before = was.rows if was is not None else 0
            found.append(Change(path=one.path, why=why, rows_before=rows_before, rows=one.rows))
    return found


def is_kept(part: PartRecord) -> bool:
    """Tell whether a part is an older one, the database having dropped what is in it."""
    return part.note.startswith(LOST)


def is_lacking(part: PartRecord) -> bool:
    """Tell whether the database may hold observations that a kept part lacks."""
    return LACKING in part.note


def _why(was: PartRecord | None, now: PartRecord) -> Why | None:
    if is_kept(now):
        return None if was is not None and is_kept(was) else "gone"
    if was is None:
        return "new" if now.sha256 else None
    if was.content != now.content:
        return "observations"
    return "metadata" if was.sha256 != now.sha256 else None


def _empty(part: Part, read_at: int) -> PartRecord:
    nothing = Digest().hex()
    return PartRecord(
        path=part.path, rows=0, bytes=0, sha256="", content=nothing, read_at=iso(read_at)
    )


def _lost(one: PartRecord) -> PartRecord:
    return replace(one, note=LOST) if one.sha256 else one


def _other_query(folder: Folder, holds: Mapping[str, object], query: Mapping[str, object]) -> str:
    differing = [key for key in query if holds.get(key) != query[key]]
    told = ", ".join(f"{key} {holds.get(key)!r}, not {query[key]!r}" for key in differing)
    return (
        f"{folder.path} holds another export ({told}): name another folder with --out, or ask for "
        "the same again"
    )
