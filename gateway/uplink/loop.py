"""The uplink's thread: seals, sends, listens for receipts, reconnects, beats its heart."""

from collections import deque
from dataclasses import dataclass
from random import Random
from threading import Event, Thread

import structlog

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.outbox.store import SEAL_LIMIT
from gateway.uplink.commands import carry_out
from gateway.uplink.session import Link, LinkError, Session, Will
from gateway.uplink.window import MAX_IN_FLIGHT, Window
from wire import messages, topics
from wire.errors import ContractError

CONNECTED = "uplink_connected"
UNAVAILABLE = "uplink_unavailable"
FAILED = "uplink_failed"
SEALED = "observations_sealed"
BROKEN_RECEIPT = "broken_receipt"
BROKEN_COMMAND = "broken_command"
STORE_FAILED = "outbox_failed"
REFUSED = "batch_refused"

FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 60.0
# A connection that lasted this long was a good one: the next back-off begins small again.
GOOD_CONNECTION_MS = 30_000
# How soon the thread notices what other threads want of it.
PUMP_S = 0.25
PRUNE_EVERY_MS = 3_600_000
# What was measured within two batch intervals and this, for a slow poll, is live.
LIVE_GRACE_MS = 30_000
FAREWELL_MS = 1_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Where to send, and how often to seal and to report."""

    link: Link
    batch_every_s: float
    heartbeat_s: float


class Uplink:
    """Carries the outbox to the broker. `announce` may be called from any thread."""

    def __init__(
        self,
        settings: UplinkSettings,
        outbox: Outbox,
        clock: Clock,
        book: InventoryBook,
        health: Health,
        rng: Random,
    ) -> None:
        """Prepare, without touching the network."""
        self._settings = settings
        self._gateway = settings.link.client_id
        self._outbox = outbox
        self._clock = clock
        self._book = book
        self._health = health
        self._rng = rng
        self._window = Window()
        self._sent: dict[int, int] = {}  # message id -> seq
        self._commands: deque[tuple[str, bytes]] = deque()  # topic, payload
        self._stopping = Event()
        self._changed = Event()
        self._failures = 0
        self._told_down = False
        self._next_seal_ms = self._next_prune_ms = self._next_beat_ms = 0
        self.broken_receipts = 0
        self._thread = Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._next_seal_ms = self._clock.mono_ms() + self._period_ms
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Send what can be sent at once, say goodbye and end; give up after `timeout_s`."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def announce(self) -> None:
        """Ask for the inventory to be published again: something about it is new."""
        self._changed.set()

    @property
    def _period_ms(self) -> int:
        return int(self._settings.batch_every_s * 1000)

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._attempt()
            except Exception:  # noqa: BLE001 - top of the thread: it must not end
                _log.exception(FAILED)
                self._stopping.wait(self._backoff_ms() / 1000)

    def _attempt(self) -> None:
        """Serve one connection, if it can be had, and rest before the next."""
        began_ms = self._clock.mono_ms()
        try:
            self._serve()
        except LinkError as error:
            self._note_down(str(error))
        except StoreError as error:
            _log.error(STORE_FAILED, reason=str(error))
        finally:
            if self._clock.mono_ms() - began_ms >= GOOD_CONNECTION_MS:
                self._failures = 0
        self._stay_away(self._backoff_ms())

    def _serve(self) -> None:
        """Keep one connection for as long as it lasts."""
        will = Will(topics.status(self._gateway), messages.encode(messages.Status(state="offline")))
        session = Session(self._settings.link, will, self._on_message)
        try:
            session.open(topics.receipt(self._gateway), topics.command(self._gateway, "+"))
            self._begin(session)
            while not self._stopping.is_set():
                self._step(session)
            self._farewell(session)
        except BaseException:
            session.abandon()
            raise
        session.close()

    def _begin(self, session: Session) -> None:
        _log.info(CONNECTED, host=self._settings.link.host, port=self._settings.link.port)
        self._told_down = False
        self._sent.clear()
        self._window.connected(self._clock.mono_ms())
        self._next_beat_ms = 0
        self._changed.set()
        self._report(session)

    def _step(self, session: Session) -> None:
        self._keep_house()
        self._report(session)
        self._send(session)
        self._obey(session)
        for mid in session.pump(PUMP_S):
            seq = self._sent.pop(mid, None)
            if seq is not None:
                self._window.acknowledged(seq, self._clock.mono_ms())
        if self._window.stalled(self._clock.mono_ms()):
            raise LinkError("the broker acknowledges nothing any more")

    def _farewell(self, session: Session) -> None:
        """Seal and send the last readings, and say in our own words that we go."""
        self._next_seal_ms = 0
        self._keep_house()
        self._send(session)
        goodbye = self._publish_status(session, "offline")
        until_ms = self._clock.mono_ms() + FAREWELL_MS
        waiting = {goodbye, *self._sent}
        while waiting and self._clock.mono_ms() < until_ms:
            waiting.difference_update(session.pump(PUMP_S))

    def _stay_away(self, delay_ms: int) -> None:
        """Wait before the next attempt; the outbox is looked after meanwhile."""
        until_ms = self._clock.mono_ms() + delay_ms
        while (left_ms := until_ms - self._clock.mono_ms()) > 0 and not self._stopping.is_set():
            self._stopping.wait(min(left_ms / 1000, PUMP_S))
            self._keep_house()

    def _backoff_ms(self) -> int:
        """Double the wait with each failure; a random half keeps gateways from coming in step."""
        ceiling_s = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return int(ceiling_s * self._rng.uniform(0.5, 1.0) * 1000)

    def _note_down(self, reason: str) -> None:
        if not self._told_down:
            _log.warning(UNAVAILABLE, reason=reason)
        self._told_down = True

    # ------------------------------------------------------------ its work

    def _keep_house(self) -> None:
        """Seal and prune when it is time; a disk that fails is told of and tried again."""
        now_ms = self._clock.mono_ms()
        try:
            if now_ms >= self._next_seal_ms:
                self._next_seal_ms = now_ms + self._period_ms
                self._seal()
            if now_ms >= self._next_prune_ms:
                self._next_prune_ms = now_ms + PRUNE_EVERY_MS
                self._prune()
        except StoreError as error:
            _log.error(STORE_FAILED, reason=str(error))

    def _seal(self) -> None:
        count = self._outbox.seal()
        if count:
            _log.info(SEALED, count=count)
        if count >= SEAL_LIMIT:
            self._next_seal_ms = 0  # more is waiting

    def _prune(self) -> None:
        """Remove old confirmed batches, while the clock that tells their age is known."""
        if self._clock.source() is not messages.ClockSource.UNKNOWN:
            self._outbox.prune()

    def _report(self, session: Session) -> None:
        if self._changed.is_set():
            self._changed.clear()
            inventory = messages.encode(self._book.current())
            session.publish(topics.inventory(self._gateway), inventory, retain=True)
        if self._clock.mono_ms() >= self._next_beat_ms:
            self._next_beat_ms = self._clock.mono_ms() + int(self._settings.heartbeat_s * 1000)
            self._publish_status(session, "online")

    def _publish_status(self, session: Session, state: str) -> int:
        status = self._health.status(state, self._outbox.figures(), self._outbox.past_figures())
        return session.publish(topics.status(self._gateway), messages.encode(status), retain=True)

    def _send(self, session: Session) -> None:
        now_ms = self._clock.mono_ms()
        live_since_ms = self._clock.wall_of(now_ms) - 2 * self._period_ms - LIVE_GRACE_MS
        candidates = self._outbox.unconfirmed(
            MAX_IN_FLIGHT, live_since_ms, skip=self._window.in_flight
        )
        for seq in self._window.choose(candidates, now_ms):
            payload = self._outbox.payload(seq)
            if payload is not None:
                topic = topics.batch(self._gateway, self._outbox.epoch, seq)
                self._sent[session.publish(topic, payload)] = seq

    def _obey(self, session: Session) -> None:
        """Carry out the commands that came, and answer them; a broken one changes nothing."""
        while self._commands:
            topic, payload = self._commands.popleft()
            try:
                command_id = topics.command_id_of(topic)
                result = carry_out(payload, self._outbox)
            except ContractError as error:
                _log.warning(BROKEN_COMMAND, reason=str(error))
                continue
            answer = topics.command_result(self._gateway, command_id)
            session.publish(answer, messages.encode(result))

    def _on_message(self, topic: str, payload: bytes) -> None:
        """Take what is meant for us; a broker may also hand back what we retain there (amqtt)."""
        if topic == topics.receipt(self._gateway):
            self._on_receipt(payload)
        elif topic.startswith(topics.command(self._gateway, "")):
            self._commands.append((topic, payload))

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
        try:
            self._outbox.confirm(receipt.stored)
            self._outbox.refuse(receipt.refused)
        except StoreError as error:  # the batches are sent again, and so is the receipt
            _log.error(STORE_FAILED, reason=str(error))
            return
        for one in receipt.refused:
            _log.warning(REFUSED, seq=one.seq, reason=one.reason)
        self._window.settled(receipt.stored)
        self._window.settled((one.seq, one.seq) for one in receipt.refused)


def check_receipt(receipt: messages.Receipt) -> None:
    """Raise ContractError for sequence numbers that no batch can have."""
    ranges = [*receipt.stored, *((one.seq, one.seq) for one in receipt.refused)]
    for first, last in ranges:
        if not 1 <= first <= last <= topics.MAX_SEQ:
            raise ContractError(f"receipt names the range {first} to {last}")
