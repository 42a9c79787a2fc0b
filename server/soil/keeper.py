"""The chore that keeps relative water in order while the server runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from server.housekeeping import Chore
from server.soil.history import History
from wire.catalogue import SensorModel

# What is said by command is found at once; what else may differ is looked for now and then.
_EVERY_S = 3.0
_LOOK_MS = 3_600_000
_GATEWAYS = 20


@dataclass(slots=True)
class _Keeper:
    history: History
    clock: Callable[[], int]
    unsettled: list[str] = field(default_factory=list)
    looked_ms: int | None = None

    def step(self) -> float | None:
        """Do a bounded part; gives after how many seconds to go on, None when nothing is left."""
        now_ms = self.clock()
        if self.looked_ms is None or now_ms - self.looked_ms >= _LOOK_MS:
            self.unsettled, self.looked_ms = self.history.unsettled(), now_ms
        for gateway_id in self.unsettled[:_GATEWAYS]:
            self.history.settle(gateway_id)
        del self.unsettled[:_GATEWAYS]
        done = self.history.step()
        return None if done is None and not self.unsettled else 0.0


def chore(engine: Engine, catalogue: Mapping[str, SensorModel], clock: Callable[[], int]) -> Chore:
    """Give it to the housekeeper; `clock` gives milliseconds UTC."""
    keeper = _Keeper(History(engine, catalogue, clock), clock)
    failing = "relative soil water is not computed for what is stored"
    return Chore("soil", keeper.step, _EVERY_S, failing)
