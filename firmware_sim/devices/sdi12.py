"""SDI-12 version 1.4, the sensors' side, behind a USB adapter that works by lines.

The adapter does break, parity and the 1200-baud timing; the gateway writes `0M!` and reads
`00013<CR><LF>`. Clause numbers are those of the standard of 20 February 2023. This implementation
shares nothing with the gateway's: that is what lets one find the other's mistakes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from math import ceil
from typing import Protocol

from firmware_sim.devices.base import Answer, Send, Setup

_CHARACTER_S = 10 / 1200  # 4.1: 1200 baud, ten bits
_BREAK_S = 0.012 + _CHARACTER_S  # 4.2.1, 7.0: break, then marking
_RESPONSE_S = 0.009  # 7.0: the sensor marks 8.33 ms before it answers
_PAGE_M = 35  # 4.4: most characters of values after M, MC and V
_PAGE_C = 75  # 4.4: and after C, CC and R
_MOST_PAGES = 10  # D0 to D9
_MOST_M = 9  # 4.4.3: the count of an M reply has one digit
_LONGEST_COMMAND = 64  # bounds what noise without an end mark can pile up

_COMMAND = re.compile(
    r"(?P<address>[0-9A-Za-z])(?:"
    r"(?P<identify>I)|A(?P<change>[0-9A-Za-z])|(?P<verify>V)"
    r"|(?P<measure>[MC])(?P<crc>C?)(?P<set>[1-9]?)"
    r"|D(?P<data>\d)"
    r"|R(?P<rcrc>C?)(?P<continuous>\d)"
    r")?!"
)


def crc_text(data: str) -> str:
    """Compute the three CRC characters over address and values (4.4.12)."""
    crc = 0
    for byte in data.encode("ascii"):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return "".join(chr(0x40 | part) for part in (crc >> 12, crc >> 6 & 0x3F, crc & 0x3F))


def value_text(value: float | Decimal, decimals: int) -> str:
    """Print a value the way sensors do: with its sign always, and no negative nought."""
    text = f"{value:+.{decimals}f}"
    return "+" + text[1:] if text[0] == "-" and not text.strip("-0.") else text


class Instrument(Protocol):
    """A model: what is behind the protocol.

    `identity` is 8 characters vendor, 6 model, 3 firmware (4.4.2). `sets` names the catalogue
    positions that a command returns, by `M`, `M1`, `C`, `R0`...; a C that is not named is as its M.
    `measure_s` 0 means that data are ready at once.
    """

    identity: str
    sets: dict[str, tuple[int, ...]]
    measure_s: float

    def read(self, positions: Sequence[int], now: float) -> list[str]:
        """Measure and print the values of these positions."""


@dataclass(slots=True)
class _Measurement:
    positions: tuple[int, ...]
    page: int
    crc: bool
    ready_at: float
    concurrent: bool
    request_pending: bool = False
    texts: list[str] | None = None


_NOTHING = _Measurement((), _PAGE_M, crc=False, ready_at=0.0, concurrent=True, texts=[])


class Sensor:
    """One sensor on the bus: the protocol's state around an instrument."""

    def __init__(self, setup: Setup, instrument: Instrument) -> None:
        """Power it up at the address the scenario gives."""
        self.setup = setup
        self.address = setup.address
        self._instrument = instrument
        self._measurement = _NOTHING
        self._continuous = _NOTHING
        self._property = {field.position: field.property for field in setup.model.field}

    def observe(self, now: float) -> Answer:
        """Measure the set that the catalogue asks for."""
        sdi12 = self.setup.model.sdi12
        positions = self._positions(sdi12.command if sdi12 else "M")
        return self._answer(positions, self._instrument.read(positions, now))

    def request_at(self) -> float | None:
        """Tell when a service request is due."""
        measurement = self._measurement
        return measurement.ready_at if measurement.request_pending else None

    def service(self, now: float) -> Send:
        """Finish the measurement and say so: `a<CR><LF>` (4.4.4)."""
        self._finish(now)
        self._measurement.request_pending = False
        return Send(_CHARACTER_S * 3, f"{self.address}\r\n".encode())

    def disturbed(self, now: float, *, addressed: bool) -> None:
        """Take notice of a break: it aborts an M, and a C when its own sensor is addressed.

        An M is done only once its service request has gone out (4.4.4).
        """
        measurement = self._measurement
        if not measurement.request_pending:
            self._finish(now)
        if measurement.texts is None and (addressed or not measurement.concurrent):
            measurement.texts = []
            measurement.positions = ()
            measurement.request_pending = False

    def answer(self, command: re.Match[str], now: float) -> Send:
        """Answer a valid command that bears this sensor's address."""
        if command["measure"]:
            return self._reply(command, self._measure(command, now))
        if command["data"]:
            return self._page(command, self._measurement, int(command["data"]))
        if command["continuous"]:
            return self._page(command, *self._read_now(command, now))
        if command["identify"]:
            return self._reply(command, f"14{self._instrument.identity}{self.setup.serial[:13]}")
        if command["verify"]:
            return self._reply(command, "0000")
        if command["change"]:
            self.address = command["change"]
        return self._reply(command, "")

    def _measure(self, command: re.Match[str], now: float) -> str:
        """Start a measurement; give `tttn` or `tttnn`."""
        concurrent = command["measure"] == "C"
        positions = self._positions(command["measure"] + command["set"])
        if not concurrent:
            positions = positions[:_MOST_M]
        seconds = ceil(self._instrument.measure_s) if positions else 0
        begins = now + _on_wire(len(command[0]), 7)
        self._measurement = _Measurement(
            positions=positions,
            page=_PAGE_C if concurrent else _PAGE_M,
            crc=bool(command["crc"]),
            ready_at=begins + self._instrument.measure_s if seconds else now,
            concurrent=concurrent,
            request_pending=bool(seconds) and not concurrent,
        )
        self._finish(now)
        return f"{seconds:03}{len(positions):0{2 if concurrent else 1}}"

    def _positions(self, command: str) -> tuple[int, ...]:
        sets = self._instrument.sets
        return sets.get(command) or sets.get(command.replace("C", "M"), ())

    def _finish(self, now: float) -> None:
        measurement = self._measurement
        if measurement.texts is None and now >= measurement.ready_at:
            measurement.texts = self._instrument.read(measurement.positions, measurement.ready_at)

    def _read_now(self, command: re.Match[str], now: float) -> tuple[_Measurement, int]:
        """Serve R: `aR0!` measures, `aR1!` to `aR9!` give the rest of what it measured."""
        if command["continuous"] == "0":
            sets = self._instrument.sets
            positions = sets.get("R0") or sets.get("M", ())
            texts = self._instrument.read(positions, now)
            self._continuous = _Measurement(
                positions, _PAGE_C, crc=False, ready_at=now, concurrent=True, texts=texts
            )
        self._continuous.crc = bool(command["rcrc"])
        return self._continuous, int(command["continuous"])

    def _page(self, command: re.Match[str], measurement: _Measurement, number: int) -> Send:
        pages = _paginate(measurement.texts or [], measurement.page)
        first, last = pages[number] if number < len(pages) else (0, 0)
        texts = (measurement.texts or [])[first:last]
        answer = self._answer(measurement.positions[first:last], texts)
        body = "".join(texts)
        if measurement.crc:
            body += crc_text(command["address"] + body)
        return self._reply(command, body, answer if answer.values or answer.reasons else None)

    def _answer(self, positions: Sequence[int], texts: Sequence[str]) -> Answer:
        values: dict[str, Decimal] = {}
        reasons: dict[str, str] = {}
        for position, text in zip(positions, texts, strict=True):
            key, value = self._property.get(position), Decimal(text)
            if key is None:
                continue
            reason = self.setup.model.missing_reason(key, value)
            if reason is None:
                values[key] = value
            else:
                reasons[key] = reason
        return Answer(self.setup.name, "answer", values, reasons)

    def _reply(self, command: re.Match[str], body: str, answer: Answer | None = None) -> Send:
        data = f"{self.address}{body}\r\n".encode()
        return Send(_on_wire(len(command[0]), len(data)), data, answer)


