"""What the page shows and takes, put together from the parts of the running gateway."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

from gateway.buses.asking import Questions
from gateway.buses.runner import BusHealth
from gateway.clock import Clock
from gateway.config import Config, load_valid, place_of
from gateway.doctor.finding import Finding
from gateway.doctor.standing import Standing, read_standing
from gateway.errors import StoreError
from gateway.outbox import Outbox
from gateway.page.board import Board
from gateway.page.scanning import Phase, Scanning
from gateway.page.values import Heard, Sensor, sensors
from gateway.page.visits import Position, Visits
from gateway.page.walk import Facts, may_leave, walk
from wire.messages import ClockSource, Installation, InstallationStep

# A visit's readings are those of the last quarter of an hour, or of a few batches where they are
# sealed more seldom, or of the sensor that is read the most often.
_RECENT_S, _RECENT_BATCHES, _RECENT_SLOTS = 900.0, 3, 1.5
_SELF_TEST = "page_self_test"
# Each test is a write to the card: a page left open must not wear it out.
_SELF_TEST_EVERY_MS = 60_000


class Uplink(Protocol):
    """The way to the server."""

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker is reached now."""

    def announce(self) -> None:
        """Publish the inventory again."""


class Bus(Protocol):
    """A bus with its sensors."""

    questions: Questions

    def health(self) -> BusHealth:
        """Say how it is."""

    def ask(self, place: str) -> None:
        """Have a sensor read as soon as there is time."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The running gateway, as far as the page needs it; `settings` is its gateway.toml.

    `restart` takes the settings to go on with; it raises ConfigError or BusError for those with
    which the gateway could not be built, StoreError while the disk stalls.
    """

    config: Config
    clock: Clock
    outbox: Outbox
    board: Board
    uplink: Uplink
    visits: Visits
    buses: Mapping[str, Bus]
    scanning: Scanning
    settings: Path
    restart: Callable[[Config], None]
    refused: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Everything the page shows."""

    gateway: str
    site: str
    now_ms: int
    clock: ClockSource
    broker: str
    is_connected: bool
    standing: Standing
    buses: Sequence[BusHealth]
    things: Sequence["Station"]
    sensors: Sequence[Sensor]
    steps: Sequence[Finding]
    may_leave: bool
    photos: Sequence[str]
    installation: Installation | None


@dataclass(frozen=True, slots=True)
class Station:
    """A thing and where it stands."""

    id: str
    name: str
    lat: float | None
    lon: float | None


class Desk:
    """Answers the page's questions. Safe to share by threads."""

    def __init__(self, parts: Parts) -> None:
        """Serve from these parts."""
        self._parts = parts
        self._path = Path(parts.config.gateway.data_dir)
        self._lock = Lock()
        self._tested: tuple[int, str] | None = None

    @property
    def scanning(self) -> Scanning:
        """The scan of ports."""
        return self._parts.scanning

    def view(self) -> View:
        """Put together what there is to see; raises StoreError."""
        parts, config = self._parts, self._parts.config
        now_ms = parts.clock.wall_of(parts.clock.mono_ms())
        seen, standing = self._sensors(), read_standing(self._path)
        steps = self._steps(seen, standing, now_ms)
        return View(
            gateway=config.gateway.id,
            site=config.gateway.site,
            now_ms=now_ms,
            clock=parts.clock.source(),
            broker=f"{config.uplink.host}:{config.uplink.port}",
            is_connected=parts.uplink.is_connected,
            standing=standing,
            buses=[bus.health() for bus in parts.buses.values()],
            things=self._stations(),
            sensors=seen,
            steps=steps,
            may_leave=may_leave(steps),
            photos=parts.visits.new_photos(),
            installation=parts.visits.newest(),
        )

    def ask(self, places: Sequence[str]) -> None:
        """Have these sensors (thing/sensor) read now, or all; raises ValueError for an unknown."""
        parts = self._parts
        known = {place_of(sensor): bus.id for bus, sensor, _ in parts.config.sensors()}
        if unknown := [place for place in places if place not in known]:
            raise ValueError(f"there is no sensor '{unknown[0]}' on this gateway")
        for place in places or known:
            parts.buses[known[place]].ask(place)

    def restart(self) -> None:
        """Have the gateway start again with its settings as they are now.

        Raises ConfigError and BusError where it could not start with them, and StoreError while the
        disk stalls: then it goes on.
        """
        config, _ = load_valid(self._parts.settings)
        self._parts.restart(config)

    def place(self, position: Position) -> None:
        """Note where a thing stands; raises ValueError for an unknown one, StoreError."""
        if position.thing not in {thing.id for thing in self._parts.config.thing}:
            raise ValueError(f"there is no thing '{position.thing}' on this gateway")
        with self._lock:
            self._parts.visits.place(position)
        self._parts.uplink.announce()

    def photograph(self, content: bytes) -> str:
        """Keep a photo; raises ValueError, StoreError."""
        with self._lock:
            return self._parts.visits.add_photo(content)

    def leave(self, by: str, notes: str, *, anyway: bool) -> Installation:
        """Write the installation record and send it with the inventory.

        Raises ValueError while something has failed and `anyway` is not said; StoreError.
        """
        if not by.strip():
            raise ValueError("say who you are")
        with self._lock:
            view = self.view()
            if not view.may_leave and not anyway:
                raise ValueError("something is not ready: mend it, or say that you leave anyway")
            record = Installation(
                at=view.now_ms,
                clock=view.clock,
                by=by.strip(),
                green=view.may_leave,
                notes=notes.strip(),
                steps=[
                    InstallationStep(
                        about=one.about, verdict=one.verdict.value, said=one.said[:1000]
                    )
                    for one in view.steps
                ],
                photos=list(view.photos)[-50:],
            )
            self._parts.visits.keep(record)
        self._parts.uplink.announce()
        return record

    def _sensors(self) -> list[Sensor]:
        parts, clock = self._parts, self._parts.clock
        asking, answers = set[str](), {}
        for bus, sensor, _ in parts.config.sensors():
            questions, place = parts.buses[bus.id].questions, place_of(sensor)
            asking.update(questions.waiting())
            if (answer := questions.newest(place)) is not None:
                answers[place] = answer
        mono_ms = clock.mono_ms()
        offset_ms = clock.wall_of(mono_ms) - mono_ms
        return sensors(
            parts.config, Heard(parts.board.newest(), mono_ms, offset_ms, answers, asking)
        )

    def _steps(self, seen: Sequence[Sensor], standing: Standing, now_ms: int) -> list[Finding]:
        parts = self._parts
        uplink = parts.config.uplink
        often_s = min((one.interval_s for one in seen), default=0.0)
        recent_s = max(
            _RECENT_S,
            _RECENT_BATCHES * uplink.batch_every_s,
            _RECENT_SLOTS * often_s + uplink.batch_every_s,
        )
        return walk(
            Facts(
                sensors=seen,
                refused=parts.refused,
                clock=parts.clock.source(),
                positions={one.id: one.lat is not None for one in self._stations()},
                photos=len(parts.visits.new_photos()),
                outbox_fault=self._self_test(now_ms),
                unconfirmed=standing.unconfirmed,
                pending=standing.pending,
                stored_ms=standing.stored_at_ms,
                began_ms=now_ms - int(recent_s * 1000),
                is_connected=parts.uplink.is_connected,
                broker=f"{uplink.host}:{uplink.port}",
                scanned=self._scanned(),
            )
        )

    def _scanned(self) -> str:
        scan = self._parts.scanning
        return scan.port if scan.phase is Phase.RUNNING else ""

    def _stations(self) -> list[Station]:
        entered = self._parts.visits.positions()
        found = []
        for thing in self._parts.config.thing:
            place = entered.get(thing.id)
            lat, lon = (place.lat, place.lon) if place else (thing.lat, thing.lon)
            found.append(Station(thing.id, thing.name, lat, lon))
        return found

    def _self_test(self, now_ms: int) -> str:
        """Write to the outbox and read it back; say what went wrong, or nothing."""
        mono_ms = self._parts.clock.mono_ms()
        if self._tested is None or mono_ms - self._tested[0] >= _SELF_TEST_EVERY_MS:
            self._tested = mono_ms, self._write_and_read(str(now_ms))
        return self._tested[1]

    def _write_and_read(self, word: str) -> str:
        try:
            self._parts.outbox.set_meta({_SELF_TEST: word})
            if self._parts.outbox.meta(_SELF_TEST) != word:
                return "it gives back something else than was written"
        except StoreError as error:
            return str(error)
        return ""
