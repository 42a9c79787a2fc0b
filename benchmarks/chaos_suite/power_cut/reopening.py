"""Opens a rebuilt folder with the real outbox, reads all it holds, and uses it on."""

import shutil
import sqlite3
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from structlog.testing import capture_logs

from benchmarks.chaos_suite.power_cut.promises import (
    SALVAGED,
    UNUSABLE,
    Finding,
    Held,
    HeldBatch,
    Promises,
    judge,
)
from benchmarks.chaos_suite.power_cut.told import Content, Row, digest_of, rows_of
from gateway.clock import Clock
from gateway.outbox import Outbox
from gateway.outbox.history import read_salvages
from gateway.outbox.schema import DamagedError
from gateway.readings import Observation

_PROBE = "probe/probe/probe"


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder hold just these files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def examine(folder: Path, promises: Promises) -> list[Finding]:
    """Open the outbox of a folder after a cut; say all that is wrong with what it holds.

    Damage that is met only in use makes a gateway start anew, and salvage: so it is done here.
    """
    try:
        with capture_logs():
            try:
                return _examine(folder, promises)
            except DamagedError as error:
                return [Finding(SALVAGED, str(error)), *_examine(folder, promises)]
    except Exception:  # noqa: BLE001 - the verdict on one state: whatever it is, it is told
        return [Finding(UNUSABLE, traceback.format_exc())]


def _examine(folder: Path, promises: Promises) -> list[Finding]:
    with _open(folder) as outbox:
        held = _read(outbox)
        findings = [*judge(promises, held), *_use(outbox, held)]
    with _open(folder) as outbox:
        return findings + _still(outbox, held)


def _open(folder: Path) -> Outbox:
    return Outbox(folder, Clock("assume"), 60, lambda: "ffffffffffffffff")


def _read(outbox: Outbox) -> Held:
    figures = outbox.figures()  # raises where opening was only put off
    with closing(sqlite3.connect(f"{outbox.path.as_uri()}?mode=ro", uri=True)) as db:
        pending = db.execute("SELECT datastream, wall_ms, value, flag, reason FROM pending")
        batches = db.execute(
            "SELECT seq, state, body FROM batch LEFT JOIN payload USING (seq) ORDER BY seq"
        )
        return Held(
            epoch=figures.epoch,
            sealed=figures.sealed,
            salvages=len(read_salvages(db)),
            pending=[_row(*one) for one in pending],
            batches=[_batch(*one) for one in batches],
        )


def _row(name: str, time_ms: int, value: str | None, flag: int, reason: str) -> Row:
    return Row((name, time_ms), Content(None if value is None else Decimal(value), flag, reason))


def _batch(seq: int, state: str, body: bytes | None) -> HeldBatch:
    """Give a batch; one whose bytes are gone holds nothing."""
    return HeldBatch(seq, state, digest_of(body or b""), rows_of(body) if body else [])


def _use(outbox: Outbox, held: Held) -> Iterator[Finding]:
    """Append, seal and confirm: all numbers from now on must be new."""
    outbox.append([Observation(_PROBE, 1, Decimal(1))])
    while outbox.seal():
        pass
    fresh = [one.seq for one in outbox.unconfirmed(10_000, 0) if one.seq > held.sealed]
    payloads = [outbox.payload(seq) for seq in fresh]
    rows = [row for one in payloads if one is not None for row in rows_of(one)]
    if len(rows) != len(held.pending) + 1:
        yield Finding(UNUSABLE, f"{len(held.pending)} + 1 waited, {len(rows)} were sealed")
    outbox.confirm([(1, max(fresh, default=0))])
    if outbox.figures().unconfirmed:
        yield Finding(UNUSABLE, "batches were confirmed and are not")


def _still(outbox: Outbox, held: Held) -> list[Finding]:
    figures = outbox.figures()
    if figures.epoch != held.epoch or figures.sealed <= held.sealed or figures.unconfirmed:
        return [Finding(UNUSABLE, f"closed and opened once more, it says {figures}")]
    return []
