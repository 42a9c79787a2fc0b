import errno
import fcntl
import os
from pathlib import Path

import pytest

from gateway.buses.port_errors import explain, serial_ports


def test_a_port_that_is_not_there_names_those_that_are(tmp_path):
    error = explain(str(tmp_path / "ttyUSB9"), OSError(errno.ENOENT, "No such file"))

    assert str(error).startswith(f"{tmp_path}/ttyUSB9: not there; ")
    assert "serial port" in str(error)
    assert all(port in str(error) for port in serial_ports())


def test_a_port_that_went_while_it_was_used_is_told_as_not_there(tmp_path):
    assert "not there" in str(explain(str(tmp_path / "ttyUSB9"), OSError(errno.EIO, "I/O error")))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_port_without_permission_names_the_group(tmp_path, number):
    port = tmp_path / "ttyUSB0"
    port.touch()

    error = explain(str(port), OSError(number, "Permission denied"))

    assert "usermod -aG dialout" in str(error)


def test_a_locked_port_names_who_holds_it():
    master, slave = os.openpty()
    port = os.ttyname(slave)
    fcntl.flock(slave, fcntl.LOCK_EX | fcntl.LOCK_NB)

    error = explain(port, OSError(errno.EAGAIN, "Resource temporarily unavailable"))
    os.close(master)
    os.close(slave)

    assert str(error).startswith(f"{port}: in use, locked by ")
    assert "this process" in str(error)


def test_something_that_is_no_serial_port_is_told_as_such(tmp_path):
    port = tmp_path / "notes.txt"
    port.touch()

    assert "not a serial port" in str(explain(str(port), OSError(errno.ENOTTY, "ioctl")))


def test_any_other_failure_keeps_the_systems_words():
    error = explain("socket://127.0.0.1:1", OSError(errno.ECONNREFUSED, "Connection refused"))

    assert "Connection refused" in str(error)
    assert str(error).endswith("look at the plug")


def test_ports_are_listed_by_name():
    assert serial_ports() == sorted(serial_ports())
    assert all(Path(port).parts[1] == "dev" for port in serial_ports())
