"""Carries out faults: on programs, on the gateways' links, and in their names."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.chaos_suite.evidence import read_victim
from benchmarks.chaos_suite.hostile import Message, burst
from benchmarks.chaos_suite.programs import Programs
from benchmarks.chaos_suite.proxy import Proxy
from benchmarks.chaos_suite.schedule import LINK_KINDS, Fault, Kind

_TRICKLE_BYTES_PER_S = (300, 5000)


class Hand:
    """Publishes by hand, straight to the broker: a client of its own that comes back by itself."""

    def __init__(self, port: int) -> None:
        """Nothing is opened yet."""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="by-hand")
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_timeout = 2.0
        self._port = port

    def start(self) -> Self:
        """Connect in the background."""
        self._client.connect_async("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def publish(self, messages: Iterable[Message]) -> None:
        """Hand messages over, QoS 1; returns at once."""
        for one in messages:
            self._client.publish(one.topic, one.payload, qos=1)

    def close(self) -> None:
        """Say goodbye; what was not delivered is dropped."""
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(frozen=True, slots=True)
class Faults:
    """What can be struck. `outboxes` are the gateways' files; `wiped` lists what a wipe deletes."""

    programs: Programs
    links: Mapping[str, Proxy]
    hand: Hand
    outboxes: Mapping[str, Path]
    wiped: Mapping[str, Path]

    def strike(self, fault: Fault) -> None:
        """Do it."""
        does: Mapping[Kind, Callable[[Fault], None]] = {
            Kind.KILL: lambda one: self.programs.kill(one.target),
            Kind.WIPE: self._wipe,
            Kind.RESTART: lambda one: self.programs.ask_to_stop(one.target),
            Kind.STALL: lambda one: self.programs.stall(one.target),
            Kind.CUT: lambda one: self.links[one.target].cut(),
            Kind.SILENCE: lambda one: self.links[one.target].silence(),
            Kind.THROTTLE: self._throttle,
            Kind.HOSTILE: self._abuse,
        }
        does[fault.kind](fault)

    def mend(self, fault: Fault) -> None:
        """Undo it."""
        if fault.kind in LINK_KINDS:
            self.links[fault.target].heal()
        elif fault.kind is Kind.STALL:
            self.programs.resume(fault.target)
        elif fault.kind is not Kind.HOSTILE:
            self.programs.raise_again(fault.target)

    def mend_all(self) -> None:
        """Undo whatever is still done."""
        for link in self.links.values():
            link.heal()
        self.programs.heal()

    def _wipe(self, fault: Fault) -> None:
        self.programs.kill(fault.target)
        self.wiped[fault.target].unlink(missing_ok=True)

    def _throttle(self, fault: Fault) -> None:
        rate = Random(fault.seed).uniform(*_TRICKLE_BYTES_PER_S)
        self.links[fault.target].throttle(rate)

    def _abuse(self, fault: Fault) -> None:
        victim = read_victim(fault.target, self.outboxes[fault.target])
        if victim is not None:
            self.hand.publish(burst(victim, Random(fault.seed)))
