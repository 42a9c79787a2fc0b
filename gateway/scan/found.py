"""What a scan found, and the tables of gateway.toml that say the same."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.buses.serial_port import DEFAULT_FRAME
from gateway.drivers.sdi12 import AdapterKind
from wire.catalogue import Protocol


@dataclass(frozen=True, slots=True)
class FoundSensor:
    """A sensor that answered, or that was heard.

    `models` are those of the catalogue that it can be, the likeliest first; none where the
    catalogue does not know it. `trouble` is why it cannot be used as it is.
    """

    address: str
    models: tuple[str, ...]
    says: str
    live: str = ""
    trouble: str = ""

    @property
    def heard(self) -> str:
        """Say in a line what was heard of it."""
        return f"{self.says}{': ' if self.live else ''}{self.live}"


@dataclass(slots=True)
class Finding:
    """A port on which something is; it grows while the port is looked at."""

    port: str
    protocol: Protocol
    baud: int
    frame: str = DEFAULT_FRAME
    adapter: AdapterKind = AdapterKind.LINE
    sensors: list[FoundSensor] = field(default_factory=list)

    @property
    def named(self) -> Sequence[FoundSensor]:
        """Give the sensors that gateway.toml can name."""
        return [one for one in self.sensors if one.models and not one.trouble]

    def toml(
        self, thing: str = "station-1", bus_id: str = "", taken: set[str] | None = None
    ) -> str:
        """Write the [[bus]] table for gateway.toml; only remarks where no sensor has a name.

        Names that are `taken` are avoided, and those given are taken.
        """
        lines = [f"# {self.port}, {self.protocol.value}, {self.baud} baud"]
        if self.named:
            lines = list(self._bus_lines(bus_id or self.protocol.value))
        taken = set() if taken is None else taken
        for one in self.sensors:
            name = sensor_id(one, taken) if one in self.named else ""
            lines += ["", *sensor_lines(one, thing, name)]
        return "\n".join(lines) + "\n"

    def _bus_lines(self, bus_id: str) -> Iterator[str]:
        yield "[[bus]]"
        yield f"id = {json.dumps(bus_id)}"
        yield f"port = {json.dumps(self.port)}"
        yield f"protocol = {json.dumps(self.protocol.value)}"
        yield f"baud = {self.baud}"
        if self.frame != DEFAULT_FRAME:
            yield f"frame = {json.dumps(self.frame)}"
        if self.adapter is not AdapterKind.LINE:
            yield f"adapter = {json.dumps(self.adapter.value)}"


def sensor_id(sensor: FoundSensor, taken: set[str]) -> str:
    """Make a name of model and address that is not `taken`, and take it."""
    model = sensor.models[0] if sensor.models else "sensor"
    plain = re.sub(r"[^a-z0-9]+", "-", f"{model} {sensor.address}".lower()).strip("-")
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}-{number}", number + 1
    taken.add(name)
    return name


def sensor_lines(sensor: FoundSensor, thing: str, name: str) -> list[str]:
    """Write the [[bus.sensor]] table of a sensor, or a remark where it cannot be used."""
    heard = f"  # {_one_line(sensor.heard)}"
    if sensor.trouble:
        return [f"{heard} (address {sensor.address}: {sensor.trouble})"]
    if not sensor.models:
        at = f"address {sensor.address}, " if sensor.address else ""
        return [f"{heard} ({at}not in the catalogue)"]
    first, *others = sensor.models
    lines = [
        heard,
        "  [[bus.sensor]]",
        f"  id = {json.dumps(name)}",
        f"  thing = {json.dumps(thing)}",
        f"  model = {json.dumps(first)}",
    ]
    if others:
        lines.append(f"  # or: {'; '.join(others)} (they answer alike: see the label)")
    return [*lines, f"  address = {json.dumps(sensor.address)}"] if sensor.address else lines


def _one_line(text: str) -> str:
    """Keep what a device said from ending the remark that it stands in."""
    return "".join(letter if letter.isprintable() else "." for letter in text)
