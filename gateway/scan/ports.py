"""The names of serial ports that last: by the adapter's own id, or by the socket it is plugged in.

Adapters without a serial number (CH340, PL2303) have the same id as their like, and the link in
by-id leads to whichever was plugged in last: where two are there, the socket tells them apart.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

SERIAL_LINKS = Path("/dev/serial")
PROCESSES = Path("/proc")
_PSEUDO = "/dev/pts/"  # simulators keep their end open


class PortInfo(Protocol):
    """What the system tells of a port (pyserial's ListPortInfo); None where it has nothing."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    location: str | None


def lasting_name(port: str, present: Iterable[PortInfo], links: Path = SERIAL_LINKS) -> str:
    """Give the name of a port that stays the same when it is plugged in again, if it has one."""
    if "://" in port:
        return port
    device = str(Path(port).resolve())
    alike = _is_shared(device, list(present))
    for folder in ("by-path", "by-id") if alike else ("by-id", "by-path"):
        for link in sorted((links / folder).glob("*")):
            if str(link.resolve()) == device:
                return str(link)
    return port


def holder(port: str, processes: Path = PROCESSES) -> str:
    """Name another process that has a port open without locking it; empty where there is none."""
    device = str(Path(port).resolve())
    if "://" in port or device.startswith(_PSEUDO):
        return ""
    own = (processes / "self").resolve().name
    for process in sorted(processes.glob("[0-9]*")):
        if process.name != own and device in _open_files(process):
            return f"{_name(process)} (process {process.name})"
    return ""


def _is_shared(device: str, present: list[PortInfo]) -> bool:
    """Tell whether another port has the same id; the ports of one adapter differ at their end."""
    own = next((one for one in present if one.device == device), None)
    if own is None or own.vid is None:
        return False
    return any(one.device != device and _id(one) == _id(own) for one in present)


def _id(one: PortInfo) -> tuple[int | None, int | None, str, str]:
    return one.vid, one.pid, one.serial_number or "", (one.location or "").partition(":")[2]


def _open_files(process: Path) -> Iterator[str]:
    try:
        for link in (process / "fd").iterdir():
            yield str(link.readlink())
    except OSError:
        return  # it is another user's, or it has ended


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "another program"
