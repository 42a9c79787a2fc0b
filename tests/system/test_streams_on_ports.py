"""Simulated instruments on real ports, read by whole bus threads."""

import time

import msgspec
import pytest

from deploy.ports import wait_until
from firmware_sim.devices import assemble
from firmware_sim.devices.base import Setup
from firmware_sim.host import Host, PortPlan
from firmware_sim.world import World
from gateway.buses.runner import BusRunner
from gateway.config import BusSection
from wire.catalogue import bundled

WORLD = World(7, 1_795_000_000.0)
# Bus, models with their addresses, a property that must arrive.
BUSES = {
    "davis": [("Davis Vantage Pro2 Plus", ""), ("Davis soil moisture station", "2")],
    "wxt": [("Vaisala WXT530, with checksum", "0"), ("Vaisala WXT530, with checksum", "1")],
    "gill": [("Gill WindSonic", "")],
    "polled": [("Gill WindSonic, polled", "")],
    "mast": [("NMEA 0183 weather station, MDA", "")],
}


class Clock:
    """The machine's own time."""

    offset_ms = (time.time_ns() - time.monotonic_ns()) // 1_000_000

    def mono_ms(self):
        return time.monotonic_ns() // 1_000_000

    def wall_of(self, mono_ms):
        return mono_ms + self.offset_ms


@pytest.fixture
def host():
    """Play all buses; gives their ports and what was told on them."""
    told = []
    plans = []
    for bus_id, devices in BUSES.items():
        models = [bundled()[model] for model, _ in devices]
        setups = [
            Setup(f"{bus_id}/s{number}", models[number], WORLD, address=address)
            for number, (_, address) in enumerate(devices)
        ]
        line = assemble(models[0].protocol, setups)
        plans.append(PortPlan(bus_id, line.bus, 38_400))
    made = Host(plans, time.time, lambda answer, _: told.append(answer), lambda: told.append(None))
    yield made.start(), told
    made.stop()


def section(bus_id, port, devices):
    sensors = [
        {"id": f"s{number}", "thing": bus_id, "model": model, "address": address, "interval_s": 2}
        for number, (model, address) in enumerate(devices)
    ]
    protocol = bundled()[devices[0][0]].protocol.value
    tree = {"id": bus_id, "port": port, "protocol": protocol, "sensor": sensors}
    return msgspec.convert(tree, BusSection)


def test_every_kind_of_stream_is_read_on_a_port_of_its_own(host):
    ports, told = host
    seen = []
    runners = [
        BusRunner(section(bus_id, ports[bus_id], devices), Clock(), seen.extend)
        for bus_id, devices in BUSES.items()
    ]
    sensors = {f"{bus_id}/s{n}" for bus_id, devices in BUSES.items() for n in range(len(devices))}

    def heard():
        return {one.datastream.rpartition("/")[0] for one in seen if one.value is not None}

    for one in runners:
        one.start()
    try:
        assert wait_until(lambda: heard() >= sensors, 40.0), sensors - heard()
    finally:
        for one in runners:
            one.stop()

    polled = [one for one in seen if one.value is not None and one.datastream[:3] in ("wxt", "dav")]
    assert polled
    assert None not in told
    for one in polled:
        device, _, key = one.datastream.rpartition("/")
        if key == "rain":  # what the gateway makes of the running total
            continue
        assert any(
            answer.device == device and answer.values.get(key) == one.value for answer in told
        ), one
