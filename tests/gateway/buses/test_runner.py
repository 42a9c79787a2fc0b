"""Whole buses: thread, pty, scripted device, real time."""

import threading
import time

import msgspec
import pytest

from gateway.buses.poller import Poller
from gateway.buses.runner import BUS_CRASHED, BusRunner, port_settings
from gateway.buses.serial_port import PortSettings
from gateway.codecs.checksums import xor_checksum
from gateway.config import BusSection
from gateway.errors import StoreError
from gateway.sampling.sampler import Sampler
from wire.errors import ConfigError

ASK = bytes.fromhex("01 03 00 00 00 03 05 CB")
REPLY = bytes.fromhex("01 03 06 01 EF 01 44 00 04 B5 59")
PROBE = "RS485 soil probe ECTH (0x0000 family)"


def answer(asked):
    return REPLY if asked == ASK else b""


def section(port, protocol="modbus", model=PROBE, interval_s=0.5, **more):
    sensor = {
        "id": "probe",
        "thing": "dune-1",
        "model": model,
        "address": more.pop("address", "1"),
        "interval_s": interval_s,
    }
    sensors = more.pop("sensors", [sensor])
    tree = {"id": "bus-1", "port": port, "protocol": protocol, "sensor": sensors, **more}
    return msgspec.convert(tree, BusSection)


@pytest.fixture
def run(real_clock):
    """Start a bus; it is stopped after the test."""
    started = []

    def start(bus, sink, **more):
        runner = BusRunner(bus, real_clock, sink, **more)
        runner.start()
        started.append(runner)
        return runner

    yield start
    for one in started:
        one.stop()


def values(observations, name="vwc"):
    return [one.value for one in observations if one.datastream == f"dune-1/probe/{name}"]


def reasons(observations):
    return [one.reason for one in observations if one.datastream == "dune-1/probe/vwc"]


def test_a_bus_delivers_one_observation_a_slot_and_field(run, peer, real_clock, eventually):
    seen = []
    runner = run(section(peer(answer).port), seen.extend)
    eventually(lambda: len([one for one in values(seen) if one is not None]) >= 4)
    runner.stop()

    slots = [real_clock.wall_of(one.mono_ms) for one in seen if one.datastream.endswith("/vwc")]
    assert slots == list(range(slots[0], slots[0] + 500 * len(slots), 500))
    assert slots[0] % 500 == 0
    assert set(map(str, values(seen))) <= {"49.5", "None"}


def test_its_health_is_told(run, peer, eventually):
    runner = run(section(peer(answer).port), lambda _: None)
    eventually(lambda: runner.health().polls >= 2)

    health = runner.health()
    assert (health.bus, health.open, health.last_error) == ("bus-1", True, "")
    assert (health.failures, health.crashes) == (0, 0)


def test_a_port_that_goes_and_comes_back_costs_only_the_slots_between(
    run, peer, tmp_path, eventually
):
    place = tmp_path / "probe"
    first = peer(answer)
    place.symlink_to(first.port)
    seen = []
    runner = run(section(str(place)), seen.extend)
    eventually(lambda: "" in reasons(seen))
    place.unlink()
    first.unplug()
    eventually(lambda: reasons(seen).count("port not there") >= 2)
    assert "not there" in runner.health().last_error
    place.symlink_to(peer(answer).port)
    eventually(lambda: reasons(seen)[-1] == "")

    assert runner.health().last_error == ""
    stamps = [one.mono_ms for one in seen if one.datastream.endswith("/vwc")]
    assert stamps == list(range(stamps[0], stamps[0] + 500 * len(stamps), 500))


def test_a_sink_that_fails_gets_everything_later(run, peer, eventually, logged):
    seen, failing = [], threading.Event()
    failing.set()

    def sink(observations):
        if failing.is_set():
            raise StoreError("disk full")
        seen.extend(observations)

    runner = run(section(peer(answer).port), sink)
    eventually(lambda: runner.health().crashes >= 2)
    failing.clear()
    eventually(lambda: len(values(seen)) >= 4)

    stamps = [one.mono_ms for one in seen if one.datastream.endswith("/vwc")]
    assert stamps == list(range(stamps[0], stamps[0] + 500 * len(stamps), 500))
    crash = next(entry for entry in logged if entry["event"] == BUS_CRASHED)
    assert crash["exc_info"]


def test_a_stop_in_the_middle_of_a_poll_is_prompt_and_the_slot_not_silent(
    run, peer, eventually, monkeypatch
):
    monkeypatch.setattr("gateway.drivers.modbus.REPLY_TIMEOUT_S", 60.0)  # no poll ends by itself
    device = peer()
    seen = []
    runner = run(section(device.port, interval_s=1), seen.extend)
    eventually(lambda: device.heard)
    begun = time.monotonic()
    runner.stop(30)

    assert time.monotonic() - begun < 15
    assert set(reasons(seen)) == {"gateway stopped"}


