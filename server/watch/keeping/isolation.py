"""Keeps what goes wrong to where it does: at one gateway, in one watch; and says what that is.

Whatever is written wrong (by a later version, by hand) must not end the judging of all others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from server.db.faults import is_database_fault
from server.watch.rows import Unreadable

WATCHES_STUCK = "watches_stuck"
WATCH_UNREADABLE = "watch_unreadable"

# What failed is left alone for so long; what is not tried again by then is no longer counted.
STUCK_S = 60.0
_FORGET_S = 300.0
_NAMED = 5

_T = TypeVar("_T")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Isolation:
    """Runs steps gateway by gateway, and remembers those that failed; seconds are of any clock."""

    _now_s: float = 0.0
    _again_s: dict[tuple[str, str], float] = field(default_factory=dict)
    _unreadable: dict[int, float] = field(default_factory=dict)
    _said: dict[int, str] = field(default_factory=dict)

    def begin(self, now_s: float) -> None:
        """Take note of the time: what failed may be due again, or be of the past."""
        self._now_s = now_s
        self._again_s = {
            key: again_s for key, again_s in self._again_s.items() if now_s < again_s + _FORGET_S
        }
        self._unreadable = {
            id_: seen_s for id_, seen_s in self._unreadable.items() if now_s < seen_s + STUCK_S
        }

    def is_free(self, step: str, gateway_id: str) -> bool:
        """Tell whether a step did not just fail at a gateway."""
        return self._now_s >= self._again_s.get((step, gateway_id), self._now_s)

    def run(self, step: str, gateway_id: str, does: Callable[[], _T]) -> _T | None:
        """Do a step at a gateway; None when it fails, or did so just before.

        Raises what the database is to blame for: that concerns all.
        """
        if not self.is_free(step, gateway_id):
            return None
        try:
            found = does()
        except Exception as error:
            if is_database_fault(error, alone=False):
                raise
            log.exception(WATCHES_STUCK, step=step, gateway=gateway_id)
            self._again_s[step, gateway_id] = self._now_s + STUCK_S
            return None
        self._again_s.pop((step, gateway_id), None)
        return found

    def note(self, one: Unreadable) -> None:
        """Leave a watch alone for a while that cannot be read."""
        if self._said.get(one.id) != one.fault:
            log.error(WATCH_UNREADABLE, watch=one.id, gateway=one.gateway_id, fault=one.fault)
        self._said[one.id] = one.fault
        self._unreadable[one.id] = self._now_s

    @property
    def unreadable(self) -> list[int]:
        """List the watches that could not be read."""
        return sorted(self._unreadable)

    @property
    def sentence(self) -> str:
        """Say for people what is not kept; nothing when all is."""
        gateways = sorted({gateway_id for _, gateway_id in self._again_s})
        watches = [str(one) for one in self.unreadable]
        said = []
        if gateways:
            said.append(f"something goes wrong at {_named('gateway', gateways)}")
        if watches:
            said.append(f"{_named('watch', watches)} cannot be read")
        return f"{'; '.join(said)}: see the log" if said else ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step that is done gateway by gateway."""

    name: str
    isolation: Isolation = field(default_factory=Isolation)

    def run(self, gateway_id: str, does: Callable[[], _T]) -> _T | None:
        """Do it at a gateway; see `Isolation.run`."""
        return self.isolation.run(self.name, gateway_id, does)


def _named(what: str, names: Sequence[str]) -> str:
    """Name some, and count the rest."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what} {', '.join(names[:_NAMED])}{more}"
