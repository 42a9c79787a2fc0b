"""What is known of a run: what sensors sent, what was backfilled, and what the database holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from wire.catalogue import Protocol, SensorModel

# Values of a datastream by instant (ms); None where the value is missing.
Series = Mapping[int, float | None]
Stored = Mapping[str, Series]


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor as it is configured; `name` is thing/sensor."""

    name: str
    model: SensorModel
    interval_ms: int

    @property
    def is_talker(self) -> bool:
        """Tell whether it sends by itself, so that observations are statistics of its lines."""
        return self.model.protocol in (Protocol.NMEA0183, Protocol.LINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the truth file: what a device sent, complete at `at_ms`."""

    at_ms: int
    device: str
    values: Mapping[str, Decimal]
    reasons: Mapping[str, str]
    is_poll: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One observation that was backfilled."""

    time_ms: int
    datastream: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is compared. Gateways were started after `started_ms` and ran from `ready_ms`.

    From then until `until_ms` every window of a talker must be there.
    """

    sensors: Sequence[Sensor]
    answers: Sequence[Answer]
    history: Sequence[HistoryRow]
    stored: Stored
    stored_twice: Sequence[str]
    started_ms: int
    ready_ms: int
    until_ms: int
