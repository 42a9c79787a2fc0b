"""Whatever arrives, ingest answers with an outcome and keeps going: nothing a peer sends raises."""

import json
import zlib

import cbor2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.ingest.events import Status

RAW = "dune-1/soil-10cm/vwc_raw"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"
LAST_MS = 253_402_300_799_999

some = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

names = st.sampled_from([RAW, TEMPERATURE, "dune-1/soil-10cm/vwc", "not-announced/a/rain"])
integers = (
    st.integers(-9, 3000)
    | st.integers(-(2**54), 2**54)
    | st.sampled_from([0, -1, LAST_MS, LAST_MS + 1, 2**63])
)
times = st.tuples(integers, st.integers(-2, 700_000), st.integers(0, 6)) | st.tuples(
    integers, st.lists(integers, max_size=5)
)
series = st.fixed_dictionaries(
    {"n": names, "d": st.lists(st.none() | integers, max_size=6)},
    optional={
        "e": st.integers(-13, 13),
        "t": times,
        "q": st.lists(st.tuples(st.integers(0, 10), st.integers(0, 6)), max_size=3),
        "m": st.lists(st.tuples(st.integers(0, 6), st.text(max_size=5)), max_size=2),
    },
)
batches = st.fixed_dictionaries(
    {"v": st.just(1), "s": st.lists(series, max_size=4)},
    optional={"clock": st.sampled_from(["ntp", "unknown"]), "t": times},
)
seqs = iter(range(1, 10**9))


@some
@given(fields=batches)
def test_any_batch_is_stored_waits_or_is_refused_with_a_reason(take, station, fields):
    payload = zlib.compress(json.dumps(fields).encode("utf-8", "surrogatepass"))

    _, outcome = take(station.announce(), station.batch(next(seqs), payload))

    assert outcome.status in set(Status)
    assert (outcome.reason == "") == (outcome.status is Status.STORED)
    assert "could not be used" not in outcome.reason, "a defect of ours, not a known refusal"


@some
@given(
    topic=st.sampled_from(
        ["", "status", "inventory", "batch/a1b2c3d4/7", "batch/x", "command/1", "senml"]
    )
    | st.text(max_size=20),
    payload=st.binary(max_size=40) | st.sampled_from([b"{}", b"[]", b"null", b'{"rev":1}']),
)
def test_any_message_has_an_outcome(take_on_sqlite, station, topic, payload):
    message = station.message(f"saxaul/1/kubuqi-dune/{topic}", payload)

    (outcome,) = take_on_sqlite(message)

    assert outcome.status is Status.REFUSED


senml_labels = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "n": 0, "u": 1, "v": 2, "t": 6}
senml_values = {
    "bver": st.sampled_from([10, 11, 26, "10"]),
    "bn": st.sampled_from(["", "dune-1/", "-"]),
    "bt": integers,
    "bu": st.sampled_from(["", "Cel", "furlong"]),
    "bv": integers | st.floats(),
    "n": names | st.sampled_from(["soil-10cm/vwc_raw", "", "\0"]),
    "u": st.sampled_from(["", "K", "m", "%", "\0"]),
    "v": integers | st.floats() | st.booleans() | st.none(),
    "vs": st.text(max_size=3),
    "vb": st.booleans(),
    "s": integers,
    "t": integers | st.floats(-1e9, 1e12),
    "x_": st.none(),
}
senml_records = st.lists(
    st.sets(st.sampled_from(sorted(senml_values)), max_size=4).flatmap(
        lambda more: st.fixed_dictionaries({key: senml_values[key] for key in {"n", "v"} | more})
    ),
    max_size=4,
)


@some
@given(records=senml_records, in_cbor=st.booleans(), retained=st.booleans())
def test_any_senml_pack_is_stored_waits_or_is_refused_with_a_reason(
    take, station, records, in_cbor, retained
):
    coded = [{senml_labels.get(k, k): v for k, v in record.items()} for record in records]
    payload = cbor2.dumps(coded) if in_cbor else json.dumps(records).encode()

    pack = station.message("saxaul/1/kubuqi-dune/senml", payload, retained=retained)
    _, outcome, again = take(station.announce(), pack, pack)

    assert {outcome.status, again.status} <= set(Status)
    assert (outcome.reason == "") == (outcome.status is Status.STORED)
    assert "could not be used" not in outcome.reason + again.reason, "a defect of ours"


@some
@given(payload=st.binary(max_size=40).map(lambda tail: b"\x81" + tail))
def test_any_bytes_on_the_senml_topic_have_an_outcome(take_on_sqlite, station, payload):
    outcome = take_on_sqlite(station.message("saxaul/1/kubuqi-dune/senml", payload))[0]

    assert outcome.status in (Status.REFUSED, Status.WAITING)
    assert "could not be used" not in outcome.reason, "a defect of ours, not a known refusal"


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
wrong = (
    leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.text(max_size=4), leaves, max_size=2)
)


@some
@given(data=st.data())
def test_an_inventory_with_anything_in_it_is_applied_or_refused(take, station, data):
    """One value of a true inventory is replaced by anything at all."""
    fields = json.loads(station.announce().payload)
    places = [
        (holder, key)
        for holder in (fields, fields["gateway"], *fields["things"], *fields["sensors"])
        for key in holder
    ] + [(one, key) for one in fields["datastreams"] for key in one]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(wrong)
    payload = json.dumps(fields).encode("utf-8", "surrogatepass")

    (outcome,) = take(station.message("saxaul/1/kubuqi-dune/inventory", payload))

    assert outcome.status in (Status.STORED, Status.REFUSED)
    assert "could not be used" not in outcome.reason, "a defect of ours, not a known refusal"
