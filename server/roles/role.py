"""What a process does, and which ingest workers run here."""

from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wire.errors import ConfigError

# A worker takes in more than 100,000 readings a second: more of them are a slip of the finger.
MAX_WORKERS = 64


class Role(StrEnum):
    """Which part of the server's work a process does."""

    ALL = "all"
    INGEST = "ingest"
    API = "api"

    @property
    def serves_pages(self) -> bool:
        """Tell whether browsers and programs are answered."""
        return self is not Role.INGEST

    @property
    def takes_in(self) -> bool:
        """Tell whether what gateways send is stored."""
        return self is not Role.API


@dataclass(frozen=True, slots=True)
class Workers:
    """The ingest workers of this machine that share the batches, by number from 1.

    Worker 0, which takes what must keep its order, runs beside number 1. `others` says that more
    of them run elsewhere: then nobody here knows which numbers are unused.
    """

    first: int
    last: int
    others: bool = False

    def __iter__(self) -> Iterator[int]:
        """Give the numbers of all that run here."""
        return iter(range(0 if self.first == 1 else self.first, self.last + 1))


def parse_workers(text: str) -> Workers:
    """Read `4`, or `5-8` on one of several machines; raises ArgumentTypeError."""
    first, dash, last = text.partition("-") if "-" in text else ("1", "", text)
    if not (first.isdecimal() and last.isdecimal()) or not 1 <= int(first) <= int(last):
        raise ArgumentTypeError(
            f"'{text}' names no workers: write how many (4), or on one of several machines which "
            "(5-8)"
        )
    if int(last) > MAX_WORKERS:
        raise ArgumentTypeError(f"'{text}' is more than {MAX_WORKERS} workers")
    return Workers(int(first), int(last), others=bool(dash))


@dataclass(frozen=True, slots=True)
class Duty:
    """What one process is started for; without `workers` ingest runs in the process itself.

    By `answers_file` it knows of answers that others on this machine are writing.
    """

    role: Role = Role.ALL
    workers: Workers | None = None
    answers_file: Path | None = None


def duty_of(role: Role, workers: Workers | None, *, on_postgresql: bool, embedded: bool) -> Duty:
    """Say what a process is for; raises ConfigError where several processes cannot work."""
    if role is Role.API and workers is not None:
        raise ConfigError("--workers", "--role api takes nothing in: leave it out")
    if role is Role.ALL and workers is None:
        return Duty()
    what = f"--role {role}" if role is not Role.ALL else "--workers"
    if not on_postgresql:
        raise ConfigError(
            what,
            "SQLite takes one process that does everything: leave it out, or set database.url to "
            "PostgreSQL",
        )
    if role.takes_in and embedded:
        raise ConfigError(
            what,
            "the embedded broker serves one process that does everything: set mqtt.embedded = "
            "false and name a broker such as Mosquitto, or leave it out",
        )
    if role is Role.INGEST and workers is None:
        workers = Workers(1, 1)
    return Duty(role, workers)
