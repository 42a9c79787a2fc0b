"""Reading an SDI-12 sensor by its catalogue entry: measure, wait, collect.

A lost or damaged data reply is asked for again with the same D command, which changes nothing in
the sensor; measuring again would lose the rain that the first measurement took out of a gauge.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import NamedTuple, TypeVar

from gateway.codecs import sdi12
from gateway.codecs.sdi12 import Announcement, Identity
from gateway.drivers.conversation import Ask, Conversation, Wait
from gateway.drivers.outcome import (
    ABORTED,
    NO_VALUE,
    NOTHING_MEASURED,
    OTHER_MODEL,
    NoReplyError,
    all_missing,
    reading,
    reason_for,
)
from gateway.errors import FrameError, GatewayError, SensorError
from gateway.readings import Reading
from wire.catalogue import Field, SensorModel
from wire.errors import ConfigError

T = TypeVar("T")

# Over an adapter we control only the outer loop of v1.4, 7.2: three tries in all.
TRIES = 3
# A sensor that was silent at its last slot gets fewer, so that it does not hold up the others;
# two, because the first command after a pause may go unheard (PITFALLS: ModularSensors#276).
TRIES_WHEN_SILENT = 2
REPLY_TIMEOUT_S = 1.0
DATA_TIMEOUT_S = 2.0  # 75 characters take 0.7 s at 1200 baud, and the adapter adds its own
QUIET_S = 0.3
# How far past its announced time a service request may come through the adapter.
SERVICE_MARGIN_S = 0.5
# A longer announcement is taken for a damaged one: it would hold up the whole bus.
MAX_WAIT_S = 120
# What to reckon with when the announcement was damaged and none was read before.
DEFAULT_WAIT_S = 2
MAX_PAGES = 10  # D0 to D9

CRC_SINCE = 13  # MC, CC and RC came with SDI-12 v1.3

# What a sensor answers to a measurement that it does not have (v1.4, 4.4.5).
_UNSUPPORTED = Announcement(0, 0)
_COMMAND = re.compile(r"([MCVR])(C?)([0-9]?)")


class Measurement(NamedTuple):
    """A measurement command of the catalogue, such as M, M1, MC, C, CC1, R0, RC0."""

    kind: str
    number: str
    crc: bool

    def body(self, *, crc: bool) -> str:
        """Write the command, asking for a CRC on the data or not."""
        return f"{self.kind}{'C' if crc else ''}{self.number}"


class Measured(NamedTuple):
    """The values of one measurement in their order, and why there are no more."""

    values: list[Decimal]
    why_no_more: str = NO_VALUE


def measurement(text: str) -> Measurement:
    """Read a measurement command; raises ConfigError for one we do not know."""
    found = _COMMAND.fullmatch(text)
    if not found:
        raise ConfigError(
            "catalogue", f"'{text}' is no measurement command; known: M, C, V, R0 and alike"
        )
    return Measurement(found[1], found[3], bool(found[2]))


class Sdi12Driver:
    """One sensor at one address."""

    def __init__(self, model: SensorModel, address: str) -> None:
        """Prepare to ask; raises ConfigError when model or address cannot be used."""
        if model.sdi12 is None:
            raise ConfigError("catalogue", f"{model.model} has no [sdi12] table")
        if len(address) != 1 or address not in sdi12.ADDRESSES:
            raise ConfigError(
                "gateway.toml", f"'{address}' is no SDI-12 address: give one of 0-9, A-Z, a-z"
            )
        self.identity: Identity | None = None
        self._model = model
        self._address = address
        self._identity_begins = model.sdi12.identify
        self._measurement = measurement(model.sdi12.command)
        self._crc = self._measurement.crc
        self._crc_refused = False
        self._expected = max(_position(field) for field in model.field)
        self._wait_s = DEFAULT_WAIT_S
        self._tries = TRIES
        self._until = partial(sdi12.reply_length, address=address)
        self._owed: list[Ask] = []  # replies that may still come, for tries that had none in time

    def poll(self) -> Conversation[list[Reading]]:
        """Identify the sensor where that is not done yet, then read all of its fields."""
        try:
            if self.identity is None:
                yield from self._identify()
            measured = yield from self._measure()
        except NoReplyError as error:
            # It may be another sensor that answers next time.
            self.identity = None
            self._tries = TRIES_WHEN_SILENT
            return all_missing(self._model, reason_for(error))
        except (FrameError, SensorError) as error:
            return all_missing(self._model, reason_for(error))
        self._tries = TRIES
        return [self._reading(field, measured) for field in self._model.field]

    def _identify(self) -> Conversation[None]:
        """Ask who is there. A damaged answer does not hinder measuring; another model's does.

        The answer has no checksum, and a wrong serial number would end a deployment: two answers
        must agree.
        """
        try:
            found = yield from self._ask("I", sdi12.parse_identity, REPLY_TIMEOUT_S)
            again = yield from self._ask("I", sdi12.parse_identity, REPLY_TIMEOUT_S)
        except FrameError:
            return
        if found != again:
            return
        if not found.is_a(self._identity_begins):
            raise SensorError(f"{OTHER_MODEL}: {found.vendor} {found.model}")
        self.identity = found
        self._crc = self._measurement.crc or self._can_crc(found)

    def _can_crc(self, identity: Identity) -> bool:
        """Tell whether the sensor knows CRCs, which the catalogue does not ask for by itself."""
        is_known = self._measurement.kind != "V" and not self._crc_refused
        return is_known and int(identity.version) >= CRC_SINCE

    def _measure(self) -> Conversation[Measured]:
        if self._measurement.kind == "R":
            body = self._measurement.body(crc=self._crc)
            return Measured((yield from self._ask(body, self._values, DATA_TIMEOUT_S)))
        error: GatewayError = NoReplyError()
        for _ in range(self._tries):
            reply = yield self._question(self._measurement.body(crc=self._crc), REPLY_TIMEOUT_S)
            if not sdi12.spoke(reply, self._address):
                # Unheard, as far as we know: a D now would bring the last measurement's values.
                error = FrameError() if reply else NoReplyError()
                continue
            announced = self._announcement(reply)
            if announced == _UNSUPPORTED:
                error = SensorError(NOTHING_MEASURED)
                self._crc, self._crc_refused = self._measurement.crc, True
                continue
            yield from self._await(announced.wait_s)
            measured = yield from self._collect()
            if measured.values:
                return measured
            error = SensorError(ABORTED)
        raise error

    def _announcement(self, reply: bytes) -> Announcement:
        """Read what was announced. A damaged announcement means that the sensor is measuring."""
        concurrent = self._measurement.kind == "C"
        try:
            announced = sdi12.parse_announcement(reply, self._address, concurrent=concurrent)
        except FrameError:
            return Announcement(self._wait_s, self._expected)
        if announced.wait_s > MAX_WAIT_S or (announced.values == 0 and announced.wait_s > 0):
            return Announcement(self._wait_s, self._expected)
        self._wait_s = announced.wait_s
        return announced

    def _await(self, wait_s: int) -> Conversation[None]:
        """Let the sensor measure; after M and V it may say by itself that it is ready (4.4.5.1)."""
        if wait_s == 0:
            return
        if self._measurement.kind == "C":
            yield Wait(wait_s)
            return
        until = partial(sdi12.service_request_length, address=self._address)
        yield Ask(b"", until, wait_s + SERVICE_MARGIN_S)

    def _collect(self) -> Conversation[Measured]:
        """Page through D0, D1, ... until every field has its value or the sensor has no more.

        The announced number is not relied on: it has no checksum. A page that cannot be had costs
        only its own fields: the rain on the page before is out of the gauge already.
        """
        values = yield from self._first_page()
        for page in range(1, MAX_PAGES):
            if not values or len(values) >= self._expected:
                break
            while self._owed:  # a page does not say which one it is: let the last one's pass
                yield self._owed.pop()
            try:
                got = yield from self._ask(f"D{page}", self._values, DATA_TIMEOUT_S)
            except (NoReplyError, FrameError) as error:
                return Measured(values, reason_for(error))
            if not got:
                break
            values += got
        return Measured(values)

    def _first_page(self) -> Conversation[list[Decimal]]:
        got = yield from self._ask("D0", self._values, DATA_TIMEOUT_S)
        if not got:
            # A service request that came late looks like this; the same question is harmless.
            got = yield from self._ask("D0", self._values, DATA_TIMEOUT_S)
        return got

    def _ask(
        self, body: str, parse: Callable[[bytes, str], T], timeout_s: float
    ) -> Conversation[T]:
        """Ask until an answer can be read; raises what became of the last try."""
        self._owed = []
        error: GatewayError = NoReplyError()
        for _ in range(self._tries):
            reply = yield self._question(body, timeout_s)
            try:
                if reply:
                    return parse(reply, self._address)
                error = NoReplyError()
            except FrameError as damaged:
                error = damaged
            self._owed.append(Ask(b"", self._until, timeout_s))
        raise error

    def _question(self, body: str, timeout_s: float) -> Ask:
        return Ask(sdi12.command(self._address, body), self._until, timeout_s, QUIET_S)

    def _values(self, reply: bytes, address: str) -> list[Decimal]:
        if not self._crc:
            return sdi12.parse_values(reply, address)
        try:
            return sdi12.parse_values(reply, address, crc=True)
        except FrameError:
            if self._measurement.crc or not sdi12.is_without_crc(reply, address):
                raise
            # Older than it says: it was asked for a CRC and sends none.
            return sdi12.parse_values(reply, address)

    def _reading(self, field: Field, measured: Measured) -> Reading:
        position = _position(field)
        if position > len(measured.values):
            return Reading(field.property, None, measured.why_no_more)
        return reading(self._model, field.property, measured.values[position - 1])


def _position(field: Field) -> int:
    """Find a field's place among the values; the catalogue has made sure that there is one."""
    return field.position or 1
