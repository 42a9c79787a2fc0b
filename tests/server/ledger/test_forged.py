"""Who may publish as a gateway can claim anything; its claims cost the server next to nothing."""

import time
import tracemalloc

import pytest
from sqlalchemy import func, insert, select

from server.db.engine import writing
from server.db.tables import gateway, gateway_epoch, ledger_range
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.ledger.account import read_account
from server.ledger.sentences import lines
from server.ledger.series import Span
from server.store.engines import store_for
from wire import messages, topics
from wire.catalogue import bundled
from wire.messages import MAX_RANGES, MAX_RESENT, CommandResult, OutboxFigures, Status

FORGER, NOW = "forger", 1_800_000_000_000
FAR = 10**15
EPOCHS = [f"{n:08}" for n in range(16)]
# Far above what is needed, also on a busy machine and while memory is being traced, which alone takes
# thrice the time; far below what 10^15 of anything would take.
MOST_S, MOST_BYTES = 20.0, 40_000_000


@pytest.fixture
def take(engine):
    pipeline = Pipeline(store_for(engine), bundled())

    def run(topic, message):
        with writing(engine) as connection:
            turn = Turn(connection, NOW, alone=False)
            sent = Message(topic, messages.encode(message), received_at=NOW)
            return pipeline.process(turn, sent)

    return run


@pytest.fixture
def cheap():
    """Measure what is done under it; fail when it is not cheap."""
    tracemalloc.start()
    began_s = time.monotonic()
    yield
    took_s, (_, peak) = time.monotonic() - began_s, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took_s < MOST_S
    assert peak < MOST_BYTES


def claim(**figures):
    outbox = [OutboxFigures(epoch=epoch, sealed=FAR, **figures) for epoch in EPOCHS]
    return topics.status(FORGER), Status(state="online", outbox=outbox)


def read(engine):
    with engine.connect() as connection:
        account = read_account(connection, store_for(engine), FORGER, Span(0, NOW, NOW))
    return account, list(lines(account))


@pytest.mark.usefixtures("cheap")
def test_a_number_sealed_far_away_is_asked_for_in_small_portions(engine, take):
    outcome = take(*claim())
    account, _ = read(engine)

    assert [sum(b - a + 1 for a, b in one.spans) for one in outcome.wanted] == 16 * [MAX_RESENT]
    assert [one.tally.holes for one in account.outboxes] == 8 * [FAR]


@pytest.mark.usefixtures("cheap")
def test_batches_that_few_numbers_apart_claim_to_be_lost_or_carried_are_as_many_rows(engine, take):
    """Each range it names costs it a dozen bytes, and us a row."""
    scattered = [(n * 10**9, n * 10**9 + 10**8) for n in range(1, MAX_RANGES + 1)]
    take(*claim(closed=True, carried=scattered))
    take(*claim(closed=True, carried=[(1, FAR)]))
    gone = CommandResult(
        kind="resend", ok=True, epoch=EPOCHS[0], gone=[(n, n) for n in range(1, 2000, 2)]
    )
    take(topics.command_result(FORGER, "x"), gone)
    read(engine)

    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(ledger_range)).scalar() == 16


def test_a_claim_over_a_shredded_ledger_leaves_what_is_stored(engine, take, request):
    """It has sent every second of 30,000 batches: more than is looked through at once."""
    rows = [
        {"gateway": FORGER, "epoch": EPOCHS[0], "first": 2 * n, "last": 2 * n, "fate": "stored"}
        for n in range(1, 30_001)
    ]
    with writing(engine) as connection:
        connection.execute(insert(gateway), [{"id": FORGER, "first_seen_at": NOW}])
        connection.execute(insert(ledger_range), rows)
    request.getfixturevalue("cheap")
    take(*claim(closed=True, carried=[(1, FAR)]))
    read(engine)

    with engine.connect() as connection:
        stored = select(func.sum(ledger_range.c.last - ledger_range.c.first + 1))
        stored = stored.where(ledger_range.c.fate == "stored")
        assert connection.execute(stored).scalar() == 30_000


def test_epochs_that_were_made_up_by_the_thousand_do_not_slow_down_a_status(engine, take, request):
    rows = [
        {"gateway": FORGER, "epoch": f"ffff{n:08}", "first_seen_at": NOW, "sealed": FAR}
        for n in range(20_000)
    ]
    with writing(engine) as connection:
        connection.execute(insert(gateway), [{"id": FORGER, "first_seen_at": NOW}])
        connection.execute(insert(gateway_epoch), rows)
    request.getfixturevalue("cheap")

    outcome = take(*claim())
    account, text = read(engine)

    assert len(outcome.wanted) == 16
    assert len(account.outboxes) == 8
    assert len(text) < 50


@pytest.mark.usefixtures("cheap")
def test_blocks_that_span_the_whole_range_of_numbers_are_not_looked_for(take):
    digest = "0" * 32
    blocks = [(n, FAR, digest) for n in range(1, 129)]
    told = CommandResult(kind="compare", ok=True, epoch=EPOCHS[0], blocks=blocks, more=True)

    assert take(topics.command_result(FORGER, "x"), told).same is None
