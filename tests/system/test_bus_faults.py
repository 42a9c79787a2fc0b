"""Each fault of a device, against the gateway's drivers and poller, in virtual time.

Simulator and gateway share no codec. On each bus one sensor has a fault from the second minute to
the fourth; its neighbours must not miss a slot, and no value may be stored that nobody has said.
"""

from collections import defaultdict

import pytest
import structlog

from firmware_sim.devices import playable
from firmware_sim.scenario import build, load
from gateway.buses.poller import SENSOR_BACK, SENSOR_UNAVAILABLE, Polled, Poller
from gateway.buses.runner import polled_driver
from gateway.config import SensorSection
from gateway.drivers.conversation import hold
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Schedule
from wire.catalogue import Protocol, bundled

BEGAN_S = 1_795_000_000.0  # a whole multiple of the interval
INTERVAL_S = 10
FAULT_S, FAULT_ENDS_S, END_S = 60, 180, 900
# The pauses of a dead sensor, begun at 5 s, are 40 s long by then; the next slot comes after.
BACK_OFF_STEP_S = 80 + INTERVAL_S

SCENARIO = """
seed = 7
origin = "2026-09-01"
[[bus]]
id = "bus"
protocol = "{protocol}"
{devices}
"""
DEVICE = """
  [[bus.device]]
  id = "dune-1/{name}"
  model = "{model}"
  address = "{address}"
"""
FAULT = """
    [[bus.device.fault]]
    kind = "{kind}"
    after_s = 60
    for_s = 120
    {more}
"""
SDI12 = [
    ("ailing", "METER TEROS 12", "1"),
    ("next", "METER TEROS 12", "2"),
    ("mast", "METER ATMOS 41", "3"),
]
MODBUS = [
    ("ailing", "RS485 soil probe ECTH (0x0000 family)", "1"),
    ("next", "RS485 soil probe ECTH (0x0000 family)", "2"),
    ("mast", "Renke RS-FSXCS", "3"),
]


def devices_of(sensors, fault):
    return "".join(
        DEVICE.format(name=name, model=model, address=address) + (fault if name == "ailing" else "")
        for name, model, address in sensors
    )


