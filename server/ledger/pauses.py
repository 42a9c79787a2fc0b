"""How often a gateway is asked: once a minute at most, and ever more rarely for the same. Pure."""

from dataclasses import dataclass, field

from server.ledger.book import Epoch

INTERVAL_S = 60.0
# While the same is to be asked, it is asked less and less often, down to this.
LONGEST_S = 3600.0
# Outboxes remembered; of more, which only forgers have, the first are asked as if never before.
MAX_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Asked:
    what: object
    at_s: float
    pause_s: float


@dataclass(slots=True)
class Pauses:
    """When each gateway was last asked. Times are seconds on any one monotonic clock."""

    _gateways: dict[str, float] = field(default_factory=dict)
    _asked: dict[Epoch, _Asked] = field(default_factory=dict)

    def is_due(self, epoch: Epoch, what: object, now_s: float) -> bool:
        """Tell whether to ask, and note it: at once for something new, else after a pause."""
        if now_s < self._gateways.get(epoch.gateway, float("-inf")) + INTERVAL_S:
            return False
        before = self._asked.pop(epoch, None)
        pause_s = INTERVAL_S
        if before is not None and before.what == what:
            if now_s < before.at_s + before.pause_s:
                self._asked[epoch] = before
                return False
            pause_s = min(LONGEST_S, 2 * before.pause_s)
        self._gateways[epoch.gateway] = now_s
        self._asked[epoch] = _Asked(what, now_s, pause_s)
        if len(self._asked) > MAX_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return True
