"""Instruments that answer in lines of text, by their catalogue entry; and what a line's parts mean.

What speaks by itself in such lines is in gateway.drivers.talkers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from gateway.codecs.checksums import ChecksumError
from gateway.codecs.layouts import LineFormat, RefusedError
from gateway.codecs.lines import parse_number
from gateway.codecs.sdi12 import Identity
from gateway.codecs.seals import Seal
from gateway.drivers.conversation import Ask, Conversation, Wait
from gateway.drivers.outcome import NO_VALUE, NoReplyError, all_missing, in_unit, reason_for
from gateway.errors import FrameError, GatewayError
from gateway.readings import Reading
from wire.catalogue import Field, Line, SensorModel
from wire.catalogue.lines import UNIT_GROUP, Message, Mode
from wire.errors import ConfigError

TRIES = 3
TRIES_WHEN_SILENT = 1  # so that a dead instrument does not hold up the others on its bus
QUIET_S = 0.5  # between two parts of an answer, and after noise that came instead of one
UNKNOWN_UNIT = "unknown unit"
_LETTERED = re.compile(r"(?P<number>[+-]?[\d.]+)(?P<letter>\D*)", re.ASCII)


def line_of(model: SensorModel) -> Line:
    """Give a model's [line] table; raises ConfigError when it has none."""
    if model.line is None:
        raise ConfigError("catalogue", f"{model.model} has no [line] table")
    return model.line


class LineReader:
    """What the parts of a line say, each key once. An `address` tells whose lines are ours."""

    def __init__(self, model: SensorModel, address: str) -> None:
        """Note which keys are wanted; raises ConfigError for a model without lines."""
        self._model = model
        self._status = line_of(model).status
        self._unit = _plain(address)
        self._fields = {field.key or "": field for field in reversed(model.field)}
        self.keys = list(dict.fromkeys(field.key or "" for field in model.field))

    def is_own(self, parts: Mapping[str, str]) -> bool:
        """Tell whether a line is this sensor's, as far as it says."""
        return not self._unit or _plain(parts.get(UNIT_GROUP, self._unit)) == self._unit

    def read(self, parts: Mapping[str, str]) -> list[Reading]:
        """Read the keys that a line has; raises FrameError when one should be a number and is not.

        With a status that is not good all are missing: what the instrument sends then is no wind.
        """
        keys = [key for key in self.keys if key in parts]
        if fault := self._fault(parts):
            return [Reading(key, None, fault) for key in keys]
        return [self._reading(key, parts) for key in keys]

    def missing(self, reason: str) -> list[Reading]:
        """Say of every key why it is missing."""
        return [Reading(key, None, reason) for key in self.keys]

    def _fault(self, parts: Mapping[str, str]) -> str:
        if self._status is None or self._status.key not in parts:
            return ""
        code = parts[self._status.key]
        if code in self._status.good:
            return ""
        return self._status.reasons.get(code, f"status {code}")

    def _reading(self, key: str, parts: Mapping[str, str]) -> Reading:
        field, text = self._fields[key], parts[key]
        if reason := self._no_value(key, text):
            return Reading(key, None, reason)
        number, letter = text, parts.get(field.letter, "")
        if field.letters and not field.letter:
            number, letter = _split_letter(text)
            if reason := self._no_value(key, letter) if letter else None:
                return Reading(key, None, reason)
        value = parse_number(number) * field.scale + field.offset
        if reason := self._sentinel(key, value):
            return Reading(key, None, reason)
        if not field.letters:
            return Reading(key, value)
        if letter not in field.letters:
            return Reading(key, None, UNKNOWN_UNIT)
        return Reading(key, in_unit(value, field.letters[letter], field))

    def _no_value(self, key: str, text: str) -> str | None:
        reasons = (self._model.missing_text(one, text) for one in self._properties(key))
        found = next((one for one in reasons if one is not None), None)
        return NO_VALUE if found is None and not text else found

    def _sentinel(self, key: str, value: Decimal) -> str | None:
        """Find why a value is none; a sentinel of any property that comes from the key counts."""
        reasons = (self._model.missing_reason(one, value) for one in self._properties(key))
        return next((one for one in reasons if one is not None), None)

    def _properties(self, key: str) -> Iterator[str]:
        return (field.property for field in self._model.field if field.key == key)


