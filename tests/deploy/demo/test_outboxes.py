"""Figures read from a real outbox while it is open: what is sent, sealed and settled."""

from decimal import Decimal

import pytest

from deploy.demo import outboxes
from gateway.clock import Clock
from gateway.outbox import Outbox
from wire.batch import Sample
from wire.quality import Flag


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path, Clock("assume"), hold_s=60) as one:
        yield one


@pytest.fixture
def path(tmp_path, outbox):
    return tmp_path / "outbox.db"


def read(outbox, count):
    start = 1_795_159_200_000
    value = Decimal("23.4")
    outbox.append_stamped(
        ("control-1/soil-20cm/vwc", Sample(start + i * 10_000, value, Flag.PASS, ""))
        for i in range(count)
    )


def test_what_waits_is_unsent_whether_sealed_or_not(outbox, path):
    read(outbox, 3)
    outbox.seal()
    read(outbox, 2)

    assert outboxes.unsent(path) == 5
    assert outboxes.total_unsent([path, path]) == 10
    assert outboxes.newest(path) == outboxes.Mark(pending=2, seq=1)


def test_what_the_server_stored_or_refused_is_sent(outbox, path):
    read(outbox, 3)
    outbox.seal()
    outbox.confirm([(1, 1)])

    assert outboxes.unsent(path) == 0


def test_sealed_once_a_batch_has_taken_what_waited(outbox, path):
    read(outbox, 2)
    mark = outboxes.newest(path)
    assert not outboxes.is_sealed(path, mark)

    outbox.seal()
    read(outbox, 1)  # what comes later is none of this mark's business
    assert outboxes.is_sealed(path, mark)


def test_settled_once_every_batch_up_to_the_mark_is_confirmed(outbox, path):
    for _ in range(2):
        read(outbox, 1)
        outbox.seal()
    mark = outboxes.newest(path)
    outbox.confirm([(2, 2)])
    assert not outboxes.is_settled(path, mark)

    outbox.confirm([(1, 1)])
    read(outbox, 1)
    outbox.seal()
    assert outboxes.is_settled(path, mark)
