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

from firmware_sim.devices.base import Answer, Send, Setup, collided, through_faults
from firmware_sim.faults import IDLE_S, FaultKind
from wire.catalogue import SensorModel

_CHARACTER_S = 10 / 1200  # 4.1: 1200 baud, ten bits
_BREAK_S = 0.012 + _CHARACTER_S  # 4.2.1, 7.0: break, then marking
_RESPONSE_S = 0.009  # 7.0: the sensor marks 8.33 ms before it answers
_PAGE_M = 35  # 4.4: most characters of values after M, MC and V
_PAGE_C = 75  # 4.4: and after C, CC and R
_MOST_PAGES, _MOST_PAGES_HA = 10, 1000  # D0 to D9; to D999 after HA (5.1)
# 4.4.5, 4.4.7, 5.1: how many digits the count of a reply has.
_COUNT_DIGITS = {"M": 1, "V": 1, "C": 2, "HA": 3, "HB": 3}
_COMMAND_KEY = 1000  # positions of a model's second command are from here on
# 6.2.1: recommended names of values; where there is none the property's own is told.
_SHEF = {"air_temperature": "TA", "rain": "PP", "soil_temperature": "TS", "wind_speed": "US"}
_COMMAND_CRC = re.compile(r"^([MCR])C")
_LONGEST_COMMAND = 64  # bounds what noise without an end mark can pile up

