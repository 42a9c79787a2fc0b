"""The uplink's thread: connects, sends, reports how the gateway is, rests, and connects again."""

from dataclasses import dataclass
from random import Random
from threading import Event, Thread

import structlog
from msgspec.structs import replace

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.uplink.allowance import Plan, Rest
from gateway.uplink.inbox import Inbox
from gateway.uplink.ration import Ration
from gateway.uplink.session import CONNECT_TIMEOUT_S, Link, LinkError, Session, Will
from gateway.uplink.tls import Now, TlsMemory
from gateway.uplink.upkeep import STORE_FAILED, Upkeep
from gateway.uplink.window import MAX_IN_FLIGHT, Window
from wire import messages, topics

CONNECTED = "uplink_connected"
UNAVAILABLE = "uplink_unavailable"
FAILED = "uplink_failed"
RESTS = "uplink_rests"
RESUMES = "uplink_resumes"

# Full jitter: any wait up to a ceiling that doubles with each failure, so that a thousand gateways
# come back to a broker spread out. The floor is for a broker that accepts and drops: without it,
# chance alone would have us try many times a second.
FLOOR_S = 0.25
FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 30.0
# Each attempt costs, TLS up to 5 kB: on a link with an allowance they become rarer.
MAX_METERED_BACKOFF_S = 300.0
# Rests end at the same instant everywhere; gateways return within this.
RETURN_SPREAD_S = 60.0
# A connection that lasted this long was a good one: the next back-off begins small again.
GOOD_CONNECTION_MS = 30_000
# How soon the thread notices what other threads want of it.
PUMP_S = 0.25
# What was measured within two batch intervals and this, for a slow poll, is live.
LIVE_GRACE_MS = 30_000
FAREWELL_MS = 1_000
# So long after connecting NTP, or a satellite receiver, may take to tell the time.
CLOCK_GRACE_MS = 120_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Where to send, how often to seal and to report, and how much the link may carry."""

    link: Link
    batch_every_s: float
    heartbeat_s: float
    plan: Plan = Plan()  # noqa: RUF009 - frozen


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
        self._tls = TlsMemory(settings.link.ca_file) if settings.link.tls else None
        self._window = Window()
        self._inbox = Inbox(self._gateway, outbox, self._window, clock)
        self._ration = Ration(settings.plan, outbox, clock)
        self._upkeep = Upkeep(outbox, clock, self._period_ms)
        self._sent: dict[int, int] = {}  # message id -> seq
        self._stopping = Event()
        self._changed = Event()
        self._failures = 0
        # What waits at the broker may be about batches that the file has forgotten since, with a
        # card that lied or a copy put back, and whose numbers are given out anew.
        self._is_first = True
        self._connected_ms: int | None = None
        self._told_down = False
        self._next_beat_ms = 0
        self._thread = Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        """Start the thread."""
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
    def is_connected(self) -> bool:
        """Tell whether the broker is reached now."""
        return self._connected_ms is not None

    @property
    def broken_receipts(self) -> int:
        """How many receipts could not be read."""
        return self._inbox.broken_receipts

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
        """Serve one connection, if it may and can be had, and rest before the next."""
        self._connected_ms = None
        try:
            if (rest := self._ration.rest()) is not None:
                self._rest(rest)
                return
            self._serve()
        except LinkError as error:
            self._note_down(str(error))
        except StoreError as error:
            _log.error(STORE_FAILED, reason=str(error))
        finally:
            self._rate_connection()
        self._stay_away(self._backoff_ms())

    def _rate_connection(self) -> None:
        """Begin the back-off small again after a good connection, however long connecting took."""
        since_ms, self._connected_ms = self._connected_ms, None
        if since_ms is not None and self._clock.mono_ms() - since_ms >= GOOD_CONNECTION_MS:
            self._failures = 0

    def _serve(self) -> None:
        """Keep one connection for as long as it lasts and may last."""
        will = Will(topics.status(self._gateway), messages.encode(messages.Status(state="offline")))
        session = Session(
            self._settings.link, will, self._tls, self._inbox.take, is_forgetful=self._is_first
        )
        self._ration.connecting()
        try:
            session.open(*self._inbox.filters)
            self._begin(session)
            while not self._stopping.is_set() and self._ration.rest() is None:
                self._step(session)
            self._farewell(session)
            session.close()
        except BaseException:
            session.abandon()
            raise
        finally:
            self._ration.count(session.traffic().total)
            self._ration.ended()

    def _begin(self, session: Session) -> None:
        link = self._settings.link
        _log.info(CONNECTED, host=link.host, port=link.port, resumed=session.resumed)
        self._told_down = False
        self._is_first = False
        self._sent.clear()
        self._connected_ms = self._clock.mono_ms()
        self._window.connected(self._connected_ms)
        self._next_beat_ms = 0
        self._changed.set()
        self._report(session)

    def _step(self, session: Session) -> None:
        can_send = self._window.takes_live and self._ration.takes_live(self._window.wire_bytes)
        self._upkeep.step(can_send=can_send)
        self._report(session)
        self._send(session)
        for topic, payload in self._inbox.obey():
            session.publish(topic, payload)
        for mid in session.pump(PUMP_S):
            seq = self._sent.pop(mid, None)
            if seq is not None:
                self._window.acknowledged(seq, self._clock.mono_ms())
        self._ration.count(session.traffic().total)
        if self._window.stalled(self._clock.mono_ms()):
            raise LinkError("the broker acknowledges nothing any more")

    def _farewell(self, session: Session) -> None:
        """Say in our own words that we go; before we stop, send the last readings too."""
        rest = self._ration.rest()
        if rest is None:
            self._upkeep.seal_now()
            self._send(session)
        goodbye = self._publish_status(session, "offline", rest)
        until_ms = self._clock.mono_ms() + FAREWELL_MS
        waiting = {goodbye, *self._sent}
        while waiting and self._clock.mono_ms() < until_ms:
            waiting.difference_update(session.pump(PUMP_S))

    def _rest(self, rest: Rest) -> None:
        """Leave the link alone for as long as the plan says, and a little longer by chance."""
        _log.info(RESTS, reason=rest.reason, until_ms=rest.until_ms)
        while not self._stopping.is_set() and self._ration.rest() is not None:
            self._idle(PUMP_S)
        self._failures = 0
        self._stay_away(int(self._rng.uniform(0.0, RETURN_SPREAD_S) * 1000))
        if not self._stopping.is_set():
            _log.info(RESUMES)

    def _stay_away(self, delay_ms: int) -> None:
        """Wait before the next attempt."""
        until_ms = self._clock.mono_ms() + delay_ms
        while (left_ms := until_ms - self._clock.mono_ms()) > 0 and not self._stopping.is_set():
            self._idle(min(left_ms / 1000, PUMP_S))

    def _idle(self, timeout_s: float) -> None:
        """Wait; the outbox is looked after meanwhile."""
        self._stopping.wait(timeout_s)
        self._upkeep.step(can_send=False)
        try:
            self._book.settles()
        except StoreError as error:
            _log.error(STORE_FAILED, reason=str(error))

    def _backoff_ms(self) -> int:
        """Choose how long to wait after a failure, or after a connection that ended."""
        longest_s = MAX_METERED_BACKOFF_S if self._settings.plan.daily_bytes else MAX_BACKOFF_S
        ceiling_s = min(longest_s, FIRST_BACKOFF_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return int(self._rng.uniform(FLOOR_S, ceiling_s) * 1000)

    def _note_down(self, reason: str) -> None:
        if not self._told_down:
            _log.warning(UNAVAILABLE, reason=reason)
        self._told_down = True

    # ------------------------------------------------------------ its work

    def _report(self, session: Session) -> None:
        if self._book.settles():
            self._changed.set()
        if self._changed.is_set() and not self._waits_for_clock():
            self._changed.clear()
            inventory = messages.encode(self._book.current())
            session.publish(topics.inventory(self._gateway), inventory, retain=True)
        if self._clock.mono_ms() >= self._next_beat_ms:
            self._next_beat_ms = self._clock.mono_ms() + int(self._settings.heartbeat_s * 1000)
            self._publish_status(session, "online", None)

    def _waits_for_clock(self) -> bool:
        """Let a clock that comes with the network say first when an instrument was changed.

        The server would take its own time for that; the readings wait for the clock, too.
        """
        since_ms = self._connected_ms
        is_new = since_ms is not None and self._clock.mono_ms() - since_ms < CLOCK_GRACE_MS
        return is_new and self._book.awaits_clock

    def _publish_status(self, session: Session, state: str, rest: Rest | None) -> int:
        status = self._health.status(state, self._outbox.figures(), self._outbox.past_figures())
        status = replace(
            status, heartbeat_s=self._settings.heartbeat_s, certificates=self._certificates()
        )
        if rest is not None:
            status = replace(status, resting=rest.reason, rests_until=rest.until_ms)
        return session.publish(topics.status(self._gateway), messages.encode(status), retain=True)

    def _certificates(self) -> list[messages.CertificateInfo]:
        """Tell when the certificates end that the connection depends on."""
        if self._tls is None:
            return []
        link, now_ms = self._settings.link, self._clock.mono_ms()
        now = Now(now_ms, self._clock.wall_of(now_ms))
        self._ration.add(self._tls.look(link.host, link.port, now, CONNECT_TIMEOUT_S).total)
        return self._tls.certificates()

    def _send(self, session: Session) -> None:
        now_ms = self._clock.mono_ms()
        live_since_ms = self._clock.wall_of(now_ms) - 2 * self._period_ms - LIVE_GRACE_MS
        fresh = self._outbox.unconfirmed(MAX_IN_FLIGHT, live_since_ms, skip=self._window.in_flight)
        candidates = [*self._window.overdue(now_ms), *fresh]
        candidates.sort(key=lambda one: not one.live)  # each kind in its order
        allowed = self._ration.allowed(candidates, self._window.wire_bytes)
        for seq in self._window.choose(allowed, now_ms):
            payload = self._outbox.payload(seq)
            if payload is None:  # it gave way to the disk's budget
                self._window.gone(seq)
                continue
            topic = topics.batch(self._gateway, self._outbox.epoch, seq)
            self._sent[session.publish(topic, payload)] = seq
