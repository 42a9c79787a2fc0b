"""Since when a sensor stands where it does, as it is described. Pure."""

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec
from msgspec.structs import replace

from wire.messages import SensorInfo


class Stood(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a sensor stands; `since` (ms, UTC) is None where no clock told when that began."""

    model: str
    serial: str = ""
    depth_m: float | None = None
    height_m: float | None = None
    reference_m: float | None = None
    since: int | None = None

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
    sensors: Iterable[SensorInfo], before: Mapping[str, Stood], now_ms: int | None
) -> dict[str, Stood]:
    """Compare with how they stood before, by thing/sensor: who is the same has stood since then."""
    found = {}
    for sensor in sensors:
        one, name = Stood.of(sensor), f"{sensor.thing}/{sensor.id}"
        known = before.get(name)
        if known is None or not known.is_same(one):
            found[name] = replace(one, since=now_ms)
        else:
            found[name] = replace(one, serial=one.serial or known.serial, since=known.since)
    return found
