"""Which batch is sent when: the state machine without a broker."""

from itertools import pairwise
from random import Random

from hypothesis import given, settings
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


def again(window, now_ms):
    """Send again what is overdue."""
    return window.choose(window.overdue(now_ms), now_ms)


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
    window.settled([(1, 10), (12, 12)], 0)
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
        while again(window, now_ms) == []:
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
    window.settled([(1, 1)], 0)
    assert again(window, 10**9) == []


def test_a_receipt_may_come_before_the_acknowledgement():
    window = opened()
    window.choose(batches(1), 0)
    window.settled([(1, 1)], 0)
    window.acknowledged(1, 5)
    assert len(window) == 0
    assert window.wire_bytes == 0


def test_a_live_batch_counts_as_live_when_it_is_sent_again_for_the_first_time_only():
    """Else a server that is away has each sent again and again on the live readings' account."""
    window = opened()
    window.choose([*batches(1, live=True), *batches(2)], 0)
    told = []
    for now_ms in (900_000, 1_800_000, 2_700_000):
        for seq in (1, 2):
            window.acknowledged(seq, now_ms - 900_000)
        overdue = window.overdue(now_ms)
        told.append([one.live for one in overdue])
        assert window.choose(overdue, now_ms) == [1, 2]
    assert told == [[True, False], [False, False], [False, False]]


def test_a_batch_that_is_no_longer_kept_leaves_its_place():
    window = opened()
    window.choose(batches(1, 2), 0)
    window.gone(1)
    window.gone(3)
    assert (list(window.in_flight), window.wire_bytes) == ([2], 100)


def test_what_a_later_batch_has_overtaken_is_sent_again_after_2_5_s():
    """The server answers in order: a receipt for what came later means that this one was lost."""
    window = opened()
    window.choose(batches(1, 2, 3), 0)
    for seq in (1, 2, 3):
        window.acknowledged(seq, 100)
    window.settled([(3, 3)], 1_100)
    assert again(window, 3_599) == []
    assert again(window, 3_600) == [1, 2]


def test_what_came_later_than_the_receipt_is_waited_for():
    window = opened()
    window.choose(batches(1, 2, 3), 0)
    for seq in (2, 1, 3):
        window.acknowledged(seq, 0)
    window.settled([(2, 2)], 500)
    assert again(window, 29_999) == []


def test_a_receipt_says_nothing_of_what_is_still_on_the_wire():
    window = opened()
    window.choose(batches(1, 2), 0)
    window.acknowledged(2, 0)
    window.settled([(2, 2)], 500)
    assert again(window, 25_000) == []


def test_a_receipt_in_time_stops_what_was_about_to_be_sent_again():
    window = opened()
    window.choose(batches(1, 2), 0)
    window.acknowledged(1, 0)
    window.acknowledged(2, 0)
    window.settled([(2, 2)], 500)
    window.settled([(1, 1)], 1_500)
    assert again(window, 10**9) == []


def test_a_receipt_that_may_be_for_the_first_sending_proves_nothing_by_the_second():
    """A slow server has not come to batch 2 yet when it answers the first sending of batch 1."""
    window = opened()
    window.choose(batches(1), 0)
    window.acknowledged(1, 0)
    window.choose(batches(2), 29_000)
    window.acknowledged(2, 29_000)
    again(window, 30_000)  # batch 1 again
    window.acknowledged(1, 30_000)
    window.settled([(1, 1)], 30_000)
    assert again(window, 58_999) == []
    assert again(window, 59_000) == [2]  # on its own time


def test_a_batch_that_waits_at_the_server_is_not_sent_for_ever():
    """Its series are not announced yet; others come and get their receipts every second."""
    window, sendings, seq = opened(), [], 1
    window.choose(batches(1), 0)
    window.acknowledged(1, 0)
    for now_ms in range(1_000, 7_200_000, 1_000):
        seq += 1
        chosen = window.choose([*window.overdue(now_ms), *batches(seq, live=True)], now_ms)
        if 1 in chosen:
            sendings.append(now_ms)
        for one in chosen:
            window.acknowledged(one, now_ms)
        window.settled([(seq, seq)], now_ms)
    gaps_s = [(b - a) // 1000 for a, b in pairwise(sendings)]
    assert sendings[0] <= 5_000
    assert gaps_s[:8] == [5, 10, 20, 40, 80, 160, 320, 640]
    assert set(gaps_s[8:]) == {900}


def test_what_the_server_lost_is_due_at_once_and_counted():
    window = opened()
    window.choose(batches(1, 2, 3), 0)
    window.acknowledged(1, 0)
    window.acknowledged(2, 0)
    assert window.forget(1_000) == 2
    assert again(window, 1_000) == [1, 2]


def test_after_that_the_wait_begins_small_again():
    window = opened()
    window.choose(batches(1), 0)
    for now_ms in (0, 30_000, 90_000):
        window.acknowledged(1, now_ms)
        again(window, now_ms + 60_000)
    window.acknowledged(1, 150_000)
    window.forget(150_000)
    assert again(window, 150_000) == [1]
    window.acknowledged(1, 150_000)
    assert again(window, 179_999) == []
    assert again(window, 180_000) == [1]


def test_a_live_batch_is_taken_while_there_is_room_in_flight_and_on_the_wire():
    window = opened()
    assert window.takes_live
    window.choose(batches(1, size=121 * KB), 0)
    assert not window.takes_live
    window.acknowledged(1, 0)
    assert window.takes_live
    window.choose(batches(*range(2, 80), live=True), 0)
    assert not window.takes_live
    window.settled([(2, 2)], 0)
    assert window.takes_live


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


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.1, 0.6]))
def test_a_link_that_loses_messages_is_made_good_soon_and_never_flooded(seed, lost_share):
    """A batch a second for three minutes; the broker acknowledges all and loses some.

    The server answers in order, once a second. Batch 7 it keeps to itself.
    """
    chance = Random(seed)
    window, stored, inbox, sendings = opened(), set(), [], {}
    for now_ms in range(0, 180_000, 250):
        seq = now_ms // 1_000 + 1
        fresh = batches(*{seq, max(1, seq - 1)} - stored - set(window.in_flight), live=True)
        for one in window.choose([*window.overdue(now_ms), *fresh], now_ms):
            sendings.setdefault(one, []).append(now_ms)
            window.acknowledged(one, now_ms)
            if chance.random() >= lost_share:
                inbox.append(one)
        if now_ms % 1_000 == 750:
            answered = [one for one in inbox if one != 7]
            stored.update(answered)
            inbox.clear()
            window.settled([(one, one) for one in answered], now_ms)
    for sent_ms in sendings.values():
        waits_ms = [later - earlier for earlier, later in pairwise(sent_ms)]
        assert all(wait >= 2_500 * 2**n for n, wait in enumerate(waits_ms))
    if lost_share == 0.0:
        assert [len(sent) for seq, sent in sendings.items() if seq != 7] == [1] * 179
    if lost_share == 0.1:
        waits_ms = [sent[1] - sent[0] for sent in sendings.values() if len(sent) > 1]
        assert sum(wait <= 6_000 for wait in waits_ms) >= 0.8 * len(waits_ms)


