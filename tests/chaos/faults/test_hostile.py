"""Hostile messages: bad in every way but one, they never use a number that a gateway will use."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos_suite.faults.hostile import Victim, burst
from benchmarks.chaos_suite.tally import FORGED_BEFORE_MS
from wire import batch, topics
from wire.batch import Sample
from wire.errors import ContractError
from wire.messages import ClockSource

NAME = "dune-1/soil-10cm/vwc_raw"
TRUE = batch.encode(ClockSource.NTP, {NAME: [Sample(1_767_225_600_000, Decimal("1.5"))]})
VICTIM = Victim("chaos-dune", "abcdef0123456789", [NAME], [(7, TRUE)])


def own_batches(messages):
    """Those that a server takes for the victim's own."""
    for message in messages:
        try:
            topic = topics.parse_up(message.topic)
        except ContractError:
            continue
        if isinstance(topic, topics.BatchTopic) and topic.epoch == VICTIM.epoch:
            yield topic, message.payload


def bursts(count=60):
    return [message for seed in range(count) for message in burst(VICTIM, Random(seed))]


@given(st.integers())
def test_a_seed_gives_the_same_burst_each_time(seed):
    assert burst(VICTIM, Random(seed)) == burst(VICTIM, Random(seed))


def test_only_stored_and_far_away_numbers_are_used():
    seqs = {topic.seq for topic, _ in own_batches(bursts()) if topic.gateway == VICTIM.gateway}

    assert 7 in seqs
    assert all(seq == 7 or seq >= 10**15 for seq in seqs)


def test_what_can_be_read_lies_long_ago_or_is_the_truth_again():
    read = 0
    for topic, payload in own_batches(bursts()):
        if payload == TRUE:
            assert topic.seq == 7
            continue
        try:
            series = batch.decode(payload).series
        except ContractError:
            continue
        read += 1
        assert all(time_ms < FORGED_BEFORE_MS for one in series for time_ms in one.times_ms)

    assert read > 0


def test_under_the_number_of_a_batch_that_may_be_forgotten_nothing_else_comes():
    forgetful = replace(VICTIM, may_forget=True)
    messages = [message for seed in range(60) for message in burst(forgetful, Random(seed))]
    payloads = {payload for topic, payload in own_batches(messages) if topic.seq == 7}

    assert payloads == {TRUE}


def test_a_gateway_that_has_sent_nothing_yet_can_be_abused_too():
    bare = Victim("chaos-dune", "abcdef0123456789", [])

    assert all(burst(bare, Random(seed)) for seed in range(10))
