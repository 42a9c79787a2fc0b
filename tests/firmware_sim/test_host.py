"""Buses on pseudo-terminals, talked to as a gateway would."""

import time
from decimal import Decimal
from pathlib import Path

import pynmea2
import pytest
import serial

from firmware_sim.devices import assemble
from firmware_sim.devices.base import Answer, Send
from firmware_sim.host import Host, PortPlan
from wire.catalogue import Protocol
from wire.errors import ConfigError


class Scripted:
    """A bus that answers every request with the same messages and wakes when told."""

    def __init__(self, *sends):
        self.sends = list(sends)
        self.heard = b""

    def receive(self, data, now):
        self.heard += data
        return self.sends

    def wake_at(self, now):
        return None

    def wake(self, now):
        return []


class Fast:
    """A bus that talks fifty times a second, whether anyone listens or not."""

    LINE = b"x" * 98 + b"\r\n"

    def __init__(self):
        self.woken = 0
        self._next = None

    def receive(self, data, now):
        return [Send(0.0, b"pong\r\n", Answer("a/pong", "answer"))]

    def wake_at(self, now):
        self._next = now if self._next is None else self._next
        return self._next

    def wake(self, now):
        self._next = now + 0.02
        self.woken += 1
        return [Send(0.0, self.LINE, Answer("a/fast", "line", {"n": Decimal(self.woken)}))]


def _open(port):
    return serial.Serial(port, 9600, timeout=20)


def test_a_request_reaches_the_bus_and_the_reply_the_port(serve):
    bus = Scripted(Send(0.0, b"00001\r\n"))
    with _open(serve(sdi=bus).ports["sdi"]) as port:
        port.write(b"0M!")
        assert port.readline() == b"00001\r\n"
    assert bus.heard == b"0M!"


def test_every_byte_passes_unchanged(serve):
    """The port is raw: no echo, no newline translation, no control character is eaten."""
    everything = bytes(range(256))
    bus = Scripted(Send(0.0, everything))
    with _open(serve(raw=bus).ports["raw"]) as port:
        port.write(everything)
        assert port.read(256) == everything
        assert port.in_waiting == 0
    assert bus.heard == everything


def test_bytes_leave_at_the_baud_rate(serve):
    """240 bytes of ten bits at 9600 baud take a quarter of a second."""
    bus = Scripted(Send(0.0, b"x" * 240))
    with _open(serve(baud=9600, slow=bus).ports["slow"]) as port:
        began = time.monotonic()
        port.write(b"?")
        assert len(port.read(240)) == 240
        assert time.monotonic() - began >= 0.25


def test_a_reply_waits_for_its_delay(serve):
    bus = Scripted(Send(0.15, b"late\r\n"))
    with _open(serve(sdi=bus).ports["sdi"]) as port:
        began = time.monotonic()
        port.write(b"?")
        assert port.readline() == b"late\r\n"
        assert time.monotonic() - began >= 0.15


def test_messages_keep_their_order(serve):
    bus = Scripted(Send(0.1, b"first\r\n"), Send(0.0, b"second\r\n"))
    with _open(serve(sdi=bus).ports["sdi"]) as port:
        port.write(b"?")
        assert [port.readline(), port.readline()] == [b"first\r\n", b"second\r\n"]


def test_a_gateway_may_come_and_go(serve):
    port_path = serve(sdi=Scripted(Send(0.0, b"0\r\n"))).ports["sdi"]
    for _ in range(3):
        with _open(port_path) as port:
            port.write(b"0!")
            assert port.readline() == b"0\r\n"


def test_truth_is_what_went_out_on_the_port(serve, set_up):
    """Two seconds of a weather station, read back with a foreign parser."""
    opened_s = []  # until the port is open, time stands; the first line comes half a second later

    def clock():
        return 1_795_000_000.0 + (time.monotonic() - opened_s[0] if opened_s else 0.0)

    line = assemble(Protocol.NMEA0183, [set_up("NMEA 0183 weather station", name="dune-1/mast")])
    served = serve(clock=clock, nmea=line.bus)
    with _open(served.ports["nmea"]) as port:
        opened_s.append(time.monotonic())
        heard = [pynmea2.parse(port.readline().decode(), check=True) for _ in range(4)]
    truth = served.wait_for_truth(4)
    assert {(one.device, one.kind) for one in truth} == {("dune-1/mast", "line")}
    assert [one.values["MWV.speed"] for one in truth[0:4:2]] == [
        one.wind_speed for one in heard[0:4:2]
    ]
    assert [one.values["XDR.P.BARO"] / 1000 for one in truth[1:4:2]] == [
        Decimal(one.get_transducer(2).value) for one in heard[1:4:2]
    ]


