"""Whatever came: a replay of what is right changes nothing; after a change it ends as if it had
all just come."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wire import topics

GATEWAY = "kubuqi-dune"
RELAXED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

values = st.lists(st.sampled_from(["2493.4", "0", None, "2000"]), min_size=1, max_size=4)
series = st.dictionaries(
    st.sampled_from(["vwc_raw", "soil_temperature", "soil_ec"]), values, min_size=1, max_size=3
)
batches = st.tuples(
    st.sampled_from(["a1b2c3d4", "bbbb0000"]), st.integers(1, 4), series, st.integers(0, 6)
)
inventories = st.tuples(
    st.sampled_from(["METER TEROS 12", "some probe"]),
    st.sampled_from([("vwc_raw",), ("vwc_raw", "soil_temperature"), ("vwc_raw", "soil_ec")]),
)
garbage = st.sampled_from([b"", b"no batch", b"x\x9c"])
streams = st.lists(st.one_of(batches, inventories, garbage), min_size=1, max_size=10)
upgrades = st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans())


def messages(station, stream):
    """The messages of a stream; inventories count their revisions."""
    out = []
    for number, one in enumerate(stream):
        if isinstance(one, bytes):
            out.append(station.message(topics.batch(GATEWAY, "cccc0000", number + 1), one))
        elif len(one) == 2:
            out.append(station.announce(rev=number, model=one[0], names=one[1]))
        else:
            epoch, seq, held, at = one
            out.append(station.batch(seq, held, at=at, epoch=epoch))
    return out


def told(server):
    """What a person can see of it all."""
    return (server.observations(), server.latest(), server.journal(), server.ledger())


@RELAXED
@given(stream=streams)
def test_a_replay_with_nothing_changed_changes_nothing(server, station, stream):
    server.clear()
    server.take(*messages(station, stream))
    before = server.everything()

    tally = server.replay()

    assert server.everything() == before
    assert (tally.added, tally.changed, tally.removed, tally.stored) == (0, 0, 0, 0)


@RELAXED
@given(stream=streams, upgrade=upgrades)
def test_after_a_change_it_ends_as_if_it_had_all_just_come(
    server, station, catalogue, stream, upgrade
):
    """By any of three catalogues first, and by any other in the end."""
    before, after, piecewise = upgrade
    stream = messages(station, stream)
    server.clear()
    server.take(*stream, catalogue=catalogue(after))
    expected = told(server)
    server.clear()
    server.take(*stream, catalogue=catalogue(before))

    if piecewise:
        server.replay_piecewise(catalogue=catalogue(after))
    else:
        server.replay(catalogue=catalogue(after))

    assert told(server) == expected
    again = server.replay(catalogue=catalogue(after))
    assert (again.added, again.changed, again.removed, again.stored) == (0, 0, 0, 0)
