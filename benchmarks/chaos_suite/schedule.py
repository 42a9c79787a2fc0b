"""Which faults strike when: drawn from a seed, so that a run can be repeated. Pure.

A fault says what is done to whom; *when* is `Timed`, seconds after the start. A point in a
program's work (before a commit, after a publish) is another trigger, beside `Timed`, for the same
faults.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from benchmarks.chaos_suite.site import GATEWAYS

SERVER, BROKER, DATABASE, SIMULATOR = "server", "broker", "database", "simulator"


class Profile(StrEnum):
    """Embedded: SQLite, and the broker inside the server. Full: TimescaleDB and Mosquitto."""

    EMBEDDED = "embedded"
    FULL = "full"


class Kind(StrEnum):
    """What is done; `for_s` later it is undone."""

    KILL = "kill"  # ended as by a power cut, then started again
    WIPE = "wipe"  # the same, and what it kept on disk is gone
    RESTART = "restart"  # asked to stop, then started again
    STALL = "stall"  # stopped in its tracks, then let go on
    CUT = "cut"  # a gateway's link: connections break, new ones are refused
    SILENCE = "silence"  # a gateway's link: nothing passes, nothing breaks
    THROTTLE = "throttle"  # a gateway's link: a trickle
    DISORDER = "disorder"  # a link: messages come twice, and in another order
    HOSTILE = "hostile"  # a burst of bad payloads under a gateway's name and others; no undoing
    FILL = "fill"  # the disk of a gateway's outbox, or of the database, takes nothing more
    STEP = "step"  # a gateway's wall clock is set wrong; nothing keeps it until it is right again
    BOOT = "boot"  # a gateway starts anew with a wrong clock that nothing keeps, until it is right
    SWAP = "swap"  # a gateway is killed and gets another, empty SD card
    RESTORE = "restore"  # the database is copied; undone, the copy is put in its place


LINK_KINDS = (Kind.CUT, Kind.SILENCE, Kind.THROTTLE, Kind.DISORDER)
CLOCK_KINDS = (Kind.STEP, Kind.BOOT)
STORE_KINDS = (Kind.FILL, Kind.RESTORE)
_PLACES = {
    **dict.fromkeys(LINK_KINDS, "link of "),
    **dict.fromkeys(CLOCK_KINDS, "clock of "),
    Kind.HOSTILE: "name of ",
    Kind.FILL: "disk of ",
    Kind.RESTORE: "disk of ",
}
# A wall clock is wrong by weeks back, years ahead, or as a battery that ran out leaves it.
_STEPS_S = (-14 * 86_400, 3 * 365 * 86_400, -40 * 60, 40 * 60, -2 * 365 * 86_400, -90)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to a program, or to a link, name, clock or disk. `seed`: its chances."""

    kind: Kind
    target: str
    for_s: float
    seed: int = 0

    @property
    def place(self) -> str:
        """What can suffer only one fault at a time: a program, a link, a name, a clock, a disk.

        A database server that is down can neither be filled up nor copied.
        """
        return self.target if self.target == DATABASE else _PLACES.get(self.kind, "") + self.target

    @property
    def step_s(self) -> float:
        """By how much a clock is set wrong: never by whole intervals of a sensor."""
        rng = Random(self.seed)
        return rng.choice(_STEPS_S) + round(rng.uniform(0, 20), 3)

    def __str__(self) -> str:
        """Say it as a log does."""
        return f"{self.kind} {self.place} for {self.for_s:.2f} s"