def _on_wire(command: int, reply: int) -> float:
    """Seconds from the adapter's break to the last character of the reply."""
    return _BREAK_S + _RESPONSE_S + _CHARACTER_S * (command + reply)


def _paginate(texts: Sequence[str], limit: int) -> list[tuple[int, int]]:
    """Cut values into D replies without splitting one (4.4.5): first and end index of each."""
    pages: list[tuple[int, int]] = []
    first, used = 0, 0
    for index, text in enumerate(texts):
        if used + len(text) > limit:
            pages.append((first, index))
            first, used = index, 0
        used += len(text)
    return [*pages, (first, len(texts))][:_MOST_PAGES] if texts else []


class Sdi12Bus:
    """The sensors behind one adapter."""

    def __init__(self, sensors: Sequence[Sensor]) -> None:
        """Put the sensors on the bus."""
        self._sensors = sensors
        self._buffer = b""

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Take bytes from the host; every `!` ends a command."""
        *commands, rest = (self._buffer + data).split(b"!")
        self._buffer = rest[-_LONGEST_COMMAND:]
        return [send for command in commands for send in self._command(command + b"!", now)]

    def wake_at(self, now: float) -> float | None:
        """Tell when the next service request is due."""
        del now
        due = [at for sensor in self._sensors if (at := sensor.request_at()) is not None]
        return min(due, default=None)

    def wake(self, now: float) -> list[Send]:
        """Send the service requests that are due."""
        return [
            sensor.service(now)
            for sensor in self._sensors
            if (at := sensor.request_at()) is not None and at <= now
        ]

    def _command(self, raw: bytes, now: float) -> list[Send]:
        text = raw.decode("ascii", "replace").strip()
        command = _COMMAND.fullmatch(text)
        address = command["address"] if command else None
        for sensor in self._sensors:
            sensor.disturbed(now, addressed=sensor.address == address)
        if text == "?!":
            return self._who()
        asked = [one for one in self._sensors if command and one.address == address]
        return [sensor.answer(command, now) for sensor in asked[:1] if command]

    def _who(self) -> list[Send]:
        """Serve `?!`: all answer at once, and where one sends a 0 bit the line has a 0 bit."""
        addresses = [ord(sensor.address) for sensor in self._sensors]
        if not addresses:
            return []
        seen = reduce(lambda a, b: a & b, addresses)
        return [Send(_on_wire(2, 3), bytes([seen]) + b"\r\n")]
