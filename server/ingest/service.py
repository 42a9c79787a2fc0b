"""Ingest as one thing to start and stop: consumer, queue, worker."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from server.courtesy.answers import Answers
from server.ingest.consumer import BrokerAddress, Consumer, Part
from server.ingest.pipeline import Pipeline
from server.ingest.worker import Backoff, Worker
from server.store.engines import store_for
from server.store.port import LatestRow
from wire.catalogue import bundled

_BACKOFF = Backoff()
# So many messages wait at times though everything is live.
_FEW = 500

__all__ = ["BrokerAddress", "IngestHealth", "IngestService", "Part", "wall_clock_ms"]


@dataclass(frozen=True, slots=True)
class IngestHealth:
    """How ingest is. The counts are of messages since the start; `last_error` is "" when well.

    `postponed`: how often one was put off because another program was at its gateway.
    """

    connected: bool
    database_ok: bool
    queued: int
    stored: int
    refused: int
    waiting: int
    postponed: int
    last_error: str

    @property
    def is_caught_up(self) -> bool:
        """Tell whether what was queued for it has come."""
        return is_caught_up(connected=self.connected, queued=self.queued)


def is_caught_up(*, connected: bool, queued: int) -> bool:
    """Tell whether what is live does not wait behind what was queued."""
    return connected and queued < _FEW


def wall_clock_ms() -> int:
    """Read the wall clock: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class IngestService:
    """Receives what gateways send and stores it, until stopped. The database must be migrated."""

    def __init__(
        self,
        engine: Engine,
        broker: BrokerAddress,
        on_committed: Callable[[Sequence[LatestRow]], None],
        *,
        clock: Callable[[], int] = wall_clock_ms,
        backoff: Backoff = _BACKOFF,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire it up.

        The worker's thread calls `on_committed` after each commit, and `on_death` when nothing more
        can be stored until the server is started anew.
        """
        pipeline = Pipeline(store_for(engine), bundled())
        self._worker = Worker(engine, pipeline, on_committed, clock, backoff, on_death)
        self._consumer = Consumer(broker, self._worker.offer, clock)

    def start(self) -> None:
        """Begin; a broker or database that is not there yet is waited for."""
        self._worker.start(self._consumer)
        self._consumer.start()

    def stop(self) -> None:
        """Finish what is being written, send its receipts, and leave the rest to the broker."""
        self._worker.stop()
        self._consumer.stop()

    def go_behind(self, answers: Answers) -> None:
        """Wait a moment for answers that are being written; before the start."""
        self._worker.go_behind(answers)

    def report_connections(self, to: Callable[[bool], None]) -> None:
        """Tell another of each connection, and whether its session is new; before the start.

        Otherwise gateways are asked to send again when it is: the broker had kept nothing.
        """
        self._consumer.on_found = to

    def ask_again(self) -> None:
        """Have all gateways send again what they got no receipt for: the broker lost some of it."""
        self._consumer.ask_again()

    def health(self) -> IngestHealth:
        """Say how it is, without asking anybody."""
        counts = self._worker.counts
        return IngestHealth(
            connected=self._consumer.is_connected,
            database_ok=self._worker.database_ok,
            queued=self._worker.queued,
            stored=counts.stored,
            refused=counts.refused,
            waiting=counts.waiting,
            postponed=counts.postponed,
            last_error=self._consumer.error or self._worker.error
            if self._worker.database_ok
            else self._worker.error,
        )
