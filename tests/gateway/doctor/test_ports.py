"""Serial ports, on a real pty."""

import os
import pty

import pytest

from gateway.doctor.finding import Verdict
from gateway.doctor.ports import check_ports


@pytest.fixture
def serial():
    ours, theirs = pty.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_port_that_is_there_is_fine(config_of, machine, serial):
    found = list(check_ports(config_of(serial=serial).bus, machine))

    assert {one.verdict for one in found} == {Verdict.FINE}
    assert any(serial in one.said for one in found)


@pytest.mark.parametrize(
    ("port", "words"),
    [("/dev/serial/by-id/nowhere", "is not there"), ("{file}", "is no serial port")],
)
def test_a_port_that_cannot_be_one_fails(config_of, machine, tmp_path, port, words):
    file = tmp_path / "file"
    file.touch()
    first, *_ = check_ports(config_of(serial=port.format(file=file)).bus, machine)

    assert first.verdict is Verdict.FAILED
    assert words in first.said
    assert first.remedy


def test_a_name_that_changes_with_the_order_of_plugging_is_told(config_of, machine):
    found = [
        one
        for one in check_ports(config_of(serial="/dev/ttyUSB7").bus, machine)
        if one.about.startswith("name")
    ]

    assert [one.verdict for one in found] == [Verdict.LOOK]
    assert "/dev/serial" in found[0].remedy


@pytest.mark.parametrize("name", ["ModemManager", "brltty"])
def test_a_program_that_opens_ports_by_itself_fails(config_of, machine, machine_file, serial, name):
    machine_file("/proc/311/comm", f"{name}\n")

    found = [one for one in check_ports(config_of(serial=serial).bus, machine) if one.remedy]

    assert [one.verdict for one in found] == [Verdict.FAILED]
    assert name in found[0].said