class WindowMachine(RuleBasedStateMachine):
    """Against any broker and server, the limits hold and every batch is confirmed in the end."""

    def __init__(self):
        super().__init__()
        self.now_ms, self.window = 0, opened()
        self.unconfirmed, self.at_broker, self.last_seq = {}, set(), 0
        self.sendings, self.at_broker_ms = {}, {}

    def candidates(self):
        waiting = [one for seq, one in self.unconfirmed.items() if seq not in self.window.in_flight]
        fresh = sorted(waiting, key=lambda one: (not one.live, one.seq))
        return [*self.window.overdue(self.now_ms), *fresh]

    @rule(
        sizes=st.lists(st.one_of(st.integers(1, KB), st.integers(1, 300 * KB)), max_size=6),
        live=st.booleans(),
    )
    def seal(self, sizes, live):
        for size in sizes:
            self.last_seq += 1
            self.unconfirmed[self.last_seq] = Candidate(self.last_seq, size, live)

    @rule(ms=st.sampled_from([1, 250, 1_000, 2_600, 30_000, 900_000]))
    def send(self, ms):
        self.now_ms += ms
        flying = set(self.window.in_flight) - self.at_broker
        chosen = self.window.choose(self.candidates(), self.now_ms)
        assert len(set(chosen)) == len(chosen)
        assert not flying & set(chosen), "sent twice without an acknowledgement between"
        for seq in chosen:
            self.backs_off(seq)
        self.at_broker -= set(chosen)

    def backs_off(self, seq):
        """The wait after the nth sending is at least 2.5 s, doubled n - 1 times, up to 15 min."""
        sent = self.sendings[seq] = self.sendings.get(seq, 0) + 1
        if sent > 1:
            waited_ms = self.now_ms - self.at_broker_ms[seq]
            assert waited_ms >= min(2_500 * 2 ** (sent - 2), 900_000)

    @rule(data=st.data())
    def puback(self, data):
        if self.window.in_flight:
            seq = data.draw(st.sampled_from(sorted(self.window.in_flight)))
            self.window.acknowledged(seq, self.now_ms)
            if seq not in self.at_broker:
                self.at_broker_ms[seq] = self.now_ms
            self.at_broker.add(seq)

    @rule()
    def forget(self):
        assert self.window.forget(self.now_ms) == len(self.at_broker & set(self.window.in_flight))
        for seq in self.at_broker:
            self.sendings[seq] = 0

    @rule(data=st.data())
    def receipt_for_one(self, data):
        if self.at_broker & set(self.window.in_flight):
            seq = data.draw(st.sampled_from(sorted(self.at_broker & set(self.window.in_flight))))
            self.receipt(seq, 0)

    @rule(first=st.integers(1, 40), more=st.integers(0, 5))
    def receipt(self, first, more):
        self.window.settled([(first, first + more)], self.now_ms)
        for seq in range(first, first + more + 1):
            self.unconfirmed.pop(seq, None)

    @rule()
    def puback_all(self):
        for seq in set(self.window.in_flight) - self.at_broker:
            self.window.acknowledged(seq, self.now_ms)
            self.at_broker_ms[seq] = self.now_ms
            self.at_broker.add(seq)

    @rule()
    def reconnect(self):
        self.window.connected(self.now_ms)
        self.at_broker.clear()
        self.sendings.clear()

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
                self.window.settled([(seq, seq)], self.now_ms)
                self.unconfirmed.pop(seq)
        assert self.unconfirmed == {}


TestWindowByChance = WindowMachine.TestCase
TestWindowByChance.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
