"""The simulated fleet, as a process of its own: does what it is told, and tells how it went."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from random import Random

from benchmarks.fleet_suite.gateway import Gateway
from benchmarks.fleet_suite.lines import Lines
from benchmarks.ingest_suite.station import Load, variant_of

_TICK_S = 0.02
# Connections opened at once: what a broker's queue of them (listen(2)) takes without loss.
_AT_ONCE = 64
_CONNECT_S = 120.0
# So often each gateway looks whether something is to be sent again.
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is in the fleet, and what they may have to send."""

    load: Load
    port: int
    seed: int


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect everybody. Answered by Connected."""


@dataclass(frozen=True, slots=True)
class Send:
    """Have each gateway send a batch every so many seconds, and its status. No answer."""

    every_s: float
    heartbeat_s: float


@dataclass(frozen=True, slots=True)
class Observe:
    """Look at what falls due in so many seconds, and wait so long for its receipts.

    Answered by Observed.
    """

    seconds: float
    patience_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rest:
    """Send nothing new, and wait so long for the receipts that are missing. Answered by Rested."""

    patience_s: float


@dataclass(frozen=True, slots=True)
class Recover:
    """Have each gateway measure once and wait until all have the receipt. Answered by Recovered.

    Those that are not connected, because the broker was away, send it when they are.
    """

    patience_s: float


@dataclass(frozen=True, slots=True)
class Connected:
    """How many are, and how long that took."""

    gateways: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Observed:
    """Batches that fell due, batches of which a receipt came meanwhile, and gateways `online`.

    `delays`: how long the receipt of each that fell due took, infinite where none came in time.
    """

    sent: int
    confirmed: int
    delays: Sequence[float]
    online: int


@dataclass(frozen=True, slots=True)
class Rested:
    """What each gateway has measured; how many batches have no receipt, or went out again."""

    batches: Sequence[int]
    missing: int
    again: int
    refused: Sequence[str]


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many gateways have their receipt, after how long; and connections lost so far."""

    gateways: int
    seconds: float
    lost: int


def simulate(plan: Plan, pipe: Connection) -> None:
    """Be the fleet until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: our parent ends us
    names = plan.load.gateways
    variants = {variant_of(number) for number in range(len(names))}
    payloads = {variant: plan.load.payloads(variant) for variant in variants}
    gateways = [
        Gateway(name, plan.load.epoch, payloads[variant_of(number)])
        for number, name in enumerate(names)
    ]
    # Simulated chance: the same gateways wait equally long in each run.
    lines = Lines(plan.port, gateways, Random(plan.seed), time.monotonic)
    try:
        _Fleet(gateways, lines, pipe).obey()
    except (EOFError, BrokenPipeError):
        pass
    except OSError as error:
        pipe.send(f"the fleet cannot go on: {error}")
    finally:
        lines.close()


@dataclass(slots=True)
class _Turns:
    """Gives gateways their turns, evenly over time."""

    every_s: float = float("inf")
    since_s: float = 0.0
    given: int = 0

    def due(self, gateways: int, now_s: float) -> range:
        """Give the turns that have come up; a turn modulo the gateways is whose it is."""
        wanted = int((now_s - self.since_s) / self.every_s * gateways)
        turns = range(self.given, max(self.given, wanted))
        self.given = turns.stop
        return turns


@dataclass(slots=True)
class _Fleet:
    gateways: Sequence[Gateway]
    lines: Lines
    pipe: Connection
    batches: _Turns = field(default_factory=_Turns)
    beats: _Turns = field(default_factory=_Turns)
    looks: _Turns = field(default_factory=lambda: _Turns(_LOOK_S, time.monotonic()))

    def obey(self) -> None:
        while True:
            if not self.pipe.poll():
                self._turn()
                continue
            told = self.pipe.recv()
            if isinstance(told, Connect):
                self.pipe.send(self._connect())
            elif isinstance(told, Send):
                now_s = time.monotonic()
                self.batches = _Turns(told.every_s, now_s)
                self.beats = _Turns(told.heartbeat_s, now_s)
            elif isinstance(told, Observe):
                self.pipe.send(self._observe(told))
            elif isinstance(told, Rest):
                self.pipe.send(self._rest(told.patience_s))
            elif isinstance(told, Recover):
                self.pipe.send(self._recover(told.patience_s))

    def _turn(self) -> None:
        """Let time pass for a tick."""
        now_s = time.monotonic()
        for turn in self.batches.due(len(self.gateways), now_s):
            number = turn % len(self.gateways)
            self.lines.write(number, self.gateways[number].measure(now_s))
        for turn in self.beats.due(len(self.gateways), now_s):
            number = turn % len(self.gateways)
            self.lines.write(number, self.gateways[number].beat())
        for turn in self.looks.due(len(self.gateways), now_s):
            number = turn % len(self.gateways)
            self.lines.write(number, self.gateways[number].overdue(now_s))
        self.lines.turn(_TICK_S)

    def _online(self) -> int:
        return sum(one.is_online for one in self.gateways)

    def _connect(self) -> Connected:
        began_s = time.monotonic()
        for first in range(0, len(self.gateways), _AT_ONCE):
            upto = min(first + _AT_ONCE, len(self.gateways))
            for number in range(first, upto):
                self.lines.open(number)
            while (
                not all(one.is_online for one in self.gateways[first:upto])
                and time.monotonic() - began_s < _CONNECT_S
            ):
                self._turn()
        return Connected(self._online(), time.monotonic() - began_s)

    def _observe(self, order: Observe) -> Observed:
        """Look at what falls due in time; while its receipts are waited for, all goes on."""
        first = [one.sealed for one in self.gateways]
        for one in self.gateways:
            one.delays.clear()
        confirmed = sum(one.confirmed for one in self.gateways)
        self._pass(order.seconds)
        confirmed = sum(one.confirmed for one in self.gateways) - confirmed
        seen = [
            (one, seq)
            for one, sealed in zip(self.gateways, first, strict=True)
            for seq in range(sealed + 1, one.sealed + 1)
        ]
        ends_s = time.monotonic() + order.patience_s
        while time.monotonic() < ends_s and any(seq not in one.delays for one, seq in seen):
            self._turn()
        delays = [one.delays.get(seq, float("inf")) for one, seq in seen]
        return Observed(len(seen), confirmed, delays, self._online())

    def _pass(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            self._turn()

    def _rest(self, patience_s: float) -> Rested:
        self.batches = _Turns()
        ends_s = time.monotonic() + patience_s
        while not all(one.is_idle for one in self.gateways) and time.monotonic() < ends_s:
            self._turn()
        return Rested(
            [one.sealed for one in self.gateways],
            sum(one.sealed - one.confirmed for one in self.gateways),
            sum(one.again for one in self.gateways),
            [reason for one in self.gateways for reason in one.refused],
        )

    def _recover(self, patience_s: float) -> Recovered:
        began_s = time.monotonic()
        for number, one in enumerate(self.gateways):
            self.lines.write(number, one.measure(began_s))
        wanted = [one.sealed for one in self.gateways]
        left = set(range(len(self.gateways)))
        while left and time.monotonic() - began_s < patience_s:
            self._turn()
            left = {one for one in left if self.gateways[one].confirmed < wanted[one]}
        seconds = time.monotonic() - began_s
        return Recovered(len(self.gateways) - len(left), seconds, self.lines.lost)
