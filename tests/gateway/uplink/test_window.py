"""Which batch is sent when: the state machine without a broker."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.outbox import Candidate
from gateway.uplink.window import Window

KB = 1024


def batches(*seqs, size=100, live=False):
    return [Candidate(seq, size, live) for seq in seqs]


def opened(now_ms=0):
    window = Window()
    window.connected(now_ms)
    return window


def test_new_batches_are_sent_once_in_their_order():
    window = opened()
    assert window.choose(batches(7, 3, 5), 0) == [7, 3, 5]
    assert window.choose(batches(7, 3, 5), 0) == []


def test_at_most_64_are_in_flight():
    window = opened()
    assert len(window.choose(batches(*range(1, 100), live=True), 0)) == 64
    assert len(window) == 64


def test_history_leaves_eight_places_for_live_batches():
    window = opened()
    assert len(window.choose(batches(*range(1, 100)), 0)) == 56
    assert window.choose([*batches(100, live=True), *batches(57)], 0) == [100]


def test_a_receipt_makes_room():
    window = opened()
    window.choose(batches(*range(1, 57)), 0)
    window.settled([(1, 10), (12, 12)])
    assert window.choose(batches(*range(57, 99)), 0) == list(range(57, 68))


def test_the_wire_holds_at_most_128_kib_until_the_broker_acknowledges():
    window = opened()
    many = batches(*range(1, 10), size=50 * KB)
    assert window.choose(many, 0) == [1, 2]
    window.acknowledged(1, 0)
    assert window.choose(many, 0) == [3]


def test_a_batch_larger_than_that_goes_alone():
    window = opened()
    assert window.choose(batches(1, 2, size=200 * KB), 0) == [1]
    window.acknowledged(1, 0)
    assert window.choose(batches(2, size=200 * KB), 0) == [2]


def test_a_live_batch_does_not_overtake_what_does_not_fit():
    """Order holds: nothing smaller slips past the batch whose turn it is."""
    window = opened()
    window.choose(batches(1, size=100 * KB), 0)
    assert window.choose([*batches(2, size=100 * KB), *batches(3, size=1)], 0) == []


def test_without_a_receipt_a_batch_is_sent_again_after_30_s_doubling_to_15_min():
    window, now_ms, waits = opened(), 0, []
    window.choose(batches(1), 0)
    for _ in range(8):
        window.acknowledged(1, now_ms)
        asked_ms = now_ms
        while window.choose([], now_ms) == []:
            now_ms += 500
        waits.append((now_ms - asked_ms) / 1000)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_what_the_broker_has_not_acknowledged_is_not_doubled_on_a_slow_link():
    window = opened()
    window.choose(batches(1), 0)
    assert window.choose(batches(1), 500_000) == []


def test_after_a_receipt_nothing_is_sent_again():
    window = opened()
    window.choose(batches(1), 0)
    window.acknowledged(1, 0)
    window.settled([(1, 1)])
    assert window.choose([], 10**9) == []


def test_a_receipt_may_come_before_the_acknowledgement():
    window = opened()
    window.choose(batches(1), 0)
    window.settled([(1, 1)])
    window.acknowledged(1, 5)
    assert len(window) == 0
    assert window.wire_bytes == 0


def test_a_new_connection_may_send_all_again_at_once():
    window = opened()
    window.choose(batches(1, 2), 0)
    window.acknowledged(1, 0)
    window.connected(10)
    assert window.choose(batches(1, 2), 10) == [1, 2]


def test_a_broker_that_acknowledges_nothing_for_ten_minutes_has_stalled():
    window = opened()
    window.choose(batches(1), 5_000)
    assert not window.stalled(604_999)
    assert window.stalled(605_000)


def test_any_acknowledgement_is_progress():
    window = opened()
    window.choose(batches(1, 2), 0)
    window.acknowledged(1, 500_000)
    assert not window.stalled(1_000_000)


def test_an_idle_wire_never_stalls():
    window = opened()
    assert not window.stalled(10**9)
    window.choose(batches(1), 10**9)
    assert not window.stalled(10**9 + 1)


class WindowMachine(RuleBasedStateMachine):
    """Against any broker and server, the limits hold and every batch is confirmed in the end."""

    def __init__(self):
        super().__init__()
        self.now_ms, self.window = 0, opened()
        self.unconfirmed, self.at_broker, self.last_seq = {}, set(), 0

    def candidates(self):
        waiting = [one for seq, one in self.unconfirmed.items() if seq not in self.window.in_flight]
        return sorted(waiting, key=lambda one: (not one.live, one.seq))

    @rule(size=st.integers(1, 300 * KB), live=st.booleans())
    def seal(self, size, live):
        self.last_seq += 1
        self.unconfirmed[self.last_seq] = Candidate(self.last_seq, size, live)

    @rule(ms=st.sampled_from([1, 250, 30_000, 900_000]))
    def send(self, ms):
        self.now_ms += ms
        flying = set(self.window.in_flight) - self.at_broker
        chosen = self.window.choose(self.candidates(), self.now_ms)
        assert len(set(chosen)) == len(chosen)
        assert not flying & set(chosen), "sent twice without an acknowledgement between"

    @rule(data=st.data())
    def puback(self, data):
        if self.window.in_flight:
            seq = data.draw(st.sampled_from(sorted(self.window.in_flight)))
            self.window.acknowledged(seq, self.now_ms)
            self.at_broker.add(seq)

    @rule(first=st.integers(1, 40), more=st.integers(0, 5))
    def receipt(self, first, more):
        self.window.settled([(first, first + more)])
        for seq in range(first, first + more + 1):
            self.unconfirmed.pop(seq, None)

    @rule()
    def reconnect(self):
        self.window.connected(self.now_ms)
        self.at_broker.clear()

    @invariant()
    def limits_hold(self):
        assert len(self.window) <= 64
        on_wire = self.window.wire_bytes
        assert on_wire <= 300 * KB
        assert set(self.window.in_flight) <= set(self.unconfirmed)

    def teardown(self):
        """From any state, a broker and a server that work see everything through."""
        for _ in range(10 * len(self.unconfirmed) + 10):
            self.now_ms += 900_000
            self.window.choose(self.candidates(), self.now_ms)
            for seq in list(self.window.in_flight):
                self.window.acknowledged(seq, self.now_ms)
                self.window.settled([(seq, seq)])
                self.unconfirmed.pop(seq)
        assert self.unconfirmed == {}


TestWindowByChance = WindowMachine.TestCase
TestWindowByChance.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
