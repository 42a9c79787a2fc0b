"""Adding what a scan found to a gateway.toml that a person has written, and will write in again.

Text is added and nothing else is touched: remarks and order stay. What clashes with what is there
is refused, and the file is checked whole before it takes the old one's place.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.config import load
from gateway.scan.found import Finding, FoundSensor, sensor_id, sensor_lines
from wire.catalogue import Protocol
from wire.errors import ConfigError
from wire.toml_text import key_lines, nearest_line, parse


class _Sensor(msgspec.Struct, frozen=True):
    id: str
    thing: str
    model: str
    address: str = ""


class _Bus(msgspec.Struct, frozen=True):
    id: str
    port: str
    protocol: Protocol
    sensor: list[_Sensor] = []


class _Thing(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class Present(msgspec.Struct, frozen=True):
    """What is in a gateway.toml that may not be complete yet; anything else is passed over."""

    thing: list[_Thing] = []
    bus: list[_Bus] = []


def read(path: Path) -> tuple[str, Present]:
    """Read the file as it is; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            str(path),
            f"cannot be read: {error.strerror}; make one first: saxaul-gateway config > {path}",
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is no text in UTF-8; save it as UTF-8") from None
    return text, parse(text, Present, str(path))


def check_thing(path: Path, present: Present, thing: str) -> None:
    """Make sure that a station is in the file; raises ConfigError."""
    known = [one.id for one in present.thing]
    if thing not in known:
        raise ConfigError(
            str(path),
            f"there is no [[thing]] '{thing}' (there are: {', '.join(known) or 'none'}); "
            "name one with --thing, or add its table",
        )


def add(path: Path, findings: Sequence[Finding], thing: str) -> str:
    """Add the sensors that have a name to the file; gives the text that was added.

    Empty when all of them are there already. Raises ConfigError for a clash; then nothing has
    changed.
    """
    lines, insertions = _planned(path, findings, thing)
    if insertions:
        _replace(path, _with(lines, insertions))
    return _text(insertions)


def preview(path: Path, findings: Sequence[Finding], thing: str) -> str:
    """Tell what `add` would add, and raise what it would raise for a clash; changes nothing."""
    return _text(_planned(path, findings, thing)[1])


def _planned(
    path: Path, findings: Sequence[Finding], thing: str
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Give the lines of the file, and the blocks that come in, each with the line it follows."""
    text, present = read(path)
    check_thing(path, present, thing)
    lines = text.splitlines()
    names = {one.id for bus in present.bus for one in bus.sensor if one.thing == thing}
    buses = {one.id for one in present.bus}
    insertions: list[tuple[int, list[str]]] = []
    for finding in findings:
        if not finding.named:
            continue
        at = _bus_at(path, text, present, finding)
        if at is None:
            block = finding.toml(thing, _free(finding.protocol.value, buses), names)
            insertions.append((len(lines), ["", *block.splitlines()]))
        else:
            fresh = _absent(path, present.bus[at], finding)
            sensors = [["", *sensor_lines(one, thing, sensor_id(one, names))] for one in fresh]
            insertions.append((_end_of_bus(text, at), [line for one in sensors for line in one]))
    return lines, [one for one in insertions if one[1]]


def _text(insertions: Sequence[tuple[int, list[str]]]) -> str:
    return "\n".join(line for _, block in insertions for line in block).strip("\n")


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


def _with(lines: Sequence[str], insertions: Sequence[tuple[int, list[str]]]) -> str:
    """Put the blocks in their places, which are those before any was put in."""
    grown: list[str] = []
    for place in range(len(lines) + 1):
        for at, block in insertions:
            grown += block if at == place else []
        grown += lines[place : place + 1]
    return "\n".join(grown) + "\n"


def _bus_at(path: Path, text: str, present: Present, finding: Finding) -> int | None:
    """Find the bus that is on this port already; raises ConfigError when it speaks otherwise."""
    for at, bus in enumerate(present.bus):
        if _device(bus.port) != _device(finding.port):
            continue
        if bus.protocol is not finding.protocol:
            raise ConfigError(
                str(path),
                f"bus '{bus.id}' has the port {bus.port} and speaks {bus.protocol.value}, but "
                f"{finding.protocol.value} was found there: correct or remove that table first",
                nearest_line(key_lines(text), ("bus", at, "protocol")),
            )
        return at
    return None


def _device(port: str) -> str:
    return port if "://" in port else str(Path(port).resolve())


def _absent(path: Path, bus: _Bus, finding: Finding) -> list[FoundSensor]:
    """Give the sensors that the bus does not list; raises ConfigError where another model is."""
    fresh = []
    for found in finding.named:
        there = next((one for one in bus.sensor if _is_same_place(one.address, found)), None)
        if there is None:
            fresh.append(found)
        elif there.model not in found.models:
            raise ConfigError(
                str(path),
                f"bus '{bus.id}': sensor '{there.id}' at address '{there.address}' is a "
                f"{there.model}, but {found.models[0]} was found there ({found.says}): correct "
                "its model, or give the new sensor another address",
            )
    return fresh


def _is_same_place(address: str, found: FoundSensor) -> bool:
    plain, other = address.lstrip("0"), found.address.lstrip("0")
    return not (address and found.address) or plain == other


def _end_of_bus(text: str, at: int) -> int:
    """Count the lines up to the last key of a bus and its sensors."""
    return max(line for key, line in key_lines(text).items() if key[:2] == ("bus", at))


def _replace(path: Path, text: str) -> None:
    """Check the new text as the file it will be, then let it take the old one's place at once."""
    target = path.resolve()
    fresh = target.with_name(f".{target.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, fresh)
        owner = target.stat()
        os.chown(fresh, owner.st_uid, owner.st_gid)
        load(fresh)
        fresh.replace(target)
    except ConfigError as error:
        _, _, message = str(error).replace(str(fresh), str(path)).partition(": ")
        raise ConfigError(
            str(path), f"not changed, for with what was found added: {message}"
        ) from None
    except OSError as error:
        raise ConfigError(
            str(path),
            f"cannot be written: {error.strerror}; run as the user who owns it, or paste the lines",
        ) from None
    finally:
        fresh.unlink(missing_ok=True)
