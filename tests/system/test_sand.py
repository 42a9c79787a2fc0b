"""Sand, from the simulated device to the gateway's observations, in virtual time: counters that wrap
and restart, a trap that is emptied, and a gateway that ends in between."""

from collections import defaultdict
from itertools import pairwise

import pytest
import structlog

from firmware_sim.scenario import build, load
from gateway.buses.poller import Polled, Poller
from gateway.buses.runner import polled_driver
from gateway.clock import Clock, TimeSources
from gateway.config import SensorSection
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Schedule
from tests.gateway.sampling.made_up import Notebook
from wire.catalogue import bundled
from wire.messages import ClockSource
from wire.quality import Flag

BEGAN_S = 1_795_000_000 + 649 * 3600  # sand moves for a third of the time, 190 grains a second
CALMER_S = 1_795_000_000 + 140 * 3600  # under 1700 grains a second in any ten
RESTART_S, INTERVAL_S, SAMPLE_S = 605, 60, 10
WRAPS = 65_536

SCENARIO = """
seed = 7
origin = "2026-09-01"
[[bus]]
id = "bus"
protocol = "{protocol}"
  [[bus.device]]
  id = "dune-1/sand"
  model = "{model}"
  address = "1"
    [[bus.device.fault]]
    kind = "{fault}"
    after_s = {after_s}
    for_s = 30
"""


@pytest.fixture
def a_line(tmp_path, virtual_line):
    """Make a simulated line with one device that has a fault."""

    def make(protocol, model, fault="restarts", after_s=RESTART_S, began_s=BEGAN_S):
        path = tmp_path / "scenario.toml"
        path.write_text(
            SCENARIO.format(protocol=protocol, model=model, fault=fault, after_s=after_s)
        )
        return virtual_line(build(load(path), path, began_s=began_s).lines["bus"].bus, began_s)

    return make


def play(line, model_name, until_s, notebook):
    """Run a gateway for a while; give its observations by property."""
    model = bundled()[model_name]
    sensor = SensorSection(
        id="sand", thing="dune-1", model=model_name, address="1", interval_s=INTERVAL_S
    )
    sampler = Sampler("dune-1/sand", plan_of(model, INTERVAL_S, SAMPLE_S), line, notebook)
    schedule = Schedule(SAMPLE_S, line.mono_ms())
    polled = Polled(sensor, model, polled_driver(sensor, model), schedule, sampler)
    poller = Poller([polled], line, line, structlog.get_logger())
    found = defaultdict(list)
    until_s += CALMER_S if line.now < BEGAN_S else BEGAN_S
    while line.now < until_s:
        poller.step()
        observations = poller.take()
        notebook.commit(observations)
        for one in observations:
            found[one.datastream.rpartition("/")[2]].append(one)
        line.pass_s(max(0.001, poller.idle_s()))
    return found


def added(readings, restart_s, wraps=0):
    """What was added between readings, the two between which it restarted apart."""
    sums, lost = 0, 0
    for (_, earlier), (at, later) in pairwise(readings):
        step = later - earlier
        if at - SAMPLE_S <= restart_s + 1 <= at:
            lost += 1
        else:
            sums += step + wraps if step < 0 else step
    assert lost == 1
    return sums


def test_a_16_bit_counter_wraps_and_restarts(a_line):
    model = "Saltation pulse counter, Modbus, 16 bit"
    line = a_line("modbus", model, began_s=CALMER_S)
    found = play(line, model, 1861, Notebook())["saltation_count"]
    last = found[-1].mono_ms / 1000 + SAMPLE_S / 2
    kept = [one for one in line.truth["dune-1/sand/saltation_total"] if one[0] <= last]
    drops = sum(later < earlier for (_, earlier), (_, later) in pairwise(kept))

    assert drops >= 2  # it wrapped, and was restarted once
    assert {one.flag for one in found} <= {Flag.PASS, Flag.SUSPECT}
    assert sum(one.value for one in found) == added(kept, CALMER_S + RESTART_S, WRAPS)


