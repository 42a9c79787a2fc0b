"""Giving a Modbus sensor another address, by the register that its catalogue entry names."""

from functools import partial

from gateway.codecs import modbus_rtu
from gateway.drivers.conversation import Ask, Conversation, Wait
from gateway.drivers.modbus import QUIET_S, REPLY_TIMEOUT_S, plan, server_address
from gateway.drivers.outcome import NoReplyError
from gateway.errors import FrameError, SensorError
from wire.catalogue import SensorModel
from wire.errors import ConfigError

TRIES = 3
SETTLE_S = 1.0  # probes that save their settings do not answer meanwhile


def change_address(model: SensorModel, old: str, new: str) -> Conversation[None]:
    """Write a sensor's new address (function 06 or 16), and see that it answers there.

    Raises ConfigError when the catalogue does not name the register, NoReplyError, FrameError, and
    SensorError when the address is taken or the sensor refuses.
    """
    register = model.modbus.address_register if model.modbus else None
    if model.modbus is None or register is None:
        raise ConfigError(
            "catalogue",
            f"{model.model} has no `address_register`: change its address by its maker's program",
        )
    server, wanted = server_address(old), server_address(new)
    if not (yield from _answers(model, server)):
        raise NoReplyError(f"nothing answers at address {server}")
    if (yield from _answers(model, wanted)):
        raise SensorError(f"something answers at address {wanted} already")
    if model.modbus.write_function == 6:
        request = modbus_rtu.write_register(server, register, wanted)
    else:
        request = modbus_rtu.write_registers(server, register, [wanted])
    reply = yield _ask(request)
    if reply:  # some answer from the new address, or not at all
        _check(reply, request)
    yield Wait(SETTLE_S)
    if not (yield from _answers(model, wanted)):
        raise SensorError(
            f"it does not answer at address {wanted}: switch its supply off and on, and try that"
        )


def _check(reply: bytes, request: bytes) -> None:
    """Raise what a sensor says against a write; a reply from its new address says nothing."""
    try:
        modbus_rtu.check_written(reply, request)
    except FrameError:
        return


def _answers(model: SensorModel, server: int) -> Conversation[bool]:
    """Tell whether a server is there: a refusal is an answer too."""
    block = plan(model)[0]
    request = modbus_rtu.read_registers(server, block.function, block.start, block.count)
    for _ in range(TRIES):
        reply = yield _ask(request)
        try:
            modbus_rtu.parse_registers(reply, request)
        except SensorError:
            return True
        except FrameError:
            continue
        return True
    return False


def _ask(request: bytes) -> Ask:
    until = partial(modbus_rtu.reply_length, request=request)
    return Ask(request, until, REPLY_TIMEOUT_S, QUIET_S)
