"""When watches by the hour are taken up, and whose are next. Pure.

They are taken up in rounds, some time apart, and each gateway once a round. While a backlog comes
in, every batch of it has them judged anew: at once, that would be the same work over and over, and
ingest would have to note each time that there is more. From one round to the next it notes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

# From the beginning of a round to that of the next.
EVERY_S = 20.0
# A round that took long is rested from nine times as long, but no longer than this.
_RESTS, _LONGEST_REST_S = 9.0, 120.0


@dataclass(slots=True)
class HourRounds:
    """The round that goes on, and the time of the next; instants are seconds of any clock."""

    _due_s: float = float("-inf")
    _began_s: float | None = None
    _after: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> list[str]:
        """List the gateways that are left of a round."""
        return list(self._after)

    def is_due(self, now_s: float) -> bool:
        """Tell whether a round should begin."""
        return self._began_s is None and now_s >= self._due_s

    def begin(self, gateways: Iterable[str], now_s: float) -> None:
        """Begin a round with those that are behind; with none there is nothing to rest from."""
        self.add(gateways)
        self._began_s = now_s if self._after else None

    def add(self, gateways: Iterable[str]) -> None:
        """Take some up as well, whether a round goes on or not."""
        for one in gateways:
            self._after.setdefault(one, 0)

    def next(self, count: int) -> list[tuple[str, int]]:
        """Say who is next, and after which of their watches to go on."""
        return list(islice(self._after.items(), count))

    def note(self, gateway_id: str, after: int | None) -> None:
        """Take note that some of a gateway's watches are done; of None all, as far as can be."""
        self._after.pop(gateway_id, None)
        if after is not None:
            self._after[gateway_id] = after

    def rest(self, now_s: float) -> None:
        """End a round that nobody is left of."""
        if self._began_s is None or self._after:
            return
        took_s = now_s - self._began_s
        rest_s = min(_RESTS * took_s, _LONGEST_REST_S)
        self._due_s = max(self._began_s + EVERY_S, now_s + rest_s)
        self._began_s = None
