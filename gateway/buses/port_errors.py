"""What to tell a person about a port that cannot be used: which one, why, and the remedy."""

import errno
import os
from pathlib import Path

from serial.tools import list_ports

from gateway.errors import BusError

_LOCKS = Path("/proc/locks")
_BUSY = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}


def explain(port: str, error: Exception) -> BusError:
    """Turn what the system said about a port into an error that names port and remedy."""
    number = getattr(error, "errno", None)
    is_path = "://" not in port
    if number == errno.ENOENT or (is_path and not Path(port).exists()):
        return BusError(f"{port}: not there; {_present()}")
    if number in (errno.EACCES, errno.EPERM):
        return BusError(
            f"{port}: no permission; add the user to the group that owns it: "
            "`sudo usermod -aG dialout $USER`, then log in again"
        )
    if number in _BUSY:
        return BusError(f"{port}: in use, locked by {_holder(port)}; stop it, or use another port")
    if number == errno.ENOTTY:
        return BusError(f"{port}: not a serial port; {_present()}")
    return BusError(f"{port}: {error}; look at the plug")


def serial_ports() -> list[str]:
    """List the serial ports of this machine."""
    return sorted(one.device for one in list_ports.comports())


def _present() -> str:
    ports = serial_ports()
    return f"serial ports here: {', '.join(ports)}" if ports else "there is no serial port here"


def _holder(port: str) -> str:
    """Name the process that holds the lock of a port, from /proc/locks."""
    try:
        inode = Path(port).stat().st_ino
        rows = [line.split() for line in _LOCKS.read_text(encoding="ascii").splitlines()]
    except OSError:
        return "another program"
    for row in rows:
        # 1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF
        if len(row) > 5 and row[1] == "FLOCK" and row[5].endswith(f":{inode}"):
            return _process(int(row[4]))
    return "another program"


def _process(pid: int) -> str:
    if pid == os.getpid():
        return "this process"
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return f"process {pid}"
    return f"{name} (process {pid})"
