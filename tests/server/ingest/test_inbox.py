"""The inbox: whose message comes next, how much waits at most, and how long anyone waits."""

import threading
import time
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from server.ingest.events import Message, WaitingBatch
from server.ingest.inbox import Inbox

NOW = 1_767_225_600_000


def message(gateway, number, size=0):
    return Message(f"saxaul/1/{gateway}/batch/a1b2c3d4/{number}", b"x" * size, NOW)


def inbox_of(*messages):
    inbox = Inbox(10_000_000)
    for one in messages:
        assert inbox.put(one, 0)
    return inbox


def test_one_late_message_does_not_wait_for_the_backlog_of_another_gateway():
    backlog = [message("gw-a", number) for number in range(50)]
    live = message("gw-b", 1)

    inbox = inbox_of(*backlog, live)

    assert inbox.take(3, 0) == [backlog[0], live, backlog[1]]
    assert len(inbox) == 48


def test_many_small_messages_pass_the_large_ones_of_another_gateway():
    large = [message("gw-a", number, 5_000) for number in range(10)]
    small = [message("gw-b", number, 50) for number in range(10)]

    taken = inbox_of(*large, *small).take(13, 0)

    assert [one for one in taken if one in large] == large[:3]
    assert [one for one in taken if one in small] == small


def test_who_was_given_nothing_for_long_has_not_saved_it_up():
    inbox = inbox_of(*[message("gw-a", number, 5_000) for number in range(20)])
    inbox.take(10, 0)
    for number in range(20):
        inbox.put(message("gw-b", number, 5_000), 0)

    gateways = [one.topic.split("/")[2] for one in inbox.take(10, 0)]
    assert gateways.count("gw-a") in (4, 5, 6)


def test_what_names_no_gateway_has_its_turn_too():
    stray = Message("saxaul/1/NOBODY/status", b"", NOW)

    assert inbox_of(message("gw-a", 1), message("gw-a", 2), stray).take(2, 0)[1] == stray


@given(st.lists(st.sampled_from(["gw-a", "gw-b", "gw-c"])), st.integers(1, 7))
def test_all_come_out_once_and_those_of_a_gateway_in_their_order(gateways, most):
    sent = [message(gateway, number) for number, gateway in enumerate(gateways)]
    inbox = inbox_of(*sent)

    taken = []
    while some := inbox.take(most, 0):
        taken += some

    def by_gateway(messages):
        ordered = sorted(messages, key=lambda one: one.topic.split("/")[2])
        return {key: list(some) for key, some in groupby(ordered, lambda o: o.topic.split("/")[2])}

    assert by_gateway(taken) == by_gateway(sent)


def test_when_it_is_full_nothing_is_taken_in_until_there_is_room():
    inbox = Inbox(1)
    first, second = message("gw-a", 1), message("gw-a", 2)

    assert inbox.put(first, 0)
    assert not inbox.put(second, 0.01)
    assert inbox.take(1, 0) == [first]
    assert inbox.put(second, 0)


def test_an_empty_one_is_waited_at_for_the_given_time_only():
    began_s = time.monotonic()

    assert Inbox(1).take(1, 0.05) == []
    assert time.monotonic() - began_s >= 0.05


def test_who_waits_is_woken_by_a_message():
    inbox = Inbox(1)
    threading.Timer(0.05, lambda: inbox.put(message("gw-a", 1), 0)).start()

    assert inbox.take(5, 10) == [message("gw-a", 1)]


def test_journalled_batches_go_before_what_waits_of_their_gateway_and_take_no_room():
    inbox = Inbox(1)
    first = message("gw-a", 9)
    assert inbox.put(first, 0)
    freed = [WaitingBatch(number, "gw-a") for number in range(3)]

    inbox.put_first(freed)

    assert len(inbox) == 1
    assert inbox.take(10, 0) == [*freed, first]


def test_room_is_counted_in_bytes():
    """A few large messages fill it as many small ones do."""
    inbox = Inbox(10_000)

    assert inbox.put(message("gw-a", 1, 8_000), 0)
    assert not inbox.put(message("gw-a", 2, 8_000), 0)
    assert inbox.put(message("gw-a", 3, 10), 0)


def test_a_message_larger_than_all_room_is_taken_when_nothing_else_waits():
    inbox = Inbox(100)

    assert inbox.put(message("gw-a", 1, 5_000), 0)
    assert not inbox.put(message("gw-a", 2), 0)


def test_messages_that_were_put_back_come_first_and_in_their_order():
    sent = [message("gw-a", number) for number in range(4)]
    inbox = inbox_of(*sent)
    taken = inbox.take(2, 0)

    inbox.put_first(taken)

    assert len(inbox) == 4
    assert inbox.take(4, 0) == sent


def test_who_waits_is_woken_when_it_is_enough():
    inbox = Inbox(1)
    enough = threading.Event()
    threading.Timer(0.05, lambda: (enough.set(), inbox.wake())).start()
    began_s = time.monotonic()

    assert inbox.take(5, 10, enough.is_set) == []
    assert time.monotonic() - began_s < 5
