"""The measurements one after the other: on PostgreSQL, then on SQLite."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ingest_suite import bare
from benchmarks.ingest_suite.databases import Databases, now_ms
from benchmarks.ingest_suite.figures import Sqlite, Timescale
from benchmarks.ingest_suite.phase import Meanwhile, Measured, Phase, perform
from benchmarks.ingest_suite.rig import Rig, memory_of, running
from benchmarks.ingest_suite.stall import Stall
from benchmarks.ingest_suite.station import CHANNELS, MINUTE_MS, Load, gateway_names
from benchmarks.ingest_suite.witness import Ids, Ledger
from deploy.errors import SetupError
from deploy.ports import wait_until

_PAST_DAYS = 1000
_ANNOUNCED_S = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """Batches of `rows` minutes, of which surely fewer than `most_a_s` a second come in.

    `window` of each gateway are in flight at first. With one receipt a second that is room for the
    rates that are aimed at, and no queue of minutes for a server that is far from them.
    """

    rows: int
    most_a_s: float
    window: int


HOURS = Kind(60, 600, 4)
ROWS = Kind(1, 15_000, 32)
STALLED = Kind(60, 600, 16)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much: gateways, seconds of sending, rows that are there before, seconds of a stall."""

    gateways: int
    seconds: float
    rows: int
    stall_s: float


@dataclass(slots=True)
class Calendar:
    """Gives each load a time of its own, the later the load the later, all of it past."""

    gateways: list[str]
    free_ms: int = field(
        default_factory=lambda: now_ms() // MINUTE_MS * MINUTE_MS - _PAST_DAYS * 86_400_000
    )

    def load(self, epoch: str, kind: Kind, seconds: float) -> Load:
        """Plan a load that has something to send for so many seconds."""
        batches = int(kind.most_a_s * seconds / len(self.gateways)) + kind.window
        load = Load(epoch, self.gateways, self.free_ms, kind.rows, batches)
        self.free_ms = load.end_ms
        return load


def on_timescale(databases: Databases, folder: Path, scale: Scale, say: Say) -> Timescale:
    """Measure on PostgreSQL; the server runs through it all."""
    calendar = Calendar(gateway_names(scale.gateways))
    with databases.fresh() as url, running(url, folder / "timescale") as rig:
        ids = announced(rig, calendar.gateways)
        measuring = _Measuring(rig, calendar, scale.seconds, say, _programs(databases))
        hours, hour = measuring.perform("hour batches", "hoursempty", HOURS)
        with databases.fresh() as other:
            bare_rps = bare.copy_rate(other, hours, hour.batches, ids)
        say(f"bare staged COPY of the same rows: {bare_rps:,.0f} readings/s")
        _, row = measuring.perform("one-row batches", "rowsempty", ROWS)
        stalled_mb = measuring.stalled(databases, scale.stall_s)
        say(f"filling in {scale.rows:,} rows")
        calendar.free_ms = bare.fill(url, ids, calendar.free_ms, scale.rows)
        _, full = measuring.perform(f"hour batches, {scale.rows:,} rows there", "hoursfull", HOURS)
        most_mb = memory_of(rig.server.pid).most_mb
        say(f"server memory at most {most_mb:.1f} MB")
    return Timescale(hour.rate, bare_rps, row.rate, full.rate, most_mb, stalled_mb)


def on_sqlite(folder: Path, scale: Scale, say: Say) -> Sqlite:
    """Measure on SQLite, with Mosquitto as the broker here, too."""
    calendar = Calendar(gateway_names(scale.gateways))
    url = f"sqlite:///{folder / 'served.db'}"
    with running(url, folder / "sqlite") as rig:
        ids = announced(rig, calendar.gateways)
        measuring = _Measuring(rig, calendar, scale.seconds, say, {})
        load, measured = measuring.perform("SQLite, hour batches", "sqlitehours", HOURS)
        most_mb = memory_of(rig.server.pid).most_mb
    bare_rps = bare.executemany_rate(folder / "bare.db", load, measured.batches, ids)
    say(f"SQLite, bare executemany of the same rows: {bare_rps:,.0f} readings/s")
    return Sqlite(measured.rate, bare_rps, most_mb)


@dataclass(frozen=True, slots=True)
class _Measuring:
    rig: Rig
    calendar: Calendar
    seconds: float
    say: Say
    programs: dict[str, int]

    def perform(self, title: str, epoch: str, kind: Kind) -> tuple[Load, Measured]:
        load = self.calendar.load(epoch, kind, self.seconds)
        measured = perform(self.rig, Phase(load, self.seconds, kind.window, self.programs))
        self.say(f"{title}: {measured}")
        return load, measured

    def stalled(self, databases: Databases, stall_s: float) -> float:
        """Stall the database under load; gives the server's memory then, in MB."""
        stall = Stall(self.rig, databases, stall_s)
        load = self.calendar.load("stalledhours", STALLED, stall_s)
        meanwhile = Meanwhile(stall, after_s=stall_s / 4)
        perform(self.rig, Phase(load, 1.5 * stall_s, STALLED.window, self.programs, meanwhile))
        self.say(f"database stalled for {stall_s:g} s: server memory {stall.most_mb:.1f} MB")
        return stall.most_mb


def announced(rig: Rig, gateways: Sequence[str]) -> Ids:
    """Announce all gateways and wait until the server knows their series."""
    rig.announce(gateways)
    with closing(Ledger(rig.database_url)) as ledger:
        wanted = len(gateways) * len(CHANNELS)
        if not wait_until(lambda: len(ledger.series()) == wanted, _ANNOUNCED_S, 0.2):
            raise SetupError(f"of {wanted} series the server knows {len(ledger.series())}")
        return ledger.series()


def _programs(databases: Databases) -> dict[str, int]:
    """Name the database server, if its processes are ours to look at."""
    own = databases.own
    return {"database": own.child.pid} if own is not None and own.child is not None else {}
