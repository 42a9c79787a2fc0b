"""A past of ten stations, stored by the running server, then left as it is in the long run.

The server's own programs do that, as if all of it were old.
"""

from pathlib import Path

from sqlalchemy import Engine, text

from benchmarks.ingest_suite.databases import now_ms
from benchmarks.ingest_suite.measurements import announced
from benchmarks.ingest_suite.phase import Phase, perform
from benchmarks.ingest_suite.rig import running
from benchmarks.ingest_suite.station import CHANNELS, MINUTE_MS, Load, gateway_names
from server.archive.keeper import Policy, tend
from server.db.engine import Edition
from server.rollup.worker import Workshop, anything

_HOUR = 60
_GATEWAYS = 10
_WINDOW = 16
# All is sent, however long that takes.
_SECONDS = 3600.0
_YEAR_MS = 365 * 86_400_000
_CHUNKS = text("SELECT CAST(show_chunks('observation') AS text)")
_CONVERT = text("CALL convert_to_columnstore(CAST(:chunk AS regclass), if_not_columnstore => true)")
_PACK_ALL = Policy(pack_after_days=0, keep_days=0)


def load_of(rows: int, end_ms: int) -> Load:
    """Plan hour batches with `rows` readings in all, or a few more, until an instant."""
    batches = -(-rows // (_GATEWAYS * len(CHANNELS) * _HOUR))
    start_ms = (end_ms // MINUTE_MS - batches * _HOUR) * MINUTE_MS
    return Load("storage0", gateway_names(_GATEWAYS), start_ms, _HOUR, batches)


def store(url: str, folder: Path, rows: int) -> int:
    """Have an empty database filled; gives how many readings it holds. Raises SetupError."""
    load = load_of(rows, now_ms())
    with running(url, folder) as rig:
        announced(rig, load.gateways)
        return perform(rig, Phase(load, _SECONDS, _WINDOW)).readings


def roll_up(engine: Engine) -> None:
    """Compute the rollups that the server has not come to yet."""
    workshop = Workshop(engine, now_ms, is_due=anything)
    while workshop.step() is not None:
        continue


def compress(engine: Engine, edition: Edition) -> None:
    """Have the columnstore take all chunks, where the edition has one."""
    if edition is not Edition.COMMUNITY:
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for chunk in connection.execute(_CHUNKS).scalars():
            connection.execute(_CONVERT, {"chunk": chunk})


def pack(engine: Engine) -> None:
    """Pack all of the journal."""
    while tend(engine, _PACK_ALL, now_ms() + _YEAR_MS):
        continue
