"""A journal with a few days of entries, of two gateways."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, select

from server.archive.reading import read_payload
from server.db import tables as t
from server.db.engine import writing
from server.ingest import journal
from server.ingest.events import BatchId, Message, Status
from wire.batch import Sample, encode
from wire.messages import ClockSource

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
DAY_MS = 86_400_000


@dataclass
class Journal:
    """Writes entries of a given age and reads what is there."""

    engine: Engine

    def add(
        self,
        age_days: float,
        seq: int | None,
        *,
        gateway: str = "dune",
        status: Status = Status.STORED,
        payload: bytes | None = None,
        kind: str = "senml",
    ) -> int:
        """Enter a batch (or, without `seq`, another kind of message) and settle it."""
        payload = payload or encode(ClockSource.NTP, {"a/b/c": [Sample((seq or 0) * 1000, None)]})
        batch = None if seq is None else BatchId(gateway, "a1b2c3d4", seq)
        name = kind if seq is None else f"batch/a1b2c3d4/{seq}"
        received_at = NOW_MS - int(age_days * DAY_MS)
        message = Message(f"saxaul/1/{gateway}/{name}", payload, received_at)
        with writing(self.engine) as connection:
            entry = journal.record(connection, message, batch)
            if status is not Status.WAITING:
                journal.settle(connection, entry, status)
        return entry

    def settle(self, entry: int, status: Status) -> None:
        with writing(self.engine) as connection:
            journal.settle(connection, entry, status)

    def payload(self, entry: int) -> bytes | None:
        with self.engine.connect() as connection:
            kept = read_payload(connection, entry)
            return None if kept is None else kept.payload

    def ids(self) -> list[int]:
        with self.engine.connect() as connection:
            return list(
                connection.execute(select(t.journal.c.id).order_by(t.journal.c.id)).scalars()
            )

    def blocks(self) -> dict[int, int | None]:
        """Map each entry to its block."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(t.journal.c.id, t.journal.c.block_id))
            return {row.id: row.block_id for row in rows}

    def count_blocks(self) -> int:
        with self.engine.connect() as connection:
            return len(connection.execute(select(t.journal_block.c.id)).all())


@pytest.fixture
def archive(engine: Engine) -> Journal:
    """On SQLite and on PostgreSQL."""
    return Journal(engine)


@pytest.fixture
def poll() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition; fail when it does not come about."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    return wait
