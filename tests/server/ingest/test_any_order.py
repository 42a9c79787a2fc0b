"""Whatever the order, the repetition and the grouping of messages: the table comes out the same."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from server.db import tables as t
from server.db.engine import writing
from server.ingest.events import WaitingBatch

RAW = "dune-1/soil-10cm/vwc_raw"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"
BATCHES = 5
VALUES = {RAW: ("2493.4", None, "0"), TEMPERATURE: ("16.1", "-40.1", None)}

# In a batch: which series it carries. Then: what arrives, -1 being the inventory, and where the
# stream is cut into transactions.
contents = st.lists(st.sampled_from([RAW, TEMPERATURE]), min_size=BATCHES, max_size=BATCHES)
arrivals = st.lists(st.integers(-1, BATCHES - 1), max_size=15)
cuts = st.lists(st.integers(1, 4), min_size=1, max_size=10)


def clear(engine):
    with writing(engine) as connection:
        for table in reversed(t.metadata.sorted_tables):
            connection.execute(delete(table))


def everything(take):
    return {name: take.rows(name) for name in (RAW, TEMPERATURE, "dune-1/soil-10cm/vwc")}


def run(take, stream, sizes):
    """Take a stream in groups, trying again what waited, as the worker does."""
    while stream:
        size = sizes[0]
        sizes = [*sizes[1:], size]
        group, stream = stream[:size], stream[size:]
        freed = [entry for outcome in take(*group) for entry in outcome.waiting]
        if freed:
            take(*map(WaitingBatch, freed))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=contents, arrived=arrivals, sizes=cuts)
def test_order_repetition_and_grouping_change_nothing(take, station, names, arrived, sizes):
    batches = [
        station.readings(seq + 1, VALUES[name], name=name, at_ms=seq * 60_000)
        for seq, name in enumerate(names)
    ]
    messages = {-1: station.announce(), **dict(enumerate(batches))}
    clear(take.engine)
    take.pipeline.forget()
    take(station.announce(), *batches)
    expected = everything(take)
    clear(take.engine)
    take.pipeline.forget()

    run(take, [messages[one] for one in [*arrived, *range(BATCHES), -1]], sizes)

    assert everything(take) == expected
    assert sum(len(rows) for rows in expected.values()) == 3 * BATCHES + 3 * names.count(RAW)
    assert {status for status, _ in take.entries()} == {"stored"}