@dataclass(frozen=True, slots=True)
class Timed:
    """A fault and its moment, in seconds after the start."""

    at_s: float
    fault: Fault

    @property
    def until_s(self) -> float:
        """When it is undone."""
        return self.at_s + self.fault.for_s


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that will happen in one run, in order.

    `assumed` are the gateways told to believe their wall clock whatever it says; `tight` names one
    whose outbox has a budget that it cannot keep to.
    """

    seed: int
    profile: Profile
    seconds: float
    faults: Sequence[Timed]
    assumed: Sequence[str] = ()
    tight: str = ""

    def events(self) -> Iterator[tuple[float, bool, Fault]]:
        """Give instant, whether it strikes (or is undone), and fault, in order of time.

        What would last beyond the end is undone then, with everything else.
        """
        strikes = [(one.at_s, True, one.fault) for one in self.faults]
        mends = [(one.until_s, False, one.fault) for one in self.faults if _is_undone(one.fault)]
        within = [event for event in (*strikes, *mends) if event[0] < self.seconds]
        yield from sorted(within, key=lambda event: event[0])

    def targets(self, *kinds: Kind) -> frozenset[str]:
        """Name what suffers from faults of these kinds."""
        return frozenset(one.fault.target for one in self.faults if one.fault.kind in kinds)


def _is_undone(fault: Fault) -> bool:
    return fault.kind is not Kind.HOSTILE


@dataclass(frozen=True, slots=True)
class _Choice:
    """A kind of fault, whom it may strike, how often, and for how long (seconds, from and to)."""

    kind: Kind
    targets: Sequence[str]
    weight: int
    for_s: tuple[float, float]


_EVERYWHERE = (
    _Choice(Kind.KILL, GATEWAYS, 4, (0.2, 2.5)),
    _Choice(Kind.KILL, (SERVER,), 4, (0.2, 2.5)),
    _Choice(Kind.RESTART, (*GATEWAYS, SERVER), 2, (1.0, 3.0)),
    _Choice(Kind.STALL, (*GATEWAYS, SERVER, SIMULATOR), 3, (0.3, 3.0)),
    _Choice(Kind.CUT, GATEWAYS, 3, (0.1, 3.0)),
    _Choice(Kind.SILENCE, GATEWAYS, 1, (0.3, 3.0)),
    _Choice(Kind.THROTTLE, GATEWAYS, 2, (1.0, 4.0)),
    _Choice(Kind.DISORDER, GATEWAYS, 2, (1.0, 5.0)),
    _Choice(Kind.FILL, GATEWAYS, 2, (0.5, 4.0)),
    _Choice(Kind.STEP, GATEWAYS, 2, (1.0, 5.0)),
    _Choice(Kind.BOOT, GATEWAYS, 1, (1.0, 5.0)),
    _Choice(Kind.SWAP, GATEWAYS, 1, (0.2, 1.5)),
)
_MENUS = {
    Profile.EMBEDDED: (
        *_EVERYWHERE,
        _Choice(Kind.FILL, (SERVER,), 2, (0.5, 4.0)),
        _Choice(Kind.RESTORE, (SERVER,), 1, (1.0, 5.0)),
    ),
    Profile.FULL: (
        *_EVERYWHERE,
        _Choice(Kind.CUT, (SERVER,), 1, (0.1, 3.0)),
        _Choice(Kind.SILENCE, (SERVER,), 1, (0.3, 3.0)),
        _Choice(Kind.DISORDER, (SERVER,), 2, (1.0, 5.0)),
        _Choice(Kind.FILL, (DATABASE,), 2, (0.5, 4.0)),
        _Choice(Kind.RESTORE, (DATABASE,), 1, (1.0, 5.0)),
        _Choice(Kind.KILL, (BROKER,), 2, (0.1, 2.0)),
        _Choice(Kind.WIPE, (BROKER,), 2, (0.1, 2.0)),
        _Choice(Kind.RESTART, (BROKER,), 1, (0.5, 2.0)),
        _Choice(Kind.STALL, (BROKER, DATABASE), 2, (0.3, 4.0)),
        _Choice(Kind.KILL, (DATABASE,), 4, (0.1, 4.0)),
        _Choice(Kind.RESTART, (DATABASE,), 1, (1.0, 2.0)),
    ),
}
# Faults drawn for each second of a run; those whose place still suffers from another are left out.
_DENSITY = (0.6, 1.6)
# This share of faults comes soon after another: what breaks together is what was not thought of.
_CLUSTERED = 0.5
_SOON_S = 0.8
# Hostile bursts, spread over each run: with some forty payloads each, well over two hundred.
_BURSTS = 7
# The share of gateways that are told to believe their clock, and of runs with an outbox too small.
_ASSUMED, _TIGHT = 0.25, 0.08


def draw(seed: int, profile: Profile, seconds: float) -> Schedule:
    """Draw a schedule; the same arguments always give the same one."""
    rng = Random(f"{seed} {profile} {seconds}")
    count = max(2, round(seconds * rng.uniform(*_DENSITY)))
    drawn = [Timed(at_s, _fault(rng, _MENUS[profile])) for at_s in _moments(rng, count, seconds)]
    drawn += [_burst(rng, seconds) for _ in range(_BURSTS)]
    assumed = tuple(name for name in GATEWAYS if rng.random() < _ASSUMED)
    tight = rng.choice(GATEWAYS) if rng.random() < _TIGHT else ""
    apart = _apart(_bearable(sorted(drawn, key=lambda one: one.at_s), tight))
    return Schedule(seed, profile, seconds, tuple(apart), assumed, tight)


def _burst(rng: Random, seconds: float) -> Timed:
    fault = Fault(Kind.HOSTILE, rng.choice(GATEWAYS), 0.0, rng.getrandbits(32))
    return Timed(round(rng.uniform(0, seconds), 3), fault)


def _bearable(drawn: Sequence[Timed], tight: str) -> Iterator[Timed]:
    """Leave out what nothing could make good: a backup cannot bring back what was given up."""
    gives_up = tight or any(
        one.fault.kind in (Kind.FILL, Kind.SWAP) and one.fault.target in GATEWAYS for one in drawn
    )
    return (one for one in drawn if not (gives_up and one.fault.kind is Kind.RESTORE))


def _moments(rng: Random, count: int, seconds: float) -> Sequence[float]:
    moments: list[float] = []
    for _ in range(count):
        if moments and rng.random() < _CLUSTERED:
            at_s = min(rng.choice(moments) + rng.uniform(0, _SOON_S), seconds)
        else:
            at_s = rng.uniform(0, seconds)
        moments.append(round(at_s, 3))
    return moments


def _fault(rng: Random, menu: Sequence[_Choice]) -> Fault:
    (choice,) = rng.choices(menu, [one.weight for one in menu])
    for_s = round(rng.uniform(*choice.for_s), 3)
    return Fault(choice.kind, rng.choice(choice.targets), for_s, rng.getrandbits(32))


def _apart(drawn: Iterable[Timed]) -> Iterator[Timed]:
    busy_until_s: dict[str, float] = {}
    for one in drawn:
        if one.at_s >= busy_until_s.get(one.fault.place, 0.0):
            busy_until_s[one.fault.place] = one.until_s
            yield one