@pytest.fixture
def run(tmp_path, virtual_line):
    """Play a bus to its end; gives slots by datastream, the truth and the log."""

    def play(protocol, sensors, kind, more=""):
        path = tmp_path / "scenario.toml"
        fault = FAULT.format(kind=kind, more=more)
        path.write_text(SCENARIO.format(protocol=protocol, devices=devices_of(sensors, fault)))
        line = virtual_line(build(load(path), path, began_s=BEGAN_S).lines["bus"].bus, BEGAN_S)
        with structlog.testing.capture_logs() as logged:
            poller = Poller(
                [polled(line, *one) for one in sensors], line, line, structlog.get_logger()
            )
            slots = defaultdict(dict)
            while line.now < BEGAN_S + END_S:
                poller.step()
                for one in poller.take():
                    slots[one.datastream][one.mono_ms // 1000 - int(BEGAN_S)] = one
                line.pass_s(poller.idle_s())
        return slots, line.truth, logged

    return play


def polled(line, name, model_name, address):
    model = bundled()[model_name]
    sensor = SensorSection(
        id=name, thing="dune-1", model=model_name, address=address, interval_s=INTERVAL_S
    )
    return Polled(
        sensor,
        model,
        polled_driver(sensor, model),
        Schedule(INTERVAL_S, line.mono_ms()),
        Sampler(f"dune-1/{name}", plan_of(model, INTERVAL_S), line),
    )


def unsaid(slots, truth):
    """List the values that were stored without having been said for their slot."""
    return [
        (name, slot, one.value)
        for name, series in slots.items()
        for slot, one in series.items()
        if one.value is not None
        and one.value
        not in [value for at, value in truth[name] if 0 <= at - BEGAN_S - slot < INTERVAL_S]
    ]


def missing(slots, sensor, *names):
    """Give slot and reason of each missing value of a sensor."""
    return [
        (slot, one.reason)
        for name, series in slots.items()
        for slot, one in series.items()
        if name.split("/")[1] == sensor
        and one.value is None
        and (not names or name.split("/")[2] in names)
    ]


def check(found, expected_reasons):
    slots, truth, logged = found
    stamps = list(range(0, END_S - INTERVAL_S, INTERVAL_S))
    assert all(sorted(series)[: len(stamps)] == stamps for series in slots.values())
    assert unsaid(slots, truth) == []
    assert missing(slots, "next") == missing(slots, "mast") == []
    lost = missing(slots, "ailing")
    assert {reason for _, reason in lost} == expected_reasons
    assert all(FAULT_S <= slot < FAULT_ENDS_S + BACK_OFF_STEP_S for slot, _ in lost)
    told = [one["event"] for one in logged if one.get("sensor") == "ailing"]
    told = [one for one in told if one in (SENSOR_UNAVAILABLE, SENSOR_BACK)]
    wholly = {slot for slot, _ in missing(slots, "ailing", "soil_temperature")}
    assert told == ([SENSOR_UNAVAILABLE, SENSOR_BACK] if wholly else [])


@pytest.mark.parametrize(
    ("kind", "more", "reasons"),
    [
        ("absent", "", {"timeout"}),
        ("swapped", 'model = "METER ATMOS 41"', {"another sensor model answers: METER ATM41"}),
        ("swapped", 'model = "METER TEROS 11"', {"another sensor model answers: METER TER11"}),
        ("late", "by_s = 0.5", set()),
        ("late", "by_s = 6.5", {"timeout"}),
        ("deaf_when_idle", "", set()),
        ("wrong_address", "", {"bad frame"}),
        ("fewer_values", "", {"no value"}),
        ("garbage", "", set()),
        ("no_service_request", "", set()),
        ("power_up", "", set()),
    ],
)
def test_a_fault_of_an_sdi12_sensor(run, kind, more, reasons):
    check(run("sdi12", SDI12, kind, more), reasons)


@pytest.mark.parametrize(
    ("kind", "more", "reasons"),
    [
        ("absent", "", {"timeout"}),
        ("late", "by_s = 0.5", set()),
        ("late", "by_s = 6.5", {"timeout"}),
        ("deaf_when_idle", "", set()),
        ("wrong_address", "", {"bad frame"}),
        ("fewer_values", "", {"bad frame"}),
        ("garbage", "", set()),
        ("exception", "code = 4", {"exception: device failure"}),
        ("busy", "", {"exception: device busy"}),
    ],
)
def test_a_fault_of_a_modbus_sensor(run, kind, more, reasons):
    check(run("modbus", MODBUS, kind, more), reasons)


def test_a_swapped_sensor_of_the_same_model_is_told_by_its_serial_number(run):
    """The values go on; the server begins a new deployment."""
    *_, logged = run(
        "sdi12", SDI12, "swapped", 'model = "METER TEROS 12"\n    serial = "T12-00099"'
    )

    told = [one for one in logged if one.get("sensor") == "ailing"]
    assert [one["serial"] for one in told if one["event"] == "sensor_identified"] == [
        "",
        "T12-00099",
        "",
    ]


ASKED = [one for one in playable().values() if one.protocol in (Protocol.SDI12, Protocol.MODBUS)]


@pytest.mark.parametrize("model", ASKED, ids=lambda one: one.model)
def test_every_model_is_read_as_it_says(tmp_path, virtual_line, model):
    """Commands, order, registers, types, scale: two implementations agree on the catalogue."""
    path = tmp_path / "scenario.toml"
    device = DEVICE.format(name="one", model=model.model, address="1")
    path.write_text(SCENARIO.format(protocol=model.protocol.value, devices=device))
    line = virtual_line(build(load(path), path).lines["bus"].bus, BEGAN_S)
    sensor = SensorSection(id="one", thing="dune-1", model=model.model, address="1")

    found = hold(polled_driver(sensor, model).poll(), line.take)

    told = {key.rpartition("/")[2]: series[-1][1] for key, series in line.truth.items()}
    assert {one.key: one.value for one in found if one.value is not None} == told
    assert set(told) == {field.property for field in model.field}