def test_a_stop_before_the_start_is_harmless(real_clock, peer):
    BusRunner(section(peer().port), real_clock, lambda _: None).stop()


def test_a_talker_is_heard_and_its_window_delivered(run, peer, eventually):
    device = peer()
    seen = []
    bus = section(device.port, "line", "Saltation counter, ASCII", interval_s=1)
    run(bus, seen.extend)
    for number in range(400):
        body = b"SALT,1,%d,3,0.5" % number
        device.say(b"$" + body + b"*%02X\r\n" % xor_checksum(body))
        time.sleep(0.05)
        if any(one is not None for one in values(seen, "saltation_count")):
            break

    sums = [one for one in values(seen, "saltation_count") if one is not None]
    assert sums
    assert all(one % 3 == 0 and one > 0 for one in sums)


def test_an_sdi12_sensor_is_read_with_its_service_request(run, peer, eventually):
    device = peer()

    def teros(asked):
        if asked == b"0MC!":
            threading.Timer(0.3, device.say, (b"0\r\n",)).start()
        replies = {
            b"0I!": b"014METER   TER12 400T12-00001\r\n",
            b"0MC!": b"00013\r\n",
            b"0D0!": b"0+2038.84+16.1+39Gmq\r\n",
        }
        return replies.get(asked, b"")

    device.answer = teros
    seen, told = [], []
    bus = section(device.port, "sdi12", "METER TEROS 12", interval_s=2, address="0")
    run(bus, seen.extend, on_identified=lambda *heard: told.append(heard))
    eventually(lambda: values(seen, "vwc_raw"))

    assert [str(one) for one in values(seen, "vwc_raw")][:1] == ["2038.84"]
    assert device.heard[:4] == [b"0I!", b"0I!", b"0MC!", b"0D0!"]
    assert told[0][:2] == ("dune-1", "probe")


@pytest.mark.parametrize(
    ("protocol", "model", "more", "expected"),
    [
        ("modbus", PROBE, {}, PortSettings("p", 4800)),
        ("modbus", PROBE, {"baud": 19200, "frame": "8E1"}, PortSettings("p", 19200, "8E1")),
        ("sdi12", "METER TEROS 12", {}, PortSettings("p", 9600)),
        ("sdi12", "METER TEROS 12", {"adapter": "line-cr"}, PortSettings("p", 9600)),
        (
            "sdi12",
            "METER TEROS 12",
            {"adapter": "line-boots", "baud": 115_200},
            PortSettings("p", 115_200, start_s=2.5),
        ),
        (
            "sdi12",
            "METER TEROS 12",
            {"adapter": "uart"},
            PortSettings("p", 1200, "7E1", slice_s=0.01),
        ),
        ("nmea0183", "NMEA 0183 weather station", {}, PortSettings("p", 4800)),
        ("line", "Saltation counter, ASCII", {}, PortSettings("p", 9600)),
    ],
)
def test_serial_settings_are_the_buss_own_or_the_models(protocol, model, more, expected):
    assert port_settings(section("p", protocol, model, **more)) == expected


def test_an_impossible_address_is_told_before_any_port_is_touched(real_clock):
    with pytest.raises(ConfigError, match="Modbus address"):
        BusRunner(section("p", address="0"), real_clock, lambda _: None)


def test_a_bug_that_strikes_again_while_it_is_mended_does_not_end_the_bus(
    run, peer, eventually, logged, monkeypatch
):
    """Making the slot missing fails as the reading did: the thread lives on, and stops tidily."""
    broken = threading.Event()
    broken.set()
    take = Sampler.take

    def fail(sampler, slot_ms, readings):
        if broken.is_set():
            raise ZeroDivisionError
        return take(sampler, slot_ms, readings)

    monkeypatch.setattr(Sampler, "take", fail)
    seen = []
    runner = run(section(peer(answer).port), seen.extend)
    eventually(lambda: runner.health().crashes >= 2)
    broken.clear()
    eventually(lambda: "49.5" in map(str, values(seen)))
    runner.stop()

    assert len([one for one in logged if one["event"] == BUS_CRASHED]) > runner.health().crashes


def test_a_bus_that_fails_to_finish_is_stopped_all_the_same(
    run, peer, eventually, logged, monkeypatch
):
    def fail(poller, reason):
        raise ZeroDivisionError

    monkeypatch.setattr(Poller, "finish", fail)
    runner = run(section(peer(answer).port), lambda _: None)
    eventually(lambda: runner.health().open)
    runner.stop()

    assert not runner.health().open
    assert BUS_CRASHED in [one["event"] for one in logged]
