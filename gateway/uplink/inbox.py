"""What the server sends to a gateway: receipts are taken in at once, commands when it is time."""

from collections import deque

import structlog

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.outbox import Outbox
from gateway.uplink.commands import carry_out
from gateway.uplink.upkeep import STORE_FAILED
from gateway.uplink.window import Window
from wire import messages, topics
from wire.errors import ContractError

BROKEN_RECEIPT = "broken_receipt"
BROKEN_COMMAND = "broken_command"
REFUSED = "batch_refused"

_log = structlog.get_logger(__name__)


class Inbox:
    """Takes in messages for one gateway."""

    def __init__(self, gateway: str, outbox: Outbox, window: Window, clock: Clock) -> None:
        """Start empty."""
        self._gateway = gateway
        self._outbox = outbox
        self._window = window
        self._clock = clock
        self._commands: deque[tuple[str, bytes]] = deque()  # topic, payload
        self.broken_receipts = 0

    @property
    def filters(self) -> tuple[str, str]:
        """What to subscribe to."""
        return topics.receipt(self._gateway), topics.command(self._gateway, "+")

    def take(self, topic: str, payload: bytes) -> None:
        """Take what is meant for us; a broker may also hand back what we retain there (amqtt)."""
        if topic == topics.receipt(self._gateway):
            self._on_receipt(payload)
        elif topic.startswith(topics.command(self._gateway, "")):
            self._commands.append((topic, payload))

    def obey(self) -> list[tuple[str, bytes]]:
        """Carry out the commands that came; give topics and payloads of the answers.

        A broken one changes nothing.
        """
        answers = []
        while self._commands:
            topic, payload = self._commands.popleft()
            try:
                command_id = topics.command_id_of(topic)
                result = carry_out(payload, self._outbox, self._forget)
            except ContractError as error:
                _log.warning(BROKEN_COMMAND, reason=str(error))
                continue
            answer = topics.command_result(self._gateway, command_id)
            answers.append((answer, messages.encode(result)))
        return answers

    def _forget(self) -> int:
        return self._window.forget(self._clock.mono_ms())

    def _on_receipt(self, payload: bytes) -> None:
        """Take a receipt in. A broken one, or another outbox's, changes nothing."""
        try:
            receipt = messages.decode(payload, messages.Receipt)
            check_receipt(receipt)
        except ContractError as error:
            self.broken_receipts += 1
            _log.warning(BROKEN_RECEIPT, reason=str(error), count=self.broken_receipts)
            return
        if receipt.epoch != self._outbox.epoch:
            return
        stored = messages.joined(receipt.stored)
        try:
            self._outbox.confirm(stored)
            self._outbox.refuse(receipt.refused)
        except StoreError as error:  # the batches are sent again, and so is the receipt
            _log.error(STORE_FAILED, reason=str(error))
            return
        for one in receipt.refused:
            _log.warning(REFUSED, seq=one.seq, reason=one.reason)
        refused = ((one.seq, one.seq) for one in receipt.refused)
        self._window.settled([*stored, *refused], self._clock.mono_ms())


def check_receipt(receipt: messages.Receipt) -> None:
    """Raise ContractError for sequence numbers that no batch can have."""
    ranges = [*receipt.stored, *((one.seq, one.seq) for one in receipt.refused)]
    for first, last in ranges:
        if not 1 <= first <= last <= topics.MAX_SEQ:
            raise ContractError(f"receipt names the range {first} to {last}")
