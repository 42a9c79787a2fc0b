"""Reading a Modbus RTU sensor by its catalogue entry, in as few requests as its registers allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gateway.codecs import modbus_rtu
from gateway.codecs.modbus_rtu import ACKNOWLEDGE, BUSY, ILLEGAL_ADDRESS, ExceptionReplyError
from gateway.codecs.numbers import NotANumberError
from gateway.codecs.sdi12 import Identity
from gateway.drivers.conversation import Ask, Conversation, Wait
from gateway.drivers.outcome import NoReplyError, all_missing, reading, reason_for
from gateway.errors import FrameError, GatewayError, SensorError
from gateway.readings import Reading
from wire.catalogue import Field, Modbus, SensorModel
from wire.errors import ConfigError

TRIES = 3
TRIES_WHEN_SILENT = 2  # so that a dead probe does not hold up the others on its bus
REPLY_TIMEOUT_S = 1.0  # 40 registers take 0.2 s at 4800 baud; cheap probes think for as long
QUIET_S = 0.2
# A sensor that answers late once does so again: what it still owes comes within this time.
OWED_TIMEOUT_S = 1.5 * REPLY_TIMEOUT_S
BUSY_PAUSE_S = 0.2
READ_FUNCTIONS = (modbus_rtu.Function.READ_HOLDING, modbus_rtu.Function.READ_INPUT)
_ASK_LATER = (ACKNOWLEDGE, BUSY)
MAX_BLOCK_REGISTERS = 40  # what cheap probes answer in one reply
MAX_GAP_REGISTERS = 4  # reading on over a small gap is cheaper than a second request


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring registers that one request reads, and the fields in them."""

    function: int
    start: int
    count: int
    fields: tuple[Field, ...]


def plan(model: SensorModel, max_gap: int = MAX_GAP_REGISTERS) -> list[Block]:
    """Group a model's fields into blocks.

    Registers that no field names are read over, up to `max_gap` of them. Raises ConfigError for a
    model of another protocol.
    """
    if model.modbus is None:
        raise ConfigError("catalogue", f"{model.model} has no [modbus] table")
    blocks: list[Block] = []
    for function in READ_FUNCTIONS:
        own = [one for one in model.field if (one.function or model.modbus.function) == function]
        blocks += _blocks(function, own, max_gap)
    return blocks


def _blocks(function: int, fields: Sequence[Field], max_gap: int) -> list[Block]:
    blocks: list[Block] = []
    for field in sorted(fields, key=_register):
        start, end = _register(field), _register(field) + modbus_rtu.width(field.type)
        last = blocks[-1] if blocks else None
        if last is None or not _fits(last, start, end, max_gap):
            blocks.append(Block(function, start, end - start, (field,)))
        else:
            count = max(last.count, end - last.start)
            blocks[-1] = Block(function, last.start, count, (*last.fields, field))
    return blocks


def _fits(block: Block, start: int, end: int, max_gap: int) -> bool:
    gap = start - (block.start + block.count)
    return gap <= max_gap and end - block.start <= MAX_BLOCK_REGISTERS


def _register(field: Field) -> int:
    """Find a field's first register; the catalogue has made sure that there is one."""
    return field.register or 0


class ModbusDriver:
    """One sensor (a Modbus server) at one address."""

    identity: Identity | None = None  # Modbus RTU sensors of this kind do not say who they are

    def __init__(self, model: SensorModel, address: str) -> None:
        """Prepare to ask; raises ConfigError when model or address cannot be used."""
        self._blocks = plan(model)
        self._model = model
        self._table = model.modbus or Modbus()
        self._server = server_address(address)
        self._tries = TRIES
        self._owed: list[Ask] = []  # replies that may still come, for tries that had none in time

    def poll(self) -> Conversation[list[Reading]]:
        """Read all fields; a request that fails costs only the fields it was for."""
        readings: list[Reading] = []
        self._owed = []
        for block in list(self._blocks):
            try:
                readings += yield from self._read_block(block)
            except NoReplyError as error:
                if not readings:
                    self._tries = TRIES_WHEN_SILENT
                    return all_missing(self._model, reason_for(error))
                readings += _missing(block, reason_for(error))
            except (FrameError, SensorError) as error:
                readings += _missing(block, reason_for(error))
        self._tries = TRIES
        return readings

    def _read_block(self, block: Block) -> Conversation[list[Reading]]:
        try:
            registers = yield from self._read(block)
        except ExceptionReplyError as error:
            parts = _blocks(block.function, block.fields, max_gap=0)
            if error.code != ILLEGAL_ADDRESS or len(parts) == 1:
                raise
            # This sensor refuses to read over registers it does not have: ask around them.
            at = self._blocks.index(block)
            self._blocks[at : at + 1] = parts
            return (yield from self._read_parts(parts))
        return [self._reading(field, block, registers) for field in block.fields]

    def _read_parts(self, parts: Sequence[Block]) -> Conversation[list[Reading]]:
        readings: list[Reading] = []
        for part in parts:
            try:
                readings += yield from self._read_block(part)
            except (NoReplyError, FrameError, SensorError) as error:
                readings += _missing(part, reason_for(error))
        return readings

    def _read(self, block: Block) -> Conversation[list[int]]:
        """Ask until an answer can be read; raises what became of the last try.

        A reply does not say which registers it is for, so those still owed for the last request are
        let pass.
        """
        while self._owed:
            yield self._owed.pop()
        request = modbus_rtu.read_registers(self._server, block.function, block.start, block.count)
        until = partial(modbus_rtu.reply_length, request=request)
        error: GatewayError = NoReplyError()
        for number in range(self._tries):
            if number:
                yield from _pause_after(error)
            reply = yield Ask(request, until, REPLY_TIMEOUT_S, QUIET_S)
            try:
                if reply:
                    return modbus_rtu.parse_registers(reply, request)
                error = NoReplyError()
            except FrameError as damaged:
                error = damaged
            except ExceptionReplyError as refused:
                if refused.code not in _ASK_LATER:
                    raise
                error = refused
                continue
            self._owed.append(Ask(b"", until, OWED_TIMEOUT_S))
        raise error

    def _reading(self, field: Field, block: Block, registers: Sequence[int]) -> Reading:
        first = _register(field) - block.start
        own = registers[first : first + modbus_rtu.width(field.type)]
        try:
            sent = modbus_rtu.decode(own, field.type, field.word_order or self._table.word_order)
        except NotANumberError as error:
            return Reading(field.property, None, str(error))
        return reading(self._model, field.property, sent * field.scale + field.offset)


def _pause_after(error: GatewayError) -> Conversation[None]:
    """Let others go first before a sensor that kept silent, or said that it is busy, is asked."""
    if isinstance(error, ExceptionReplyError):
        yield Wait(BUSY_PAUSE_S, others=True)
    elif isinstance(error, NoReplyError):
        yield Wait(0, others=True)


def _missing(block: Block, reason: str) -> list[Reading]:
    return [Reading(field.property, None, reason) for field in block.fields]


def server_address(text: str) -> int:
    """Read an address; raises ConfigError for one that cannot be."""
    low, high = modbus_rtu.MIN_ADDRESS, modbus_rtu.MAX_ADDRESS
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ConfigError(
            "gateway.toml", f"'{text}' is no Modbus address: give a number from {low} to {high}"
        )
    return int(text)
