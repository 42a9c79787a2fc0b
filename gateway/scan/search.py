"""What all looks at one port share: the open port, how far to look, where to put what is found."""

import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from gateway.buses.serial_port import DEFAULT_FRAME, PortSettings, SerialPort, StoppedError
from gateway.codecs.sdi12 import ADDRESSES
from gateway.drivers.conversation import Ask, PolledDriver, Step, hold
from gateway.errors import BusError
from gateway.readings import Reading
from gateway.scan.found import Finding, FoundSensor
from wire.catalogue import Protocol, SensorModel

Say = Callable[[str], None]
"""Hears what the scan is doing now."""

Stopping = Callable[[], bool]
"""Tells whether the scan is to be broken off."""

_SLICE_S = 0.05  # a scan waits for many answers that never come: it looks up often


def never() -> bool:
    """Go on to the end."""
    return False


@dataclass(slots=True)
class Tally:
    """How many questions were put on the line, and how many of them stayed unanswered."""

    asked: int = 0
    unanswered: int = 0


class ScanLine:
    """A port as a scan uses it: opened at one rate, with questions counted and not asked twice."""

    def __init__(self, settings: PortSettings, tally: Tally, stopping: Stopping = never) -> None:
        """Open it; raises BusError. Once `stopping` tells so, its use raises StoppedError."""
        self._tally = tally
        self._stopping = stopping
        self._port = SerialPort(replace(settings, slice_s=_SLICE_S), stopping)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.close()

    def close(self) -> None:
        """Give it back."""
        self._port.close()

    def listen(self, seconds: float) -> bytes:
        """Give all that comes within a time."""
        return self._port.exchange(Ask(b"", lambda _: 0, seconds))

    def ask(self, ask: Ask) -> bytes:
        """Ask once; gives what came, perhaps nothing."""
        reply = self._port.exchange(ask)
        if ask.request:
            self._tally.asked += 1
            self._tally.unanswered += not reply
        return reply

    def poll(self, driver: PolledDriver, known: MutableMapping[bytes, bytes]) -> list[Reading]:
        """Let a driver read its sensor; what is `known` by the request is not asked again."""

        def do(step: Step) -> bytes:
            if not isinstance(step, Ask):
                self._wait(step.seconds)
                return b""
            return known[step.request] if step.request in known else self.ask(step)

        return hold(driver.poll(), do)

    def _wait(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if self._stopping():
                raise StoppedError
            time.sleep(min(left_s, _SLICE_S))

    def poll_once(
        self,
        driver: PolledDriver,
        answers: MutableMapping[bytes, bytes],
        begin_s: float | None = None,
    ) -> list[Reading]:
        """Let a driver read, with every request put on the line once, be it answered or not.

        What comes is kept in `answers`: models that ask the same cost one question together. No
        byte within `begin_s` counts as silence.
        """

        def do(step: Step) -> bytes:
            if not isinstance(step, Ask) or not step.request:
                return b""
            if step.request not in answers:
                hurried = step if begin_s is None else replace(step, begin_s=begin_s)
                answers[step.request] = self.ask(hurried)
            return answers[step.request]

        return hold(driver.poll(), do)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far to look, and how long to wait. Seconds.

    `listen_s` is for what speaks by itself; `sdi12_s` for an acknowledgement through an adapter
    (0.1 s on the wire); `modbus_s` for the first byte of a reply (cheap probes take 0.2 s).
    `modbus_limit_s` bounds what Modbus takes of a port, so that all of it takes a minute at most.
    With `spares_gauges` no value is asked of a sensor that hands over what fell since it was last
    asked: on a bus that is in use, its rain is counted by somebody.
    """

    listen_s: float = 2.5
    sdi12_addresses: str = ADDRESSES
    sdi12_s: float = 0.3
    modbus_ids: Sequence[int] = range(1, 11)
    modbus_s: float = 0.3
    modbus_limit_s: float = 35.0
    line_s: float = 0.6
    spares_gauges: bool = False


@dataclass(slots=True)
class Search:
    """One port being looked at. `findings` grows with every sensor, so that nothing is lost.

    `doubts` are told when nothing better is found; `untried` says what there was no time for.
    """

    port: str
    models: Mapping[str, SensorModel]
    extent: Extent
    say: Say
    findings: list[Finding]
    tally: Tally
    doubts: list[tuple[Finding, FoundSensor]] = field(default_factory=list)
    stopping: Stopping = never
    untried: list[str] = field(default_factory=list)
    monotonic: Callable[[], float] = time.monotonic

    def leave_out(self, what: str, remedy: str) -> None:
        """Note what is not tried, for there is no time left."""
        self.untried.append(f"{self.port}: not tried, for want of time: {what}; {remedy}")

    def open(self, baud: int, frame: str = DEFAULT_FRAME) -> ScanLine:
        """Open the port at a rate; raises BusError."""
        return ScanLine(PortSettings(self.port, baud, frame), self.tally, self.stopping)

    def open_if_able(self, baud: int, frame: str) -> ScanLine | None:
        """Open the port at a rate; None when it cannot do this parity. Raises BusError."""
        try:
            return self.open(baud, frame)
        except BusError:
            self.open(baud).close()  # is it there at all?
            return None

    def doing(self, what: str) -> None:
        """Say what is being done with this port."""
        self.say(f"{self.port}: {what}")

    def note(self, finding: Finding, sensor: FoundSensor) -> None:
        """Keep a sensor, and with its first one the finding."""
        finding.sensors.append(sensor)
        if finding not in self.findings:
            self.findings.append(finding)

    def of(self, *protocols: Protocol) -> list[SensorModel]:
        """Give the models that speak one of the protocols."""
        return [one for one in self.models.values() if one.protocol in protocols]
