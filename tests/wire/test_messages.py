"""Inventory, status and receipt: what was said reads back; what was not meant is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import messages
from wire.errors import ContractError
from wire.messages import (
    Command,
    CommandResult,
    FieldInfo,
    Inventory,
    NoValueInfo,
    Receipt,
    Refusal,
    SensorInfo,
    Status,
    check_ranges,
    decode,
    encode,
    joined,
    ranges,
)


def test_a_receipt_is_written_as_the_contract_shows_it():
    receipt = Receipt(
        epoch="0123abcd",
        stored=[(101, 164), (170, 170)],
        refused=[Refusal(seq=165, reason="unknown unit 'furlong'")],
    )

    written = encode(receipt)

    assert written == (
        b'{"epoch":"0123abcd","stored":[[101,164],[170,170]],'
        b'"refused":[{"seq":165,"reason":"unknown unit \'furlong\'"}]}'
    )
    assert decode(written, Receipt) == receipt


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9))))
def test_joined_ranges_name_the_same_in_order_and_each_once(found):
    spans = [(first, first + more) for first, more in found]

    result = joined(spans)

    named = {seq for first, last in spans for seq in range(first, last + 1)}
    assert result == ranges(list(named))


def test_an_older_server_ignores_what_it_does_not_know():
    assert decode(b'{"state":"online","mood":"good"}', Status) == Status(state="online")


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", Status),
        (b"\xff\xfe", Status),
        (b"[]", Inventory),
        (b'{"rev":1}', Inventory),
        (b'{"rev":1,"gateway":{"id":"g"},"things":[{"id":"a b","name":"x","site":"s"}],"sensors":[],"datastreams":[]}', Inventory),
        (b'{"rev":1,"gateway":{"id":"g"},"things":[{"id":"a\\n","name":"x","site":"s"}],"sensors":[],"datastreams":[]}', Inventory),
        (b'{"epoch":"e","stored":[[1]]}', Receipt),
        (b'{"state":"online","clock":"sundial"}', Status),
        (b'{"state":"online","outbox":[{"epoch":"e","sealed":-1}]}', Status),
        (b'{"state":"online","outbox":[{"epoch":"e","dropped":-1}]}', Status),
        (b'{"kind":"resend","epoch":"e","ranges":[[0,1]]}', Command),
        (b'{"kind":"resend","ranges":[' + b"[1,1]," * messages.MAX_RANGES + b"[1,1]]}", Command),
        (b'{"kind":"resend"}', CommandResult),
        (b" " * (messages.MAX_MESSAGE_BYTES + 1), Status),
        (b"[" * 100_000, Receipt),
    ],
)  # fmt: skip
def test_refuses_what_is_not_the_message(payload, kind):
    with pytest.raises(ContractError):
        decode(payload, kind)


@given(st.lists(st.integers(1, 60)))
def test_ranges_name_each_seq_once(seqs):
    found = ranges(seqs)

    assert [n for low, high in found for n in range(low, high + 1)] == sorted(set(seqs))
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(found))


def test_a_command_and_its_answer_are_written_as_the_contract_shows_them():
    command = Command(kind="resend", epoch="0123abcd", ranges=[(101, 164)])
    result = CommandResult(kind="resend", ok=True, epoch="0123abcd", again=60, gone=[(101, 104)])

    assert encode(command) == b'{"kind":"resend","epoch":"0123abcd","ranges":[[101,164]]}'
    assert encode(result) == (
        b'{"kind":"resend","ok":true,"epoch":"0123abcd","again":60,"gone":[[101,104]]}'
    )
    assert decode(encode(command), Command) == command
    assert decode(encode(result), CommandResult) == result


@pytest.mark.parametrize("found", [(0, 1), (2, 1), (1, 2**63)])
def test_a_range_that_names_no_batch_is_refused(found):
    with pytest.raises(ContractError):
        check_ranges([found])


SENSOR = b"""{"rev":1,"gateway":{"id":"gw"},"things":[],"datastreams":[],"sensors":[
{"id":"sand","thing":"dune","model":"ours","since":1767225600000,"refused":"no such port",
"fields":[{"property":"sand_distance","span":[0.1,9],"resolution":0.01,
"no_values":[{"value":-9999,"reason":"no echo"}]}]}]}"""


def test_a_sensor_tells_since_when_it_stands_and_what_only_its_gateway_knows():
    (sensor,) = decode(SENSOR, Inventory).sensors

    assert (sensor.since, sensor.refused) == (1_767_225_600_000, "no such port")
    assert sensor.fields == [
        FieldInfo(
            property="sand_distance",
            span=(0.1, 9.0),
            resolution=0.01,
            no_values=[NoValueInfo(value=-9999.0, reason="no echo")],
        )
    ]


def test_what_is_not_told_of_a_sensor_takes_no_room():
    told = encode(SensorInfo(id="s", thing="t", model="m"))

    assert told == b'{"id":"s","thing":"t","model":"m"}'
