"""Which batch to send when. Pure: it is told what happened and when, and keeps no clock.

A batch is *in flight* from its first sending until its receipt, and *on the wire* from each sending
until the broker's PUBACK. The first bounds what the server has to sort out after an outage; the
second keeps fresh readings from queueing behind history on a slow link.

A batch without its receipt is *overdue* after a time that doubles with each sending. That time is
short once a batch which the broker acknowledged later has its receipt: the server takes messages
in their order, so this one was lost on the way (as RFC 8985, RACK, has it for TCP segments).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gateway.outbox import Candidate

# The wire contract, "Receipt": at most 64 in flight; re-sent after 30 s, doubling to 15 min.
MAX_IN_FLIGHT = 64
FIRST_RETRY_MS = 30_000
MAX_RETRY_MS = 900_000
# After the receipt of what came later: the server gathers receipts for up to 1 s, and sorts out
# what a broker of its own hands it twice. Doubles likewise, for some batches wait at the server.
FIRST_OVERTAKEN_MS = 2_500
# Places that history leaves free for what was just measured.
LIVE_RESERVE = 8
# On the wire at once, unless a single batch is larger; at 1 KB/s this is 2 min of sending.
MAX_WIRE_BYTES = 128 * 1024
# What a live batch takes, before it is made: an hour of 60 series is no larger.
LIVE_BYTES = 8 * 1024
# A broker that acknowledges nothing for this long has lost us, whatever TCP says.
STALL_MS = 600_000


@dataclass(slots=True)
class _Flight:
    size: int
    live: bool
    attempts: int = 1
    on_wire: bool = True
    acknowledged_ms: int = 0
    due_ms: int = 0
    # Place in the order of acknowledgements, of the first sending and of the last one. A receipt
    # may be for either, so as evidence counts the first, and what is judged by it is the last.
    first_place: int | None = None
    last_place: int = 0

    def is_due(self, now_ms: int) -> bool:
        return not self.on_wire and self.due_ms <= now_ms


class Window:
    """The batches of one connection that are under way. Times are monotonic milliseconds."""

    def __init__(self) -> None:
        """Start with nothing under way."""
        self._flights: dict[int, _Flight] = {}
        self._progress_ms = 0
        self._places = 0

    def __len__(self) -> int:
        """Count the batches in flight."""
        return len(self._flights)

    @property
    def in_flight(self) -> Collection[int]:
        """The batches that were sent on this connection and have no receipt yet."""
        return self._flights.keys()

    @property
    def wire_bytes(self) -> int:
        """How much the broker has not acknowledged yet."""
        return sum(flight.size for flight in self._flights.values() if flight.on_wire)

    @property
    def takes_live(self) -> bool:
        """Tell whether a live batch would leave at once."""
        on_wire = self.wire_bytes
        fits = on_wire == 0 or on_wire + LIVE_BYTES <= MAX_WIRE_BYTES
        return fits and len(self._flights) < MAX_IN_FLIGHT

    def connected(self, now_ms: int) -> None:
        """Begin anew on a new connection: all that is unconfirmed may be sent again at once."""
        self._flights.clear()
        self._progress_ms = now_ms

    def overdue(self, now_ms: int) -> list[Candidate]:
        """List what is to be sent again. As live counts one that was live, and the first time."""
        return [
            Candidate(seq, flight.size, flight.live and flight.attempts <= 1)
            for seq, flight in self._flights.items()
            if flight.is_due(now_ms)
        ]

    def choose(self, candidates: Sequence[Candidate], now_ms: int) -> list[int]:
        """Take what is sent now, in the order given: of what is overdue and of new batches."""
        chosen: list[int] = []
        for one in candidates:
            flight = self._flights.get(one.seq)
            if not (flight.is_due(now_ms) if flight else self._admits(one)):
                continue
            if self._fits(one.size, now_ms):
                self._launch(one)
                chosen.append(one.seq)
            elif flight is None:
                break
        return chosen

    def acknowledged(self, seq: int, now_ms: int) -> None:
        """Note the broker's PUBACK: from now on the server's receipt is waited for."""
        self._progress_ms = now_ms
        flight = self._flights.get(seq)
        if flight is not None and flight.on_wire:
            self._places += 1
            flight.on_wire = False
            flight.acknowledged_ms = now_ms
            flight.due_ms = now_ms + _wait_ms(FIRST_RETRY_MS, flight.attempts)
            flight.last_place = self._places
            if flight.first_place is None:
                flight.first_place = self._places

    def settled(self, ranges: Iterable[tuple[int, int]], now_ms: int) -> None:
        """Let go of batches that have their receipt, given as closed ranges."""
        newest = 0
        for first, last in ranges:
            for seq in [seq for seq in self._flights if first <= seq <= last]:
                newest = max(newest, self._flights.pop(seq).first_place or 0)
        for flight in self._flights.values():
            if not flight.on_wire and flight.last_place < newest:
                _overtake(flight, now_ms)

    def gone(self, seq: int) -> None:
        """Give the place of a batch free that was chosen but is no longer kept."""
        self._flights.pop(seq, None)

    def forget(self, now_ms: int) -> int:
        """Make all that the broker has acknowledged due again; count it.

        The server has lost what waited for it at the broker, so that nothing is to be waited for.
        """
        lost = [flight for flight in self._flights.values() if not flight.on_wire]
        for flight in lost:
            flight.due_ms = now_ms
            flight.attempts = 0
            flight.first_place = None
        return len(lost)

    def stalled(self, now_ms: int) -> bool:
        """Tell whether the broker has stopped acknowledging."""
        return self.wire_bytes > 0 and now_ms - self._progress_ms >= STALL_MS

    def _launch(self, one: Candidate) -> None:
        flight = self._flights.get(one.seq)
        if flight is None:
            self._flights[one.seq] = _Flight(one.size, one.live)
        else:
            flight.attempts += 1
            flight.on_wire = True

    def _admits(self, one: Candidate) -> bool:
        return len(self._flights) < MAX_IN_FLIGHT - (0 if one.live else LIVE_RESERVE)

    def _fits(self, size: int, now_ms: int) -> bool:
        on_wire = self.wire_bytes
        if on_wire == 0:
            self._progress_ms = now_ms  # an idle wire is no stalled one
        return on_wire == 0 or on_wire + size <= MAX_WIRE_BYTES


def _overtake(flight: _Flight, now_ms: int) -> None:
    """Note that what came after it has its receipt. The first such receipt sets the time."""
    backed_off_ms = flight.acknowledged_ms + _wait_ms(FIRST_OVERTAKEN_MS, flight.attempts)
    flight.due_ms = min(flight.due_ms, max(backed_off_ms, now_ms + FIRST_OVERTAKEN_MS))


def _wait_ms(first_ms: int, attempts: int) -> int:
    return int(min(first_ms * 2 ** min(attempts - 1, 16), MAX_RETRY_MS))
