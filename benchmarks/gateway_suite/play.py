"""The station's process: gateway and simulator in virtual time; `python -m ... HOURS FOLDER`.

Everything of the gateway but its MQTT connection and its page is at work: drivers, pollers and
listener, sampling, recorder, outbox, sealing, pruning. What the server would confirm is confirmed.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from benchmarks.gateway_suite.events import Event, Said, Sealed, Turned
from benchmarks.gateway_suite.station import BEGAN_S, HOUR_S, buses, scenario, unplugged
from benchmarks.gateway_suite.virtual import (
    Meter,
    NeverStop,
    VirtualDevice,
    VirtualLine,
    VirtualTime,
)
from firmware_sim.devices.base import Answer
from firmware_sim.host import PortPlan
from firmware_sim.scenario import build
from gateway.buses.link import Link
from gateway.buses.runner import BusSite, port_settings, worker_of
from gateway.buses.serial_port import Machine
from gateway.clock import Clock
from gateway.clock.sources import TimeSources
from gateway.config import BusSection
from gateway.logs import configure
from gateway.outbox import Outbox
from gateway.recording import Memos, Recorder
from gateway.uplink.upkeep import Upkeep
from wire.catalogue import bundled

_TURN_S = 60.0  # as often batches are sealed, unless gateway.toml says otherwise
_HOLD_S = 86_400.0
_AT_ONCE = 100
_BYTES_PER_MB = 1e6
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = 4096

Tell = Callable[[Event], None]


def main(hours: float, folder: Path) -> None:
    """Play the station; its events go to standard output."""
    configure()
    meter = Meter()
    encoder, out = msgspec.json.Encoder(), sys.stdout.buffer

    def tell(event: Event) -> None:
        out.write(encoder.encode(event) + b"\n")

    station = Station(folder, tell, meter)
    minutes = round(hours * HOUR_S / _TURN_S)
    for minute in range(1, minutes + 1):
        station.turn(BEGAN_S + minute * _TURN_S)
        with meter:
            tell(Turned(station.now_ms, rss_mb(), time.process_time() - meter.spent_s))
            out.flush()
    station.close()


def rss_mb() -> float:
    """Tell how much memory this process holds (10^6 bytes)."""
    return int(_STATM.read_text().split()[1]) * _PAGE_BYTES / _BYTES_PER_MB


class Station:
    """A gateway's buses, each in a time of its own, and its outbox."""

    def __init__(self, folder: Path, tell: Tell, meter: Meter) -> None:
        """Plug everything in."""
        self._tell = tell
        self._meter = meter
        self._time = VirtualTime(BEGAN_S)
        clock = _clock(self._time)
        self._outbox = Outbox(folder, clock, _HOLD_S)
        self._upkeep = Upkeep(self._outbox, clock, round(_TURN_S * 1000))
        self._recorder = Recorder(self._outbox)
        memos = Memos(self._outbox, clock.boot_id, lambda memos: self._recorder([], memos))
        plans = {plan.bus_id: plan for plan in build(scenario(), folder, BEGAN_S).ports}
        self._lanes = [
            _Lane(bus, self._line(plans[bus.id]), self._recorder, memos) for bus in buses()
        ]

    @property
    def now_ms(self) -> int:
        """Tell how far it is, in ms since the epoch."""
        return round(self._time.now_s() * 1000)

    def turn(self, until_s: float) -> None:
        """Serve all buses up to an instant; then seal, and confirm what was sealed."""
        for lane in self._lanes:
            lane.serve(until_s)
        self._time.pass_to(until_s)
        self._upkeep.step(can_send=True)
        self._confirm()

    def close(self) -> None:
        """Seal the rest, and end."""
        self._upkeep.seal_now()
        self._confirm()
        self._recorder.close()
        self._outbox.close()

    def _confirm(self) -> None:
        """Do as the server does: take the batches, and say that they are stored."""
        for one in self._outbox.unconfirmed(_AT_ONCE, live_since_ms=0):
            payload = self._outbox.payload(one.seq)
            with self._meter:
                self._tell(Sealed(payload or b""))
            self._outbox.confirm([(one.seq, one.seq)])

    def _line(self, plan: PortPlan) -> VirtualLine:
        spells = [
            (BEGAN_S + one.after_s, BEGAN_S + one.after_s + one.for_s)
            for one in unplugged()
            if one.bus == plan.bus_id
        ]

        def record(answer: Answer, at_s: float) -> None:
            values, reasons = dict(answer.values), dict(answer.reasons)
            self._tell(Said(round(at_s * 1000), answer.device, values, reasons))

        def away(now_s: float) -> bool:
            return any(begin_s <= now_s < end_s for begin_s, end_s in spells)

        return VirtualLine(plan.bus, plan.baud, VirtualTime(BEGAN_S), record, away, self._meter)


class _Lane:
    """One bus, as its thread serves it."""

    def __init__(
        self, bus: BusSection, line: VirtualLine, recorder: Recorder, memos: Memos
    ) -> None:
        self._time, self._recorder = line.time, recorder
        models, clock = bundled(), _clock(line.time)
        log = structlog.get_logger().bind(bus=bus.id)
        machine = Machine(
            lambda settings: VirtualDevice(line, settings), line.time.now_s, line.time.sleep
        )
        settings = port_settings(bus, models)
        link = Link(settings, clock.mono_ms, NeverStop(line.time), log, machine)
        self._worker = worker_of(bus, models, BusSite(link, clock, log, memory=memos))

    def serve(self, until_s: float) -> None:
        """Do what `BusRunner` does, up to an instant."""
        while self._time.now_s() < until_s:
            self._worker.step()
            if done := self._worker.take():
                self._recorder(done)
            self._time.sleep(self._worker.idle_s())


def _clock(passing: VirtualTime) -> Clock:
    sources = TimeSources(passing.now_ns, passing.now_ns, lambda: True, lambda: None)
    return Clock("auto", sources, boot_id="virtual")


if __name__ == "__main__":
    arguments: Sequence[str] = sys.argv[1:]
    main(float(arguments[0]), Path(arguments[1]))
