"""Setting up an SDI-12 sensor: who is there, what it offers, and giving it another address."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from gateway.codecs import sdi12
from gateway.codecs.sdi12 import Announcement, Identity, Parameter
from gateway.drivers.conversation import Conversation, Wait
from gateway.drivers.outcome import NoReplyError
from gateway.drivers.sdi12.adapter import Adapter
from gateway.drivers.sdi12.asking import REPLY_TIMEOUT_S, Questioner
from gateway.errors import FrameError, SensorError

READDRESS_S = 1.0  # v1.4, 4.4.4: the sensor needs a second before the next command
MEASUREMENTS = ("M", *(f"M{n}" for n in range(1, 10)), "C", *(f"C{n}" for n in range(1, 10)), "HA")
_DIGITS = {"M": 1, "C": 2, "H": 3}


class Offer(NamedTuple):
    """A measurement of a sensor, and what its values are as far as it says."""

    measurement: str
    announced: Announcement
    parameters: Sequence[Parameter]


def find_alone(adapter: Adapter) -> Conversation[str]:
    """Ask the only sensor on the line for its address (`?!`); raises NoReplyError, FrameError.

    Two sensors answer at once: what comes then is noise, or an address where nobody is.
    """
    anyone = Questioner(sdi12.ANY, adapter)
    return (yield from anyone.ask("", lambda reply, _: sdi12.parse_address(reply), REPLY_TIMEOUT_S))


def is_there(address: str, adapter: Adapter) -> Conversation[bool]:
    """Tell whether anything answers at an address (`a!`)."""
    try:
        yield from Questioner(address, adapter).ask("", sdi12.parse_acknowledge, REPLY_TIMEOUT_S)
    except NoReplyError:
        return False
    except FrameError:
        return True
    return True


def identify(address: str, adapter: Adapter) -> Conversation[Identity]:
    """Ask who is at an address (`aI!`); raises NoReplyError, FrameError."""
    sensor = Questioner(address, adapter)
    return (yield from sensor.ask("I", sdi12.parse_identity, REPLY_TIMEOUT_S))


def change_address(old: str, new: str, adapter: Adapter) -> Conversation[Identity]:
    """Give a sensor another address (`aAb!`) and see that it is the same one that answers there.

    Raises NoReplyError, FrameError, and SensorError when the address is taken or does not change.
    """
    before = yield from identify(old, adapter)
    if (yield from is_there(new, adapter)):
        raise SensorError(f"something answers at address '{new}' already")
    reply = yield from Questioner(old, adapter).once(f"A{new}", REPLY_TIMEOUT_S)
    yield Wait(READDRESS_S)
    if sdi12.spoke(reply, old) and not sdi12.spoke(reply, new):
        raise SensorError(f"the sensor keeps its address '{old}': look for a switch or jumper")
    after = yield from identify(new, adapter)
    if after != before:
        raise SensorError(f"at address '{new}' answers another one: {after}")
    return after


def offers(address: str, adapter: Adapter) -> Conversation[list[Offer]]:
    """Ask a sensor of SDI-12 v1.4 what it can measure (`aIM!`, `aIM_001!`); nothing is measured."""
    sensor = Questioner(address, adapter)
    found: list[Offer] = []
    for measurement in MEASUREMENTS:
        digits = _DIGITS[measurement[0]]
        try:
            announced = yield from sensor.ask(
                f"I{measurement}",
                partial(sdi12.parse_announcement, digits=digits),
                REPLY_TIMEOUT_S,
            )
        except (NoReplyError, FrameError):
            continue
        if announced.values:
            parameters = yield from _parameters(sensor, measurement, announced.values)
            found.append(Offer(measurement, announced, parameters))
    return found


def _parameters(sensor: Questioner, measurement: str, count: int) -> Conversation[list[Parameter]]:
    found: list[Parameter] = []
    sealed = measurement == "HA"
    for number in range(1, count + 1):
        try:
            one = yield from sensor.ask(
                sdi12.parameter_body(measurement, number),
                partial(sdi12.parse_parameter, crc=sealed),
                REPLY_TIMEOUT_S,
            )
        except (NoReplyError, FrameError):
            break
        if one is None:
            break
        found.append(one)
    return found
