"""The stage before the database: what goes together, how far it is ahead, and when it ends."""

import threading
import time

import pytest

from server.ingest.bulk import group as group_module
from server.ingest.bulk import preparing as preparing_module
from server.ingest.bulk.names import Names
from server.ingest.bulk.pace import Pace
from server.ingest.bulk.preparing import COURTESY_S, LINGER_S, Preparing
from server.ingest.events import Message
from server.ingest.inbox import Inbox
from wire.catalogue import bundled


def message(number, gateway="gw-a"):
    """One that is taken by itself."""
    return Message(f"saxaul/1/{gateway}/status", str(number).encode(), 0)


@pytest.fixture
def inbox():
    return Inbox(1_000_000)


@pytest.fixture
def preparing(inbox):
    died = []
    made = Preparing(inbox, Names(bundled()), Pace(), died.append)
    made.died = died
    made.start()
    yield made
    made.stop(5)


def test_what_comes_alone_is_given_at_once(inbox, preparing):
    inbox.put(message(1), 0)
    began_s = time.monotonic()

    group = preparing.take(5)

    assert group.works == [message(1)]
    assert time.monotonic() - began_s < LINGER_S


def test_what_comes_soon_after_goes_together(inbox, preparing):
    inbox.put(message(0), 0)
    preparing.take(5)

    for number in (1, 2, 3):
        inbox.put(message(number), 0)
        time.sleep(LINGER_S / 10)

    assert preparing.take(5).works == [message(1), message(2), message(3)]


def test_while_none_is_wanted_messages_gather_up_to_what_a_group_may_hold(
    inbox, preparing, wait_until
):
    """One group is ahead: what is live passes all that still waits in the inbox."""
    for number in range(200):
        inbox.put(message(number), 0)
    wait_until(lambda: preparing._ready)
    inbox.put(message(0, "gw-live"), 0)

    first, second = preparing.take(5), preparing.take(5)

    most = group_module.MAX_COST // group_module._SINGLE_COST
    assert first.works == [message(number) for number in range(most)]
    assert len(second.works) <= most
    assert message(0, "gw-live") in second.works


def test_nothing_is_waited_for_only_so_long(preparing):
    began_s = time.monotonic()

    assert preparing.take(0.05) is None
    assert 0.05 <= time.monotonic() - began_s < 2


def test_a_group_waits_for_an_answer_that_is_being_written(inbox, preparing, monkeypatch):
    monkeypatch.setattr(preparing_module, "COURTESY_S", 30.0)
    preparing.answers.begin()
    inbox.put(message(1), 0)
    assert preparing.take(0.2) is None

    preparing.answers.end()

    assert preparing.take(10).works == [message(1)]


def test_it_does_not_wait_long_for_answers(inbox, preparing):
    preparing.answers.begin()
    inbox.put(message(1), 0)
    began_s = time.monotonic()

    assert preparing.take(10).works == [message(1)]
    assert COURTESY_S <= time.monotonic() - began_s < 5


def test_what_is_behind_does_not_wait_for_answers(inbox, preparing, wait_until, monkeypatch):
    for number in range(200):
        inbox.put(message(number), 0)
    wait_until(lambda: preparing._ready)
    monkeypatch.setattr(preparing_module, "COURTESY_S", 30.0)
    preparing.answers.begin()

    most = group_module.MAX_COST // group_module._SINGLE_COST
    groups = [preparing.take(10) for _ in range(200 // most)]

    assert [len(one.works) for one in groups] == [most] * (200 // most)


def test_it_ends_though_an_answer_is_being_written(inbox, preparing, monkeypatch, wait_until):
    monkeypatch.setattr(preparing_module, "COURTESY_S", 30.0)
    preparing.answers.begin()
    inbox.put(message(1), 0)
    wait_until(lambda: not len(inbox))

    preparing.stop(10)

    assert not preparing._thread.is_alive()


def test_it_ends_though_nobody_takes_what_is_ready(inbox, preparing, wait_until):
    inbox.put(message(1), 0)
    threading.Thread(target=preparing.take, args=(5,)).start()
    inbox.put(message(2), 0)
    wait_until(lambda: not len(inbox))

    preparing.stop(5)

    assert not preparing._thread.is_alive()
    assert preparing.died == []


def test_a_thread_that_cannot_go_on_says_so(inbox, preparing, wait_until, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(group_module.Gathering, "add", fail)
    inbox.put(message(1), 0)

    wait_until(lambda: preparing.died)
    assert str(preparing.died[0]) == "boom"
