"""What `saxaul-gateway outbox` shows: read beside a running gateway, changing nothing."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from sqlite3 import Connection

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.outbox.history import Salvage, read_salvages
from gateway.outbox.retention import Lost, read_dropped, read_lost
from gateway.outbox.schema import FILE_NAME, open_readonly, store_errors
from wire import batch as codec
from wire.batch import Sample
from wire.errors import ContractError
from wire.quality import Flag

# For the last value of each datastream so many of the newest batches are looked into, and no more
# of them once so many observations were found: a day may be one batch.
_DEPTH, _ENOUGH = 200, 100_000


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch as the table shows it; times in ms since the Unix epoch."""

    seq: int
    state: str
    count: int
    size: int
    clock: str
    first_ms: int
    last_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outbox at one moment."""

    path: Path
    epoch: str
    sealed: int
    states: dict[str, int]
    pending: int
    lost: Lost
    dropped: int
    salvages: list[Salvage]
    newest: list[BatchLine]
    values: dict[str, Sample]


def read(data_dir: Path, newest: int) -> Report:
    """Read figures, the `newest` batches, and last values; raises StoreError."""
    path = data_dir / FILE_NAME
    with closing(open_readonly(path)) as db, store_errors(path):
        db.execute("BEGIN")  # one view of all tables
        meta = dict(db.execute("SELECT key, value FROM meta"))
        rows = db.execute(
            "SELECT seq, state, count, bytes, clock, first_ms, last_ms, reason FROM batch"
            " ORDER BY seq DESC LIMIT ?",
            (newest,),
        )
        return Report(
            path=path,
            epoch=meta["epoch"],
            sealed=int(meta["sealed"]),
            states=dict(db.execute("SELECT state, count(*) FROM batch GROUP BY state")),
            pending=db.execute("SELECT count(*) FROM pending").fetchone()[0],
            lost=read_lost(db),
            dropped=read_dropped(db),
            salvages=read_salvages(db),
            newest=[BatchLine(*row) for row in rows],
            values=_last_values(db),
        )


def _last_values(db: Connection) -> dict[str, Sample]:
    values: dict[str, Sample] = {}
    for name, sample in _samples(db):
        if name not in values or sample.time_ms >= values[name].time_ms:
            values[name] = sample
    return dict(sorted(values.items()))


def _samples(db: Connection) -> Iterator[tuple[str, Sample]]:
    found = 0
    for (body,) in db.execute("SELECT body FROM payload ORDER BY seq DESC LIMIT ?", (_DEPTH,)):
        try:
            batch = codec.decode(body)
        except ContractError:
            continue  # written by a newer version: shown in the table all the same
        for one in batch.series:
            for sample in one.samples():
                yield one.name, sample
        found += len(batch)
        if found >= _ENOUGH:
            break
    for name, wall_ms, value, flag, reason in db.execute(
        "SELECT datastream, wall_ms, value, flag, reason FROM pending ORDER BY id"
    ):
        number = None if value is None else Decimal(value)
        yield name, Sample(wall_ms, number, Flag(flag), reason)


def show(report: Report, console: Console) -> None:
    """Print it for a person."""
    states = report.states
    console.print(
        f"{report.path}: epoch {report.epoch}, {report.sealed} batches sealed "
        f"({states.get('unconfirmed', 0)} unconfirmed, {states.get('refused', 0)} refused, "
        f"{states.get('stored', 0)} confirmed and kept), "
        f"{report.pending} observations not sealed yet",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for line in _warnings(report):
        console.print(line, style="bold red", markup=False, highlight=False, soft_wrap=True)
    if report.newest:
        console.print(_batch_table(report.newest))
    if report.values:
        console.print(_value_table(report.values))


def _warnings(report: Report) -> Iterator[str]:
    """Say what a technician must know: what is gone, and which files to look at."""
    lost = report.lost
    if lost.first_ms is not None and lost.last_ms is not None:
        yield (
            f"Lost: {lost.observations} observations in {lost.batches} batches, measured between "
            f"{_utc(lost.first_ms)} and {_utc(lost.last_ms)}, were removed before the server "
            "confirmed them, for the size budget was gone: see to the link, or raise outbox.max_mb"
        )
    if report.dropped:
        yield (
            f"Dropped: {report.dropped} observations gave way in memory while the disk took "
            "nothing: see to its free space (df)"
        )
    for one in report.salvages:
        yield (
            f"Damaged: on {_utc(one.at_ms)} the outbox was set aside as {one.file} ({one.reason}); "
            f"{one.observations} observations were carried over, {one.unreadable} batches or rows "
            "could not be read; keep the file until the server has all, then delete it"
        )


def _batch_table(lines: list[BatchLine]) -> Table:
    table = Table(title="Newest batches", title_justify="left")
    for heading in ("seq", "observations", "bytes"):
        table.add_column(heading, justify="right")
    for heading in ("state", "clock", "first", "last", "reason"):
        table.add_column(heading)
    for one in lines:
        table.add_row(
            *(str(one.seq), str(one.count), str(one.size), one.state, one.clock),
            *(_utc(one.first_ms), _utc(one.last_ms), escape(one.reason)),
        )
    return table


def _value_table(values: dict[str, Sample]) -> Table:
    table = Table(title="Last values", title_justify="left")
    table.add_column("datastream")
    table.add_column("value", justify="right")
    table.add_column("time (UTC)")
    table.add_column("note")
    for name, sample in values.items():
        value = "missing" if sample.value is None else str(sample.value)
        flag = "" if sample.flag in (Flag.PASS, Flag.MISSING) else sample.flag.name.lower()
        table.add_row(name, value, _utc(sample.time_ms), escape(sample.reason) or flag)
    return table


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