_COMMAND = re.compile(
    r"(?P<address>[0-9A-Za-z])(?:"
    r"(?P<identify>I)|A(?P<change>[0-9A-Za-z])"
    r"|(?P<measure>HA|HB|V|[MC](?P<crc>C?)[1-9]?)"
    r"|I(?P<about>HA|HB|V|[MC](?P<acrc>C?)[1-9]?|R(?P<arcrc>C?)[0-9](?=_))(?:_(?P<number>\d{3}))?"
    r"|D(?P<data>0|[1-9]\d{0,2})"
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
    `measure_s` 0 means that data are ready at once. Positions of the second command of a catalogue
    entry count from 1000, so that a position says which value is meant.
    """

    identity: str
    sets: dict[str, tuple[int, ...]]
    measure_s: float

    def read(self, positions: Sequence[int], now: float) -> list[str]:
        """Measure and print the values of these positions."""

    def power_up(self, now: float) -> bytes:
        """Give what it says when it gets power; most say nothing."""


class Quiet:
    """What an instrument is that says nothing when it gets power."""

    def power_up(self, now: float) -> bytes:
        """Say nothing."""
        del now
        return b""


@dataclass(slots=True)
class _Measurement:
    positions: tuple[int, ...]
    page: int
    crc: bool
    ready_at: float
    concurrent: bool
    request_pending: bool = False
    texts: list[str] | None = None
    pages: int = _MOST_PAGES


def _nothing() -> _Measurement:
    return _Measurement((), _PAGE_M, crc=False, ready_at=0.0, concurrent=True, texts=[])


class Sensor:
    """One sensor on the bus: the protocol's state around an instrument."""

    def __init__(self, setup: Setup, instrument: Instrument) -> None:
        """Power it up at the address the scenario gives."""
        self.setup = setup
        self.address = setup.address
        self._instrument = instrument
        self._measurement = _nothing()
        self._continuous = _nothing()
        self._property = properties(setup.model)
        self._heard_at = -IDLE_S
        self._powered_ups = 0

    def observe(self, now: float) -> Answer:
        """Measure the sets that the catalogue asks for."""
        positions = [
            position
            for command in commands(self.setup.model)
            for position in self._positions(command)
        ]
        return self._answer(positions, self._instrument.read(positions, now))

    def is_there(self, now: float) -> bool:
        """Tell whether it is on the bus; off it, it forgets what it measured."""
        if not self.setup.faults.struck(FaultKind.ABSENT, now):
            return True
        self._measurement = _nothing()
        return False

    def hears(self, now: float) -> bool:
        """Tell whether it takes notice of a command to it."""
        idle_s, self._heard_at = now - self._heard_at, now
        deaf = self.setup.faults.struck(FaultKind.DEAF_WHEN_IDLE, now)
        return not (deaf and idle_s > IDLE_S)

    def power_up_at(self) -> float | None:
        """Tell when its supply is switched on next."""
        instants = self.setup.faults.begins_at(FaultKind.POWER_UP)
        return min(instants[self._powered_ups :], default=None)

    def power_up(self, now: float) -> list[Send]:
        """Say what it says when it gets power, which only some do."""
        self._powered_ups += 1
        self._measurement = _nothing()
        text = self._instrument.power_up(now)
        return [Send(0.0, text)] if text else []

    def request_at(self) -> float | None:
        """Tell when a service request is due."""
        measurement = self._measurement
        return measurement.ready_at if measurement.request_pending else None

    def service(self, now: float) -> list[Send]:
        """Finish the measurement and say so: `a<CR><LF>` (4.4.6)."""
        self._finish(now)
        self._measurement.request_pending = False
        if self.setup.faults.struck(FaultKind.NO_SERVICE_REQUEST, now):
            return []
        send = Send(_CHARACTER_S * 3, f"{self.address}\r\n".encode())
        return [through_faults(self.setup, send, now)]

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
            send = self._reply(command, self._measure(command, now), now)
        elif command["about"]:
            send = self._reply(command, self._tell(command), now)
        elif command["data"]:
            send = self._page(command, self._measurement, int(command["data"]), now)
        elif command["continuous"]:
            measurement, page = self._read_now(command, now)
            send = self._page(command, measurement, page, now)
        elif command["identify"]:
            text = f"14{self._instrument.identity}{self.setup.serial[:13]}"
            send = self._reply(command, text, now)
        else:
            self.address = command["change"] or self.address
            send = self._reply(command, "", now)
        return through_faults(self.setup, send, now)

    def _measure(self, command: re.Match[str], now: float) -> str:
        """Start a measurement; give `tttn`, `tttnn` or `tttnnn`."""
        kind = _kind(command["measure"])
        positions = self._offered(command["measure"])
        seconds = ceil(self._instrument.measure_s) if positions else 0
        begins = now + _on_wire(len(command[0]), 7)
        alone = kind in ("M", "V")
        self._measurement = _Measurement(
            positions=positions,
            page=_PAGE_M if alone else _PAGE_C,
            crc=bool(command["crc"]) or kind == "HA",
            ready_at=begins + self._instrument.measure_s if seconds else now,
            concurrent=not alone,
            request_pending=bool(seconds) and alone,
            pages=_MOST_PAGES_HA if kind == "HA" else _MOST_PAGES,
        )
        self._finish(now)
        return self._announcement(command["measure"])

    def _announcement(self, measure: str) -> str:
        positions = self._offered(measure)
        seconds = ceil(self._instrument.measure_s) if positions else 0
        return f"{seconds:03}{len(positions):0{_COUNT_DIGITS[_kind(measure)]}}"

    def _tell(self, command: re.Match[str]) -> str:
        """Tell about a measurement without taking it (6.1), or about one of its values (6.2)."""
        about = command["about"]
        if command["number"] is None:
            return self._announcement(about)
        sealed = command["acrc"] or command["arcrc"] or about in ("HA", "HB")
        positions, number = self._offered(about), int(command["number"])
        text = ""
        if 1 <= number <= len(positions):
            key = self._property.get(positions[number - 1], "XX")
            field = self.setup.model.field_for(key)
            text = f",{_SHEF.get(key, key[:20])},{field.unit if field else ' '};"
        return text + crc_text(self.address + text) if sealed else text

    def _offered(self, measure: str) -> tuple[int, ...]:
        """Give the positions that a command returns: as many as its count has digits for."""
        kind = _kind(measure)
        if kind == "HB":
            return ()  # 5.4: no sensor needs to have it
        name = measure.replace("C", "", 1) if measure[0] in "MR" else measure.replace("CC", "C")
        positions = self._positions("C" if kind == "HA" else name)
        return positions[: 10 ** _COUNT_DIGITS.get(kind, 2) - 1]

    def _positions(self, command: str) -> tuple[int, ...]:
        sets = self._instrument.sets
        fallback = "M" if command == "R0" else command.replace("C", "M")
        return sets.get(command) or sets.get(fallback, ())

    def _finish(self, now: float) -> None:
        measurement = self._measurement
        if measurement.texts is None and now >= measurement.ready_at:
            measurement.texts = self._instrument.read(measurement.positions, measurement.ready_at)
            if self.setup.faults.struck(FaultKind.FEWER_VALUES, now):
                measurement.positions = measurement.positions[:-1]
                measurement.texts.pop()

    def _read_now(self, command: re.Match[str], now: float) -> tuple[_Measurement, int]:
        """Serve R: `aR0!` measures, `aR1!` to `aR9!` give the rest of what it measured."""
        sets = self._instrument.sets
        own = sets.get(f"R{command['continuous']}")
        if command["continuous"] == "0" or own:
            positions = own or self._positions("R0")
            texts = self._instrument.read(positions, now)
            self._continuous = _Measurement(
                positions, _PAGE_C, crc=False, ready_at=now, concurrent=True, texts=texts
            )
        self._continuous.crc = bool(command["rcrc"])
        return self._continuous, 0 if own else int(command["continuous"])

    def _page(
        self, command: re.Match[str], measurement: _Measurement, number: int, now: float
    ) -> Send:
        pages = _paginate(measurement.texts or [], measurement.page)[: measurement.pages]
        first, last = pages[number] if number < len(pages) else (0, 0)
        texts = (measurement.texts or [])[first:last]
        answer = self._answer(measurement.positions[first:last], texts)
        body = "".join(texts)
        if measurement.crc:
            body += crc_text(command["address"] + body)
        return self._reply(command, body, now, answer if answer.values or answer.reasons else None)

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

    def _reply(
        self, command: re.Match[str], body: str, now: float, answer: Answer | None = None
    ) -> Send:
        address = self.address
        if self.setup.faults.struck(FaultKind.WRONG_ADDRESS, now):
            address, answer = ("0" if address != "0" else "1"), None
        data = f"{address}{body}\r\n".encode()
        return Send(_on_wire(len(command[0]), len(data)), data, answer)


def commands(model: SensorModel) -> Sequence[str]:
    """Give the measurements that a model's catalogue entry asks for, without their CRC."""
    measurements = model.sdi12.measurements if model.sdi12 else ["M"]
    return [_COMMAND_CRC.sub(r"\1", one) for one in measurements]


def properties(model: SensorModel) -> dict[int, str]:
    """Tell which property is at a position; those of the nth command count from 1000 n."""
    known = list(model.sdi12.measurements) if model.sdi12 else ["M"]
    return {
        known.index(one.command or known[0]) * _COMMAND_KEY + (one.position or 1): one.property
        for one in model.field
    }


def _kind(measure: str) -> str:
    return measure if measure in ("HA", "HB") else measure[0]


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
    return [*pages, (first, len(texts))] if texts else []


class Sdi12Bus:
    """The sensors behind one adapter. With `wants_cr` a command needs CR after its `!`."""

    def __init__(self, sensors: Sequence[Sensor], *, wants_cr: bool = False) -> None:
        """Put the sensors on the bus."""
        self._sensors = sensors
        self._end = b"!\r" if wants_cr else b"!"
        self._buffer = b""

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Take bytes from the host; every `!` ends a command."""
        *commands, rest = (self._buffer + data).split(self._end)
        self._buffer = rest[-_LONGEST_COMMAND:]
        return [send for command in commands for send in self._command(command + b"!", now)]

    def wake_at(self, now: float) -> float | None:
        """Tell when the next service request or switching on is due."""
        del now
        instants = [
            at
            for sensor in self._sensors
            for at in (sensor.request_at(), sensor.power_up_at())
            if at is not None
        ]
        return min(instants, default=None)

    def wake(self, now: float) -> list[Send]:
        """Send the service requests that are due, and what sensors say as they get power."""
        sends: list[Send] = []
        for sensor in self._sensors:
            there = sensor.is_there(now)
            if (at := sensor.power_up_at()) is not None and at <= now:
                sends += sensor.power_up(now)
            if there and (at := sensor.request_at()) is not None and at <= now:
                sends += sensor.service(now)
        return sends

    def _command(self, raw: bytes, now: float) -> list[Send]:
        text = raw.decode("ascii", "replace").strip()
        command = _COMMAND.fullmatch(text)
        address = command["address"] if command else None
        there = [sensor for sensor in self._sensors if sensor.is_there(now)]
        for sensor in there:
            sensor.disturbed(now, addressed=sensor.address == address)
        if text == "?!":
            return self._who(there)
        asked = [one for one in there if command and one.address == address and one.hears(now)]
        return collided([sensor.answer(command, now) for sensor in asked if command])

    def _who(self, there: Sequence[Sensor]) -> list[Send]:
        """Serve `?!`: all answer at once, and where one sends a 0 bit the line has a 0 bit."""
        addresses = [ord(sensor.address) for sensor in there]
        if not addresses:
            return []
        seen = reduce(lambda a, b: a & b, addresses)
        return [Send(_on_wire(2, 3), bytes([seen]) + b"\r\n")]
