"""Faults of one device, as a scenario lists them: what is wrong, from when, how long, how often.

Faults of the wire are in `line`; these belong to the device, and each kind of device acts them out.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import inf
from typing import Annotated

import msgspec

from firmware_sim.physics.chance import Dice

SWAP_S = 2.0  # nobody pulls a plug and puts in another faster
IDLE_S = 5.0  # after such a pause a device that is "deaf_when_idle" misses the next command


class FaultKind(StrEnum):
    """What can be wrong with a device."""

    ABSENT = "absent"  # it hears nothing and says nothing
    SWAPPED = "swapped"  # another `model` answers at its address
    DOUBLED = "doubled"  # another of its kind (or `model`) answers at its address as well
    LATE = "late"  # it answers `by_s` late
    DEAF_WHEN_IDLE = "deaf_when_idle"  # the first command after a pause goes unheard
    WRONG_ADDRESS = "wrong_address"  # it answers with another address than its own
    FEWER_VALUES = "fewer_values"  # it gives one value, or register, less than it should
    GARBAGE = "garbage"  # a stray byte goes before its answer
    NO_SERVICE_REQUEST = "no_service_request"  # SDI-12: it never says that data are ready
    POWER_UP = "power_up"  # METER on SDI-12: as it begins, its DDI string is on the wire
    EXCEPTION = "exception"  # Modbus: it refuses with `code`
    BUSY = "busy"  # Modbus: it refuses as busy
    RESTARTS = "restarts"  # it loses power as the fault begins: what it had counted is nought
    AILS = "ails"  # it says by itself that something is wrong with it


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault. It begins `after_s` after the simulation and lasts `for_s`, or to the end.

    `share` is how probably it strikes each time. `model` and `serial` are those of the instrument
    that is there instead of a swapped one, or beside a doubled one.
    """

    kind: FaultKind
    after_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    for_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    by_s: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    code: Annotated[int, msgspec.Meta(ge=1, le=255)] = 4
    model: str = ""
    serial: str = ""

    @property
    def until_s(self) -> float:
        """When it is over, counted like `after_s`."""
        return inf if self.for_s is None else self.after_s + self.for_s


class Ailments:
    """The faults of one device, over time."""

    def __init__(
        self, faults: Sequence[Fault] = (), began_s: float = 0.0, dice: Dice | None = None
    ) -> None:
        """Count from `began_s`, seconds since the epoch."""
        self._faults = faults
        self._began_s = began_s
        self._dice = dice

    def struck(self, kind: FaultKind, now: float) -> Fault | None:
        """Give the fault of a kind that strikes now, if one does."""
        for fault in self._faults:
            if fault.kind is kind and fault.after_s <= now - self._began_s < fault.until_s:
                return fault if self._hits(fault.share) else None
        return None

    def begins_at(self, kind: FaultKind) -> Sequence[float]:
        """Tell the instants at which faults of a kind begin, in seconds since the epoch."""
        return [self._began_s + one.after_s for one in self._faults if one.kind is kind]

    def _hits(self, share: float) -> bool:
        return share >= 1.0 or self._dice is None or self._dice.roll() < share


def companion(fault: Fault) -> list[Fault]:
    """Give the faults of what is there beside a doubled instrument: absent before and after."""
    before = [Fault(kind=FaultKind.ABSENT, for_s=fault.after_s)] if fault.after_s else []
    if fault.for_s is None:
        return before
    return [*before, Fault(kind=FaultKind.ABSENT, after_s=fault.until_s)]


def replacement(fault: Fault) -> list[Fault]:
    """Give the faults of what stands in for a swapped instrument: absent until it is there."""
    before = Fault(kind=FaultKind.ABSENT, for_s=fault.after_s + SWAP_S)
    if fault.for_s is None:
        return [before]
    return [before, Fault(kind=FaultKind.ABSENT, after_s=max(0.0, fault.until_s - SWAP_S))]