def test_a_counter_goes_on_over_a_restart_of_the_gateway(a_line):
    model = "Saltation pulse counter, Modbus"
    line, notebook = a_line("modbus", model), Notebook()
    first = play(line, model, 425, notebook)
    second = play(line, model, 1261, notebook)
    found = first["saltation_count"] + second["saltation_count"]
    readings = line.truth["dune-1/sand/saltation_total"]
    reported = [one for one in readings if one[0] < BEGAN_S + 1261]

    assert {one.flag for one in found} <= {Flag.PASS, Flag.SUSPECT}
    last = found[-1].mono_ms / 1000 + SAMPLE_S / 2
    kept = [one for one in reported if one[0] <= last]
    assert sum(one.value for one in found) == added(kept, BEGAN_S + RESTART_S)
    assert "saltation_seconds" not in first  # it takes a sample a second to count those


def test_a_trap_that_is_emptied_loses_no_more_than_one_reading(a_line):
    model = "Sand trap on a load cell, Modbus"
    line = a_line("modbus", model, after_s=1205)
    found = play(line, model, 1861, Notebook())
    catches = found["trap_catch"]
    last = catches[-1].mono_ms / 1000 + SAMPLE_S / 2
    readings = [one for one in line.truth["dune-1/sand/trap_mass"] if one[0] <= last]
    steps = [later - earlier for (_, earlier), (_, later) in pairwise(readings)]

    assert min(steps) < -30  # emptied
    assert any(-30 < step < 0 for step in steps)  # and its zero drifts
    assert sum(one.value for one in catches) == added(readings, BEGAN_S + 1205)
    assert [one.value is None for one in found["trap_mass"]] == [True] + [False] * (
        len(catches) - 1
    )


def test_seconds_with_sand_moving_are_those_of_the_simulated_ground(tmp_path, virtual_line):
    model = "Saltation pulse counter, Modbus"
    path = tmp_path / "scenario.toml"
    path.write_text(SCENARIO.format(protocol="modbus", model=model, fault="late", after_s=9999))
    simulation = build(load(path), path, began_s=BEGAN_S)
    line = virtual_line(simulation.lines["bus"].bus, BEGAN_S)
    sensor = SensorSection(id="sand", thing="dune-1", model=model, address="1", interval_s=60)
    one = bundled()[model]
    sampler = Sampler("dune-1/sand", plan_of(one, 60, 1), line)
    polled = Polled(sensor, one, polled_driver(sensor, one), Schedule(1, line.mono_ms()), sampler)
    poller = Poller([polled], line, line, structlog.get_logger())
    found = []
    while line.now < BEGAN_S + 301:
        poller.step()
        found += poller.take()
        line.pass_s(max(0.001, poller.idle_s()))
    totals = dict(line.truth["dune-1/sand/saltation_total"])
    steps = [(at, later - earlier) for (_, earlier), (at, later) in pairwise(totals.items())]
    seconds = [o for o in found if o.datastream.endswith("saltation_seconds")][1:]
    counts = [o for o in found if o.datastream.endswith("saltation_count")][1:]

    for observed, counted in zip(seconds, counts, strict=True):
        end = observed.mono_ms / 1000
        own = [step for at, step in steps if end - 60 < int(at) <= end]
        assert observed.value == sum(step > 0 for step in own)
        assert counted.value == sum(own)
    assert any(0 < one.value < 60 for one in seconds)


def test_a_receiver_sets_the_clock_and_is_not_believed_without_a_fix(a_line):
    line = a_line("nmea0183", "GNSS receiver, NMEA 0183", "ails", 0)
    wrong_ms = -14 * 86_400_000
    sources = TimeSources(
        lambda: line.mono_ms() * 1_000_000,
        lambda: (line.mono_ms() + wrong_ms) * 1_000_000,
        lambda: False,
        lambda: None,
    )
    clock = Clock("gnss", sources, "boot-a")
    told = []
    while line.now < BEGAN_S + 40:
        line.pass_s(1)
        *lines, line._buffer = line._buffer.split(b"\r\n")
        for one in lines:
            clock.hear(one, line.mono_ms())
        told.append((line.now - BEGAN_S, clock.source(), clock.wall_of(0)))
    wrong = {offset for at, _, offset in told if at < 30}
    sources_told = {source for at, source, _ in told if at > 35}

    assert {source for at, source, _ in told if at < 30} == {ClockSource.UNKNOWN}
    assert wrong == {wrong_ms}
    assert sources_told == {ClockSource.GNSS}
    assert abs(told[-1][2]) <= 1000
