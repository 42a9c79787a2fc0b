"""Since when a sensor stands where it does, as it is described. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

import msgspec
from msgspec.structs import replace

from wire.messages import SensorInfo


class Instant(NamedTuple):
    """Now: on the monotonic clock (ms) of a boot, and in ms UTC; None while that is unknown."""

    boot: str
    mono_ms: int
    wall_ms: int | None


class Stood(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a sensor stands; `since` (ms, UTC) is None where no clock told when that began.

    Where one may tell yet, it began at `mono_ms` of `boot`; `replaces`: in place of another.
    """

    model: str
    serial: str = ""
    depth_m: float | None = None
    height_m: float | None = None
    reference_m: float | None = None
    since: int | None = None
    boot: str = ""
    mono_ms: int | None = None
    replaces: bool = False

    @classmethod
    def of(cls, sensor: SensorInfo) -> Self:
        """Take what makes it another installation when it changes."""
        return cls(
            sensor.model,
            sensor.serial,
            sensor.depth_m,
            sensor.height_m,
            sensor.reference_m,
            sensor.since,
        )

    def is_same(self, other: Self) -> bool:
        """Tell whether it is the same installation: that a serial number became known is none."""
        serials = {one for one in (self.serial, other.serial) if one}
        return len(serials) < 2 and self._place() == other._place()

    def _place(self) -> tuple[object, ...]:
        return self.model, self.depth_m, self.height_m, self.reference_m


def stood(
    sensors: Iterable[SensorInfo], before: Mapping[str, Stood], now: Instant | None
) -> dict[str, Stood]:
    """Compare with how they stood before, by thing/sensor: who is the same has stood since then.

    `now` is None where nothing tells the time.
    """
    found = {}
    for sensor in sensors:
        one, name = Stood.of(sensor), f"{sensor.thing}/{sensor.id}"
        known = before.get(name)
        if known is None or not known.is_same(one):
            found[name] = _begun(replace(one, replaces=known is not None), now)
        else:
            found[name] = _settled(replace(known, serial=one.serial or known.serial), now)
    return found


def _begun(one: Stood, now: Instant | None) -> Stood:
    """Let it stand from now on."""
    if now is None or now.wall_ms is not None:
        since = now.wall_ms if now else None
        return replace(one, since=since, boot="", mono_ms=None, replaces=False)
    return replace(one, since=None, boot=now.boot, mono_ms=now.mono_ms)


def _settled(one: Stood, now: Instant | None) -> Stood:
    """Tell by the clock of the same boot when it began, as the readings since then are stamped.

    What began in an earlier boot stood at any rate when this one began to look.
    """
    if one.mono_ms is None or now is None:
        return one
    if one.boot != now.boot:
        return _begun(one, now)
    if now.wall_ms is None:
        return one
    return _begun(one, now._replace(wall_ms=now.wall_ms - now.mono_ms + one.mono_ms))