def _plain(unit: str) -> str:
    """Write a unit's number without leading zeros; empty where there is none."""
    return unit.lstrip("0") or unit[:1]


def _split_letter(text: str) -> tuple[str, str]:
    """Cut `1004.7H` into its number and its letter."""
    found = _LETTERED.fullmatch(text)
    return (found["number"], found["letter"]) if found else (text, "")


class LineAsker:
    """An instrument that sends a line when it is asked: one question, or one after the other."""

    identity: Identity | None = None  # there is no question for that which all of them understand

    def __init__(self, model: SensorModel, address: str) -> None:
        """Prepare to ask; raises ConfigError when the model cannot be asked."""
        line = line_of(model)
        if line.mode is not Mode.ASKED:
            raise ConfigError("catalogue", f"{model.model} is not asked, it talks by itself")
        own = address or line.address
        self._model = model
        self._reader = LineReader(model, own)
        self._timeout_s = line.timeout_s
        self._tries = TRIES
        seal = Seal(line)
        self._questions = [
            (one, seal.fill(one.ask, own), LineFormat(line, one))
            for one in line.messages(model.field)
        ]

    def poll(self) -> Conversation[list[Reading]]:
        """Ask all questions; an answer that fails costs only the fields that are in it."""
        found: dict[str, Reading] = {}
        for message, request, form in self._questions:
            try:
                readings = yield from self._ask(request, form)
            except NoReplyError as error:
                if not found:
                    self._tries = TRIES_WHEN_SILENT
                    return all_missing(self._model, reason_for(error))
                readings = _unread(message, reason_for(error))
            except GatewayError as error:
                readings = _unread(message, reason_for(error))
            found |= {one.key: one for one in readings}
        self._tries = TRIES
        return [self._of_field(field, found) for field in self._model.field]

    def _of_field(self, field: Field, found: Mapping[str, Reading]) -> Reading:
        own = found.get(field.key or "")
        if own is None:
            return Reading(field.property, None, NO_VALUE)
        return own._replace(key=field.property)

    def _ask(self, request: bytes, form: LineFormat) -> Conversation[list[Reading]]:
        """Ask until an answer can be read; raises what became of the last try."""

        def until(buffer: bytes) -> int:
            return self._answer(buffer, form)[1]

        error: GatewayError = NoReplyError()
        for number in range(self._tries):
            if number:
                yield Wait(0, others=True)
            reply = yield Ask(request, until, self._timeout_s, QUIET_S)
            readings, end, problem = self._answer(reply, form)
            if isinstance(problem, RefusedError):
                raise problem
            if end:
                return readings
            error = problem if reply else NoReplyError()
        raise error

    def _answer(self, buffer: bytes, form: LineFormat) -> tuple[list[Reading], int, GatewayError]:
        """Find the answer among the lines that came: its readings, its end, or what is wrong.

        Passed over before it: noise, an echo of the question, what others on the line say.
        """
        problem: GatewayError = FrameError(f"no whole line in {buffer[:40]!r}")
        for line, end in form.lines(buffer):
            try:
                parts = form.decode(line)
                if self._reader.is_own(parts):
                    return self._reader.read(parts), end, problem
            except RefusedError as refused:
                return [], end, refused
            except FrameError as damaged:
                if not isinstance(problem, ChecksumError):
                    problem = damaged
        return [], 0, problem


def _unread(message: Message, reason: str) -> list[Reading]:
    return [Reading(key, None, reason) for key in message.keys]


def is_asked(model: SensorModel) -> bool:
    """Tell whether a model that sends lines has to be asked for them."""
    return model.line is not None and model.line.mode is Mode.ASKED


def ends_of(models: Sequence[SensorModel]) -> list[str]:
    """Collect what ends the lines of several models, beside CR and LF."""
    return [one.line.ends for one in models if one.line is not None and one.line.ends]
