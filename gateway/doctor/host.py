"""The computer: room on its disk, a card that wears out, power, warmth."""

import os
from collections.abc import Iterator
from pathlib import Path

from gateway.doctor.finding import Finding, failed, fine, look
from gateway.doctor.machine import Machine

# A day of 20 datastreams a minute takes about 5 MB until it is confirmed, kept twice on the way.
_FEW_BYTES, _LITTLE_BYTES = 50_000_000, 500_000_000
_MB = 1_000_000
# eMMC, JESD84-B51, 7.4.38 and 7.4.35: life used in tenths, 0x0B is beyond; reserve left.
_LIFE_USED_LOOK, _LIFE_USED_UP = 0x08, 0x0B
_RESERVE_FINE = 0x01
# Raspberry Pi firmware, get_throttled: bits now, and the same bits since the start.
_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _HOT = 0x1, 0x2, 0x4, 0x8
_SINCE_START = 16
_THROTTLE_FILE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
_HOT_C = 80.0  # the firmware slows the processor from here on


def check_host(data_dir: Path, machine: Machine) -> Iterator[Finding]:
    """Look at disk, card, supply and temperature."""
    yield from _disk(data_dir, machine)
    yield from _card(machine)
    yield _supply(machine)
    yield from _warmth(machine)


def _disk(data_dir: Path, machine: Machine) -> Iterator[Finding]:
    folder = next((one for one in (data_dir, *data_dir.parents) if one.is_dir()), Path("/"))
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    told = f"{free // _MB:,} MB are free for {data_dir}"
    remedy = "delete what is not needed (sudo apt clean; journalctl --vacuum-size=50M)"
    if free < _FEW_BYTES:
        yield failed("disk", told, remedy)
    elif free < _LITTLE_BYTES:
        yield look("disk", told, remedy)
    else:
        yield fine("disk", told)
    if not data_dir.is_dir():
        yield look(
            "data folder",
            f"{data_dir} is not there yet",
            "start the gateway once, or correct gateway.data_dir",
        )
    elif not os.access(data_dir, os.W_OK):
        yield failed(
            "data folder",
            f"this user may not write {data_dir}",
            f"run the doctor as the gateway's user, or: sudo chown -R saxaul-gateway {data_dir}",
        )
    yield from _mounting(folder.resolve(), machine)


def _mounting(folder: Path, machine: Machine) -> Iterator[Finding]:
    mount = machine.mount_of(folder)
    if mount is None:
        return
    if "ro" in mount.options:
        yield failed(
            "disk",
            f"{mount.place} is read-only: the kernel does that to a card with errors",
            "look at dmesg; take the readings away (saxaul-gateway export) and change the card",
        )
    if mount.kind in {"tmpfs", "ramfs", "overlay"}:
        yield failed(
            "data folder",
            f"{mount.place} is memory ({mount.kind}): what is not sent is lost with the power",
            "put gateway.data_dir on a disk",
        )


def _card(machine: Machine) -> Iterator[Finding]:
    """Look for signs of wear: errors that the file system noted, and what an eMMC says of itself.

    SD cards do not tell their wear; errors of the file system are then the first sign.
    """
    remedy = "take the readings away (saxaul-gateway export), then change the card"
    errors = {path: machine.text(path) for path in machine.glob("/sys/fs/ext4/*/errors_count")}
    bad = [path.split("/")[4] for path, count in errors.items() if count not in (None, "0")]
    for disk in bad:
        yield failed("card", f"the file system on {disk} has met errors", remedy)
    worn = list(_worn(machine, remedy))
    yield from worn
    if not bad and not worn:
        yield fine("card", "no errors in its file systems")


def _worn(machine: Machine, remedy: str) -> Iterator[Finding]:
    for path in machine.glob("/sys/block/mmcblk*/device/life_time"):
        name = path.split("/")[3]
        used = max((int(one, 16) for one in (machine.text(path) or "").split()), default=0)
        reserve = int(machine.text(path.replace("life_time", "pre_eol_info")) or "0", 16)
        if used >= _LIFE_USED_UP or reserve > _RESERVE_FINE + 1:
            yield failed("card", f"{name} is worn out, it says", remedy)
        elif used >= _LIFE_USED_LOOK or reserve > _RESERVE_FINE:
            yield look("card", f"{name} has used {used * 10} % of its life, it says", remedy)


def _supply(machine: Machine) -> Finding:
    told = machine.text(_THROTTLE_FILE)
    remedy = (
        "measure the supply at the board under load: thicker or shorter wires, a fuller battery"
    )
    if told is None:
        return fine("supply", "this computer does not tell its supply voltage")
    bits = int(told, 16)
    if bits & _UNDER_VOLTAGE:
        return failed("supply", "the voltage is too low now", remedy)
    if bits & (_THROTTLED | _CAPPED | _HOT):
        return look("supply", "the processor is slowed now", "shade and air the housing")
    if bits >> _SINCE_START & _UNDER_VOLTAGE:
        return look("supply", "the voltage has been too low since the start", remedy)
    return fine("supply", "the voltage has been enough since the start")


def _warmth(machine: Machine) -> Iterator[Finding]:
    told = machine.text("/sys/class/thermal/thermal_zone0/temp")
    if told is None or not told.lstrip("-").isdecimal():
        return
    degrees = int(told) / 1000
    if degrees >= _HOT_C:
        yield look("temperature", f"{degrees:.0f} °C in the processor", "shade and air the housing")
    else:
        yield fine("temperature", f"{degrees:.0f} °C in the processor")
