"""Reading a Davis Vantage console: wake it, ask once which rain collector it has, then one LOOP."""

from collections.abc import Mapping
from decimal import Decimal

from gateway.codecs import davis
from gateway.codecs.sdi12 import Identity
from gateway.drivers.conversation import Ask, Conversation, Until, Wait
from gateway.drivers.outcome import NoReplyError, all_missing, in_unit, reason_for
from gateway.errors import FrameError, GatewayError, SensorError
from gateway.readings import Reading
from wire.catalogue import Field, SensorModel
from wire.errors import ConfigError

# Davis' manual, "Console wake-up": a line feed, an answer within 1.2 s, up to three times.
WAKE_TRIES = 3
WAKE_TIMEOUT_S = 1.2
TRIES = 3
# The console sends a packet when it has one, about every 2 s.
LOOP_TIMEOUT_S, LOOP_QUIET_S = 5.0, 2.5
ANSWER_TIMEOUT_S, ANSWER_QUIET_S = 1.5, 0.3


class DavisDriver:
    """What one console tells. It has no address: `address` is the channel of a soil station."""

    identity: Identity | None = None

    def __init__(self, model: SensorModel, address: str) -> None:
        """Prepare to ask; raises ConfigError when the entry names what no packet has."""
        self._names = {
            field.property: (field.key or "").replace("{address}", address) for field in model.field
        }
        if unknown := sorted(set(self._names.values()) - davis.LOOP_ITEMS.keys()):
            known = ", ".join(davis.LOOP_ITEMS)
            raise ConfigError(
                "catalogue", f"{model.model}: a LOOP packet has no '{unknown[0]}'; it has {known}"
            )
        self._model = model
        self._click_mm: Decimal | None = None
        self._version_asked = False

    def poll(self) -> Conversation[list[Reading]]:
        """Read one LOOP packet."""
        try:
            yield from self._wake()
            yield from self._learn()
            readings = yield from self._loop()
        except (NoReplyError, FrameError, SensorError) as error:
            return all_missing(self._model, reason_for(error))
        return [self._reading(field, readings) for field in self._model.field]

    def _wake(self) -> Conversation[None]:
        """Wake the console: it sleeps to save its batteries, and may miss the first line feed."""
        for number in range(WAKE_TRIES):
            if number:
                yield Wait(0, others=True)
            reply = yield Ask(davis.WAKE, davis.awake_length, WAKE_TIMEOUT_S)
            if davis.awake_length(reply):
                return
        raise NoReplyError

    def _learn(self) -> Conversation[None]:
        """Ask for what stays the same: the rain collector, until it is known, and the firmware."""
        if self._click_mm is None:
            reply = yield _short(davis.COLLECTOR, davis.collector_length)
            try:
                self._click_mm = davis.parse_collector(reply)
            except GatewayError:
                self._click_mm = None  # rain stays missing; the rest can be read
        if not self._version_asked:
            self._version_asked = True  # consoles before firmware 1.90 do not know the question
            reply = yield _short(davis.VERSION, davis.version_length)
            try:
                self.identity = Identity("", "Davis", "Vantage", davis.parse_version(reply), "")
            except FrameError:
                self.identity = None

    def _loop(self) -> Conversation[dict[str, Reading]]:
        """Ask for a packet until one can be read; raises what became of the last try."""
        error: GatewayError = NoReplyError()
        for number in range(TRIES):
            if number:
                yield from self._wake()
            reply = yield Ask(davis.LOOP, davis.loop_length, LOOP_TIMEOUT_S, LOOP_QUIET_S)
            try:
                if reply:
                    return davis.parse_loop(reply, self._click_mm)
                error = NoReplyError()
            except (FrameError, SensorError) as failed:
                error = failed
        raise error

    def _reading(self, field: Field, readings: Mapping[str, Reading]) -> Reading:
        name = self._names[field.property]
        found = readings[name]
        if found.value is None:
            return Reading(field.property, None, found.reason)
        code = davis.LOOP_ITEMS[name].unit
        value = in_unit(found.value * field.scale + field.offset, code, field)
        reason = self._model.missing_reason(field.property, value)
        return Reading(field.property, None if reason else value, reason or "")


def _short(request: bytes, until: Until) -> Ask:
    return Ask(request, until, ANSWER_TIMEOUT_S, ANSWER_QUIET_S)
