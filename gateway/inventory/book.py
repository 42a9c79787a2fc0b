"""What is attached to this gateway, as the server is told it."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Protocol, TypeVar

import msgspec
import structlog
from msgspec.structs import replace

from gateway.clock import Clock
from gateway.config import Config, Fault, place_of
from gateway.inventory.composing import Known, compose, refused_sensors
from gateway.inventory.standing import Instant, Stood, stood
from wire.messages import ClockSource, Installation, Inventory

_IDENTITIES = "identities"
_STANDING = "standing"
# Under which note the last inventory is kept.
INVENTORY = "inventory"

NOTE_UNREADABLE = "note_unreadable"

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Identity(Protocol):
    """What a sensor says of itself; empty where it says nothing."""

    @property
    def serial(self) -> str:
        """Serial number."""

    @property
    def firmware(self) -> str:
        """Firmware version."""


class Notes(Protocol):
    """Where notes survive a restart: the outbox."""

    def meta(self, key: str) -> str | None:
        """Read a note."""

    def set_meta(self, values: dict[str, str]) -> None:
        """Keep notes."""


class Place(Protocol):
    """Where a thing stands, as a technician entered it. Degrees WGS 84."""

    @property
    def lat(self) -> float:
        """North of the equator."""

    @property
    def lon(self) -> float:
        """East of Greenwich."""


class Visits(Protocol):
    """What technicians left behind: see `gateway.page.visits`."""

    def newest(self) -> Installation | None:
        """Read the newest installation record."""

    def positions(self) -> Mapping[str, Place]:
        """Give the positions that were entered, by thing."""


class InventoryBook:
    """The inventory and its revision, which grows with each change, also over restarts.

    Identities are remembered: a restart must not look like a swap of all instruments.
    """

    def __init__(
        self,
        config: Config,
        notes: Notes,
        visits: Visits | None = None,
        clock: Clock | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        """Prepare; what earlier runs found out is read when it is first needed.

        `clock` tells since when a sensor stands where it does; `faults` are those of the settings:
        the sensors that are refused for them are announced as such.
        """
        self._config = config
        self._visits = visits
        self._notes = notes
        self._clock = clock
        self._refused = [(one, fault.message) for fault in faults for one in fault.sensors]
        self._lock = Lock()
        refused = {f"{one.thing}/{one.id}": one.model for one, _ in self._refused}
        self._models = refused | {place_of(s): s.model for _, s, _ in config.sensors()}
        self._known: dict[str, Known] | None = None
        self._unsettled = self._replaces = False

    def identified(self, thing: str, sensor_id: str, identity: Identity) -> bool:
        """Note what a sensor said of itself; tell whether that is new; raises StoreError."""
        name = f"{thing}/{sensor_id}"
        found = Known(self._models[name], identity.serial.strip(), identity.firmware.strip())
        with self._lock:
            known = self._remembered()
            if known.get(name) == found:
                return False
            known[name] = found
            self._notes.set_meta({_IDENTITIES: msgspec.json.encode(known).decode()})
        return True

    def current(self) -> Inventory:
        """Compose the inventory; its `rev` is one more than the last when anything differs.

        Raises StoreError.
        """
        with self._lock:
            known = self._remembered()
            last = self._noted(INVENTORY, Inventory)
            rev = last.rev if last else 0
            now = self._visited(compose(self._config, known, rev))
            now = self._standing(now, last)
            told = refused_sensors(self._refused, now)
            now = replace(now, sensors=[*now.sensors, *told])
            if now != last:
                now = replace(now, rev=rev + 1)
                self._notes.set_meta({INVENTORY: msgspec.json.encode(now).decode()})
            return now

    @property
    def awaits_clock(self) -> bool:
        """Tell whether an instrument took another's place, and only a clock can yet tell when."""
        return self._replaces and self._is_clock_unknown()

    def settles(self) -> bool:
        """Tell, once, that what waited for the clock can be told now, and note it.

        It must be noted in the boot in which it began. Raises StoreError.
        """
        if not self._unsettled or self._is_clock_unknown():
            return False
        self.current()
        return True

    def _visited(self, inventory: Inventory) -> Inventory:
        """Add how it was left, and where things stand: what was entered there goes first."""
        if self._visits is None:
            return inventory
        places = self._visits.positions()
        things = [
            replace(one, lat=places[one.id].lat, lon=places[one.id].lon)
            if one.id in places
            else one
            for one in inventory.things
        ]
        return replace(inventory, things=things, installation=self._visits.newest())

    def _standing(self, inventory: Inventory, last: Inventory | None) -> Inventory:
        """Add since when each sensor stands as it is described, as far as that is known."""
        kept = self._noted(_STANDING, dict[str, Stood]) or {}
        # How a sensor stands that could not be used is not known.
        before = [one for one in last.sensors if not one.refused] if last else []
        announced = {f"{one.thing}/{one.id}": Stood.of(one) for one in before}
        instant = self._instant()
        now = stood(inventory.sensors, announced | kept, instant)
        if instant is not None and kept | now != kept:
            self._notes.set_meta({_STANDING: msgspec.json.encode(kept | now).decode()})
        self._unsettled = any(one.mono_ms is not None for one in now.values())
        self._replaces = any(one.replaces for one in now.values())
        sensors = [
            replace(one, since=now[f"{one.thing}/{one.id}"].since) for one in inventory.sensors
        ]
        return replace(inventory, sensors=sensors)

    def _instant(self) -> Instant | None:
        """Tell the time, as far as it is known; None without a clock."""
        if self._clock is None:
            return None
        mono_ms = self._clock.mono_ms()
        wall_ms = None if self._is_clock_unknown() else self._clock.wall_of(mono_ms)
        return Instant(self._clock.boot_id, mono_ms, wall_ms)

    def _is_clock_unknown(self) -> bool:
        return self._clock is None or self._clock.source() is ClockSource.UNKNOWN

    def _remembered(self) -> dict[str, Known]:
        """Read the identities once the outbox can be read; the caller holds the lock."""
        if self._known is None:
            kept = self._noted(_IDENTITIES, dict[str, Known]) or {}
            self._known = {
                name: one for name, one in kept.items() if self._models.get(name) == one.model
            }
        return self._known

    def _noted(self, key: str, kind: type[T]) -> T | None:
        """Read a note; None for none, and for one that damage left unreadable: it is made anew."""
        text = self._notes.meta(key)
        try:
            return msgspec.json.decode(text, type=kind) if text else None
        except msgspec.MsgspecError as error:
            _log.warning(NOTE_UNREADABLE, note=key, reason=str(error))
            return None
