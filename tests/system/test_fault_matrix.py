"""Each fault against each protocol, in virtual time: what is recorded, logged, and how soon it ends.

The gateway's ports, links, drivers, pollers and listener are its own; instruments and lines are the
simulator's. For two minutes, from the second on, something is wrong with a sensor read every 10 s.
Two columns tell what comes of it: the reasons of the missing values, and what is logged: `once`
that the sensor went and once that it is back, `often` the same several times (some messages come
through), `bus` once that its port went and once that it is back.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import structlog

from benchmarks.gateway_suite.virtual import (
    Meter,
    NeverStop,
    VirtualDevice,
    VirtualLine,
    VirtualTime,
)
from firmware_sim.devices.base import Bus
from firmware_sim.faults import Fault
from firmware_sim.line import Faults, FaultyLine
from firmware_sim.physics.chance import Dice
from firmware_sim.scenario import BusSection as SimulatedBus
from firmware_sim.scenario import DeviceSection, Scenario, build
from gateway.buses.link import Link
from gateway.buses.runner import BusSite, port_settings, worker_of
from gateway.buses.serial_port import Machine
from gateway.clock import Clock
from gateway.clock.sources import TimeSources
from gateway.config import BusSection, SensorSection
from wire.catalogue import bundled

MODELS = {
    "sdi12": "METER TEROS 12",
    "modbus": "RS485 soil probe ECTH (0x0000 family)",
    "nmea": "NMEA 0183 weather station",
    "asked": "Vaisala WXT530, with checksum",
    "talks": "Gill WindSonic",
    "davis": "Davis Vantage Pro2",
}
TABLE = """
fault of a device         | protocols                | reasons                     | logged
unplugged                 | all                      | port not there              | bus
absent                    | sdi12 modbus asked davis | timeout                     | once
absent                    | nmea talks               | too few samples             | once
late by_s=0.5             | all                      |                             |
late by_s=6.5             | sdi12 modbus davis       | timeout                     | once
late by_s=6.5             | asked                    | bad frame, bus busy         |
late by_s=6.5             | nmea talks               | too few samples             |
deaf_when_idle            | sdi12 modbus davis       |                             |
wrong_address             | sdi12 modbus             | bad frame                   | once
fewer_values              | sdi12                    | no value                    |
fewer_values              | modbus                   | bad frame                   | once
garbage                   | all                      |                             |
no_service_request        | sdi12                    |                             |
power_up                  | sdi12                    |                             |
doubled model=METER_ATMOS_41 | sdi12                  | bad frame                   | once
swapped model=METER_ATMOS_41 | sdi12                 | another sensor model answers | once
doubled                   | sdi12 modbus              | bad frame                   | once
doubled                   | asked                     | bad checksum, bus busy      | once
exception                 | modbus                   | exception: device failure   | once
busy                      | modbus                   | exception: device busy      | once
ails                      | nmea                     | status V                    |
ails                      | asked                    | invalid                     |
ails                      | talks                    | axes 1 and 2 failed         |
ails                      | davis                    | no value                    |
line drop                 | sdi12 modbus asked davis | timeout                     | once
line drop                 | nmea talks               | too few samples             | once
line corrupt              | sdi12 modbus asked       | bad checksum, bad frame, bus busy | often
line corrupt              | davis                    | timeout                     | once
line corrupt              | nmea talks               | too few samples             | often
line truncate             | sdi12 modbus asked       | bad frame, timeout, bus busy | often
line truncate             | davis                    | timeout                     | once
line truncate             | nmea talks               | too few samples             | often
line echo                 | all                      |                             |
line split                | all                      |                             |
line delay                | all                      |                             |
"""
BEGAN_S = 1_795_003_200.0
INTERVAL_S = 10
FAULT_S, FAULT_ENDS_S, END_S = 60, 180, 300
LONGEST_POLL_S = 20  # of several questions, each answered late
# The pauses of a silent sensor, begun at 5 s, have grown to 80 s by the end of the fault, and its
# next slot comes after; those of a lost port to 30 s.
BACK_OFF_STEP_S = 80 + INTERVAL_S
TOLD = {
    "": [],
    "once": ["sensor_unavailable", "sensor_back"],
    "often": ["sensor_unavailable", "sensor_back"],
    "bus": ["bus_unavailable", "bus_back"],
}


def cases():
    for row in TABLE.strip().splitlines()[1:]:
        fault, protocols, reasons, told = (cell.strip() for cell in row.split("|"))
        for protocol in MODELS if protocols == "all" else protocols.split():
            expected = {one for one in reasons.split(", ") if one}
            yield pytest.param(fault, protocol, expected, told, id=f"{fault}-{protocol}")


@dataclass
class SpellOnTheLine:
    """A line that is faulty for a while."""

    bus: Bus
    faulty: Bus

    def at(self, now):
        return self.faulty if FAULT_S <= now - BEGAN_S < FAULT_ENDS_S else self.bus

    def receive(self, data, now):
        return self.at(now).receive(data, now)

    def wake_at(self, now):
        return self.bus.wake_at(now)

    def wake(self, now):
        return self.at(now).wake(now)


class Run:
    """A sensor and its gateway, to the end."""

    def __init__(self, protocol, fault):
        self.time = VirtualTime(BEGAN_S)
        self.said, self.observed = [], []
        self.model = bundled()[MODELS[protocol]]
        self.address = "1" if protocol in ("sdi12", "modbus") else ""
        with structlog.testing.capture_logs() as logged:
            self.play(self.line(fault))
        self.told = [one["event"] for one in logged if one["event"] != "sensor_identified"]

    def line(self, fault):
        kind, *words = fault.split()
        in_spell = kind not in ("line", "unplugged")
        plan = self.simulated([device_fault(kind, words)] if in_spell else [])
        bus = plan.bus
        if kind == "line":
            faults = Faults(**{words[0]: 1.0})
            bus = SpellOnTheLine(bus, FaultyLine(bus, faults, Dice(3, words[0])))

        def away(now):
            return kind == "unplugged" and FAULT_S <= now - BEGAN_S < FAULT_ENDS_S

        return VirtualLine(bus, plan.baud, self.time, self.hear, away, Meter())

    def simulated(self, faults):
        device = DeviceSection(
            id="dune-1/it", model=self.model.model, address=self.address, fault=faults
        )
        bus = SimulatedBus(id="bus", protocol=self.model.protocol, device=[device])
        scenario = Scenario(seed=7, origin="2026-11-18", bus=[bus])
        return build(scenario, Path("scenario.toml"), BEGAN_S).ports[0]

    def hear(self, answer, at_s):
        if answer.device == "dune-1/it":
            self.said.append((at_s - BEGAN_S, answer))

    def play(self, line):
        sensor = SensorSection(
            id="it",
            thing="dune-1",
            model=self.model.model,
            address=self.address,
            interval_s=INTERVAL_S,
        )
        bus = BusSection(
            id="bus", port="virtual://bus", protocol=self.model.protocol, sensor=[sensor]
        )
        now_ns, log = self.time.now_ns, structlog.get_logger()
        clock = Clock("auto", TimeSources(now_ns, now_ns, lambda: True), boot_id="it")
        machine = Machine(lambda one: VirtualDevice(line, one), self.time.now_s, self.time.sleep)
        settings = port_settings(bus, bundled())
        link = Link(settings, clock.mono_ms, NeverStop(self.time), log, machine)
        worker = worker_of(bus, bundled(), BusSite(link, clock, log))
        while self.time.now_s() < BEGAN_S + END_S:
            worker.step()
            self.observed += worker.take()
            self.time.sleep(worker.idle_s())

    def missing(self):
        """Give slot and reason of what is missing, the first window of a talker left out."""
        return [
            (slot_of(one), one.reason)
            for one in self.observed
            if one.value is None and slot_of(one) > INTERVAL_S
        ]

    def unsaid(self):
        """Give what was stored of an asked sensor that it did not say from that slot on."""
        counted = {one.property for one in self.model.field if one.cumulative}
        return [
            one
            for one in self.observed
            if one.value is not None
            and one.datastream.rpartition("/")[2] not in counted
            and not any(
                one.value in answer.values.values()
                for at_s, answer in self.said
                if slot_of(one) <= at_s < slot_of(one) + LONGEST_POLL_S
            )
        ]


def device_fault(kind, words):
    more = dict(word.split("=") for word in words)
    if "model" in more:
        more["model"] = more["model"].replace("_", " ")
    fault = {"kind": kind, "after_s": FAULT_S, "for_s": FAULT_ENDS_S - FAULT_S, **more}
    return msgspec.convert(fault, Fault, strict=False)


def slot_of(observation):
    return observation.mono_ms / 1000 - BEGAN_S


@pytest.mark.parametrize(("fault", "protocol", "reasons", "told"), list(cases()))
def test_a_fault_is_recorded_logged_and_over(fault, protocol, reasons, told):
    run = Run(protocol, fault)

    missing = run.missing()
    found = {reason.partition(" (")[0].partition(": METER")[0] for _, reason in missing}
    assert found == reasons if told != "often" else found and found <= reasons
    assert all(FAULT_S <= slot < FAULT_ENDS_S + BACK_OFF_STEP_S for slot, _ in missing)
    slots = {slot_of(one) for one in run.observed}
    first = min(slots)
    assert slots >= {first + INTERVAL_S * n for n in range(int(END_S / INTERVAL_S) - 2)}
    assert run.told[:2] == TOLD[told]
    assert run.told == TOLD[told] * (len(run.told) // 2 if told == "often" else 1)
    if not run.model.talks:
        assert run.unsaid() == []
