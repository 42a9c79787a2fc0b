"""A line with instruments that answer text commands, and what their messages have in common."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from firmware_sim.devices.base import Answer, Send, Setup, collided, through_faults
from firmware_sim.faults import FaultKind


class Message(NamedTuple):
    """A line without its end, and by field key the values it carries, or why it has none."""

    text: str
    values: Mapping[str, Decimal]
    reasons: Mapping[str, str] = {}


class TextDevice(Protocol):
    """An instrument that listens."""

    setup: Setup

    def observe(self, now: float) -> Answer:
        """Measure all that its catalogue entry has."""

    def hear(self, data: bytes, now: float) -> list[Send]:
        """Take what is said on the line; answer what is meant for this instrument."""


class AskedBus:
    """The instruments of one line: each hears everything."""

    def __init__(self, devices: Sequence[TextDevice]) -> None:
        """Put the instruments on the line."""
        self._devices = devices

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Let everyone hear, and let those answer that are there."""
        answers = [
            [through_faults(device.setup, send, now) for send in device.hear(data, now)]
            for device in self._devices
            if not device.setup.faults.struck(FaultKind.ABSENT, now)
        ]
        told = [sends for sends in answers if sends]
        if len(told) < 2:
            return [send for sends in told for send in sends]
        return collided([sends[0] for sends in told])

    def wake_at(self, now: float) -> float | None:
        """Nothing comes unasked."""
        del now
        return None

    def wake(self, now: float) -> list[Send]:
        """Nothing comes unasked."""
        del now
        return []


def by_property(setup: Setup, messages: Sequence[Message]) -> Answer:
    """Name the values of an asked instrument's messages by property.

    What the gateway makes of a running total is no value of the message.
    """
    values: dict[str, Decimal] = {}
    reasons: dict[str, str] = {}
    for field in setup.model.field:
        key = field.key or ""
        for message in () if field.cumulative else messages:
            if key in message.values:
                values[field.property] = message.values[key]
            elif key in message.reasons:
                reasons[field.property] = message.reasons[key]
    return Answer(setup.name, "answer", values, reasons)


def by_key(setup: Setup, message: Message) -> Answer:
    """Name the values of a talker's message by field key, those that the catalogue has."""
    keys = {field.key for field in setup.model.field}
    return Answer(
        setup.name,
        "line",
        {key: value for key, value in message.values.items() if key in keys},
        {key: reason for key, reason in message.reasons.items() if key in keys},
    )
