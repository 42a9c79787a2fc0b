"""The demo's processes: started in order, watched, and stopped in reverse within five seconds."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from deploy.children import Child
from deploy.local_mosquitto import LocalMosquitto
from deploy.local_postgres import LocalPostgres

# Each tier of processes may use the time until its deadline, counted from the start of stopping.
# Gateways need up to 3 s; whoever still runs at its deadline is ended by force.
_DEADLINES_S = (3.2, 4.0, 4.5)
_POLL_S = 0.1
_MENDABLE = 2  # how our programs end when a person can mend the cause
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


class ChildDiedError(Exception):
    """A process of the demo ended by itself."""

    def __init__(self, child: Child) -> None:
        """Say which, how, and the last it had to say; `code` is what the demo should end with."""
        code = child.exit_code()
        self.code = 2 if code == _MENDABLE else 1
        if code == _MENDABLE:  # its last line says what, where and the remedy
            super().__init__(child.tail(1))
        else:
            super().__init__(
                f"{child.name} ended with exit code {code}; the end of {child.log}:\n{child.tail()}"
            )


@dataclass(slots=True)
class Stack:
    """All processes in tiers: gateways, their peers (sensors and server), services below.

    `running` are those that are waited for and may end.
    """

    running: list[Child] = field(default_factory=list)
    gateways: list[Child] = field(default_factory=list)
    peers: list[Child] = field(default_factory=list)
    services: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Nothing runs yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything, whatever happened."""
        self.stop()

    def add(self, tier: list[Child], child: Child) -> Child:
        """Start a process and watch it from now on."""
        tier.append(child)
        child.start()
        return child

    def add_service(self, service: LocalMosquitto | LocalPostgres) -> None:
        """Start a broker or database and watch it from now on."""
        try:
            service.start()
        finally:
            if service.child is not None:
                self.services.append(service.child)

    def dismiss(self, child: Child) -> None:
        """Stop a process on purpose and watch it no more."""
        for tier in (self.gateways, self.peers, self.services):
            if child in tier:
                tier.remove(child)
        child.stop()

    def watch(self) -> None:
        """Raise ChildDiedError if a process has ended."""
        for child in (*self.services, *self.peers, *self.gateways):
            if child.exit_code() is not None:
                raise ChildDiedError(child)

    def run(self, *children: Child) -> None:
        """Run processes side by side to their ends, watching the others; all must end well."""
        for child in children:
            self.add(self.running, child)
        while self.running:
            self.watch()
            for child in [one for one in self.running if not one.is_running]:
                if child.exit_code() != 0:
                    raise ChildDiedError(child)
                self.running.remove(child)
            time.sleep(_POLL_S)

    def watch_for(self, seconds: float) -> None:
        """Let time pass, watching."""
        self.wait(lambda: False, seconds)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until a condition holds, watching; tells whether it came to hold in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.watch()
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def stop(self) -> None:
        """Stop tier after tier, each within its deadline. May be called twice."""
        # A second Ctrl-C must not cut this short.
        previous = {one: signal.signal(one, signal.SIG_IGN) for one in INTERRUPTS}
        began = time.monotonic()
        tiers = ([*self.running, *self.gateways], self.peers, self.services)
        for tier, deadline_s in zip(tiers, _DEADLINES_S, strict=True):
            for child in tier:
                child.ask_to_stop()
            for child in tier:
                child.end_within(max(0.05, began + deadline_s - time.monotonic()))
        for tier in (self.running, *tiers, self.gateways):
            tier.clear()
        for number, handler in previous.items():
            signal.signal(number, handler)