def test_truth_of_a_polled_sensor_is_what_it_answered(serve, set_up):
    line = assemble(
        Protocol.SDI12, [set_up("METER TEROS 12", name="dune-1/soil-10cm", address="3")]
    )
    served = serve(sdi=line.bus)
    with _open(served.ports["sdi"]) as port:
        port.write(b"3M!")
        assert port.readline() == b"30013\r\n"
        assert port.readline() == b"3\r\n"
        port.write(b"3D0!")
        assert port.readline() == b"3+2527.97-9.7+39\r\n"
    (answer,) = served.wait_for_truth(1)
    assert (answer.device, answer.kind) == ("dune-1/soil-10cm", "answer")
    assert [str(value) for value in answer.values.values()] == ["2527.97", "-9.7", "39"]


def test_truth_is_stamped_when_the_last_byte_has_left(serve):
    """50 bytes at 1200 baud take 417 ms."""
    served = serve(baud=1200, slow=Scripted(Send(0.0, b"x" * 50, Answer("a/b", "answer"))))
    with _open(served.ports["slow"]) as port:
        asked_ms = time.time() * 1000
        port.write(b"?")
        assert len(port.read(50)) == 50
    served.wait_for_truth(1)
    assert served.truth[0][1] - asked_ms >= 410


def test_a_talker_nobody_reads_neither_blocks_nor_counts_as_truth(serve):
    """What fits the port's buffer went out; the rest is dropped whole, and answers still work."""
    bus = Fast()
    served = serve(baud=1_000_000, fast=bus)
    deadline = time.monotonic() + 30
    while bus.woken < 80 and time.monotonic() < deadline:
        time.sleep(0.02)
    recorded = len(served.truth)
    assert bus.woken >= 80
    assert recorded == 4095 // len(Fast.LINE)
    with _open(served.ports["fast"]) as port:  # opening throws the stale lines away
        port.readline()  # opening may have cut this one
        assert port.readline() == Fast.LINE
        port.write(b"ping\r\n")
        assert b"pong\r\n" in (port.readline() for _ in range(50))


@pytest.fixture
def plan(tmp_path):
    return PortPlan("sdi", Scripted(), 9600, tmp_path / "ports" / "sdi")


def _host(*plans):
    return Host(plans, time.time, lambda *_: None, lambda: None)


def test_a_link_leads_to_the_port_and_goes_with_it(plan):
    host = _host(plan)
    ports = host.start()
    assert plan.link.readlink() == Path(ports["sdi"])
    host.stop()
    assert not plan.link.is_symlink()


def test_a_stale_link_is_replaced(plan):
    plan.link.parent.mkdir()
    plan.link.symlink_to("/dev/pts/999999")
    host = _host(plan)
    ports = host.start()
    assert plan.link.readlink() == Path(ports["sdi"])
    host.stop()


def test_a_link_taken_over_by_another_simulation_stays(plan):
    host = _host(plan)
    host.start()
    plan.link.unlink()
    plan.link.symlink_to("/dev/pts/999999")
    host.stop()
    assert plan.link.readlink() == Path("/dev/pts/999999")


def test_a_file_in_the_place_of_a_link_is_spared(plan):
    plan.link.parent.mkdir()
    plan.link.write_text("precious")
    with pytest.raises(ConfigError, match="something other than a link is there"):
        _host(plan).start()
    assert plan.link.read_text() == "precious"


def _open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_stays_open_after_stop(plan):
    before = _open_files()
    host = _host(plan)
    host.start()
    host.stop()
    assert _open_files() <= before


def test_a_bug_in_a_device_is_reported(plan, capfd):
    class Broken(Scripted):
        def receive(self, data, now):
            raise RuntimeError("bug")

    failures = []
    host = Host([PortPlan("b", Broken(), 9600)], time.time, print, lambda: failures.append(1))
    with _open(host.start()["b"]) as port:
        port.write(b"?")
        deadline = time.monotonic() + 30
        while not failures and time.monotonic() < deadline:
            time.sleep(0.01)
    host.stop()
    assert failures == [1]
    assert "RuntimeError: bug" in capfd.readouterr().out
