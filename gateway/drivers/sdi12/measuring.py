"""One measurement of an SDI-12 sensor: start it, wait, collect its values.

A lost or damaged data reply is asked for again with the same D command, which changes nothing in
the sensor; measuring again would lose the rain that the first measurement took out of a gauge.
"""

import re
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from gateway.codecs import sdi12
from gateway.codecs.sdi12 import Announcement
from gateway.drivers.conversation import Ask, Conversation, Wait
from gateway.drivers.outcome import (
    ABORTED,
    NO_VALUE,
    NOTHING_MEASURED,
    NoReplyError,
    reason_for,
)
from gateway.drivers.sdi12.asking import DATA_TIMEOUT_S, REPLY_TIMEOUT_S, Questioner
from gateway.errors import FrameError, GatewayError, SensorError
from wire.errors import ConfigError

# How far past its announced time a service request may come through the adapter.
SERVICE_MARGIN_S = 0.5
# A longer announcement is taken for a damaged one: it would hold up the bus, or the sensor.
MAX_WAIT_S = 120
MAX_CONCURRENT_WAIT_S = 300
# What to reckon with when the announcement was damaged and none was read before.
DEFAULT_WAIT_S = 2
MAX_PAGES, MAX_PAGES_HIGH_VOLUME = 10, 1000  # D0 to D9; D999 after HA (v1.4, 5.1)

# What a sensor answers to a measurement that it does not have (v1.4, 4.4.9).
_UNSUPPORTED = Announcement(0, 0)
_COMMAND = re.compile(r"(HA|[MCVR])(C?)([0-9]?)")
_CONCURRENT = ("C", "HA")
_COUNT_DIGITS = {"M": 1, "V": 1, "C": 2, "HA": 3}


class Measurement(NamedTuple):
    """A measurement command of the catalogue, such as M, M1, MC, C, CC1, R0, RC0, V, HA."""

    kind: str
    number: str
    crc: bool

    @property
    def can_crc(self) -> bool:
        """Tell whether the command has a form that asks for a CRC."""
        return self.kind in ("M", "C", "R")

    def body(self, *, crc: bool) -> str:
        """Write the command, asking for a CRC on the data or not."""
        return f"{self.kind}{'C' if crc and self.can_crc else ''}{self.number}"


class Measured(NamedTuple):
    """The values of one measurement in their order, and why there are no more."""

    values: list[Decimal]
    why_no_more: str = NO_VALUE


def measurement(text: str) -> Measurement:
    """Read a measurement command; raises ConfigError for one we do not know."""
    found = _COMMAND.fullmatch(text)
    if not found:
        raise ConfigError(
            "catalogue", f"'{text}' is no measurement command; known: M, C, V, R0, HA and alike"
        )
    return Measurement(found[1], found[3], bool(found[2]) or found[1] == "HA")


class Measurer:
    """Takes one measurement, again and again, and remembers how the sensor goes about it."""

    def __init__(self, what: Measurement, questioner: Questioner, expected: int) -> None:
        """Measure `what`, of which the first `expected` values are wanted."""
        self.what = what
        self._sensor = questioner
        self._expected = expected
        self._crc = what.crc
        self._crc_refused = False
        self._wait_s = DEFAULT_WAIT_S
        self._service = partial(sdi12.service_request_length, address=questioner.address)

    def want_crc(self, *, offered: bool) -> None:
        """Ask for a CRC from now on if the sensor offers it and has not turned out to have none."""
        offered = offered and self.what.can_crc and not self._crc_refused
        self._crc = self.what.crc or offered

    def measure(self) -> Conversation[Measured]:
        """Measure; raises NoReplyError, FrameError, SensorError when there is no value at all."""
        if self.what.kind == "R":
            body = self.what.body(crc=self._crc)
            return Measured((yield from self._sensor.ask(body, self._values, DATA_TIMEOUT_S)))
        error: GatewayError = NoReplyError()
        for number in range(self._sensor.tries):
            if number and isinstance(error, NoReplyError):
                yield Wait(0, others=True)
            reply = yield from self._sensor.once(self.what.body(crc=self._crc), REPLY_TIMEOUT_S)
            if not sdi12.spoke(reply, self._sensor.address):
                # Unheard, as far as we know: a D now would bring the last measurement's values.
                error = FrameError() if reply else NoReplyError()
                continue
            announced = self._announcement(reply)
            if announced == _UNSUPPORTED:
                error = SensorError(NOTHING_MEASURED)
                self._crc, self._crc_refused = self.what.crc, True
                continue
            yield from self._await(announced.wait_s)
            measured = yield from self._collect()
            if measured.values:
                return measured
            self._sensor.silences += 1
            error = SensorError(ABORTED)
        raise error

    def _announcement(self, reply: bytes) -> Announcement:
        """Read what was announced. A damaged announcement means that the sensor is measuring."""
        digits = _COUNT_DIGITS[self.what.kind]
        longest = MAX_CONCURRENT_WAIT_S if self.what.kind in _CONCURRENT else MAX_WAIT_S
        try:
            announced = sdi12.parse_announcement(reply, self._sensor.address, digits=digits)
        except FrameError:
            return Announcement(self._wait_s, self._expected)
        if announced.wait_s > longest or (announced.values == 0 and announced.wait_s > 0):
            return Announcement(self._wait_s, self._expected)
        self._wait_s = announced.wait_s
        return announced

    def _await(self, wait_s: int) -> Conversation[None]:
        """Let the sensor measure; after M and V it may say by itself that it is ready (4.4.6).

        Any break would abort an M, so that nobody else is asked; a C bears talk with others.
        """
        if wait_s == 0:
            return
        if self.what.kind in _CONCURRENT:
            yield Wait(wait_s, others=True)
            return
        yield Ask(b"", self._service, wait_s + SERVICE_MARGIN_S)

    def _collect(self) -> Conversation[Measured]:
        """Page through D0, D1, ... until every field has its value or the sensor has no more.

        The announced number is not relied on: it has no checksum. A page that cannot be had costs
        only its own fields: the rain on the page before is out of the gauge already.
        """
        pages = MAX_PAGES_HIGH_VOLUME if self.what.kind == "HA" else MAX_PAGES
        values = yield from self._first_page()
        for page in range(1, pages):
            if not values or len(values) >= self._expected:
                break
            yield from self._sensor.settle()
            try:
                got = yield from self._sensor.ask(f"D{page}", self._values, DATA_TIMEOUT_S)
            except (NoReplyError, FrameError) as error:
                return Measured(values, reason_for(error))
            if not got:
                break
            values += got
        return Measured(values)

    def _first_page(self) -> Conversation[list[Decimal]]:
        got = yield from self._sensor.ask("D0", self._values, DATA_TIMEOUT_S)
        if not got:
            # A service request that came late looks like this; the same question is harmless.
            got = yield from self._sensor.ask("D0", self._values, DATA_TIMEOUT_S)
        return got

    def _values(self, reply: bytes, address: str) -> list[Decimal]:
        if not self._crc:
            return sdi12.parse_values(reply, address)
        try:
            return sdi12.parse_values(reply, address, crc=True)
        except FrameError:
            if self.what.crc or not sdi12.is_without_crc(reply, address):
                raise
            # Older than it says: it was asked for a CRC and sends none.
            return sdi12.parse_values(reply, address)
