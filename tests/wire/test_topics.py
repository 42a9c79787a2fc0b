"""Topics: what a gateway may say, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import topics
from wire.errors import ContractError


def test_a_batch_topic_reads_back():
    topic = topics.batch("dune-gw", "0123abcd", 7)

    assert topic == "saxaul/1/dune-gw/batch/0123abcd/7"
    assert topics.parse_up(topic) == topics.BatchTopic("dune-gw", "0123abcd", 7)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("saxaul/1/gw/inventory", topics.InventoryTopic("gw")),
        ("saxaul/1/gw/senml", topics.SenmlTopic("gw")),
        ("saxaul/1/gw/status", topics.StatusTopic("gw")),
        ("saxaul/1/gw/command/resend-1/result", topics.CommandResultTopic("gw", "resend-1")),
    ],
)
def test_reads_the_other_up_topics(topic, expected):
    assert topics.parse_up(topic) == expected


@pytest.mark.parametrize(
    "topic",
    [
        "", "saxaul", "saxaul/1/gw", "saxaul/2/gw/status", "other/1/gw/status",
        "saxaul/1/GW/status", "saxaul/1/-gw/status", "saxaul/1/g/status",
        "saxaul/1/gw/receipt", "saxaul/1/gw/status/x", "saxaul/1/gw/batch/0123abcd/0",
        "saxaul/1/gw/batch/0123abcd/007", "saxaul/1/gw/batch/0123abcd/-1",
        "saxaul/1/gw/batch/0123abcd/9223372036854775808", "saxaul/1/gw/batch/short/1",
        "saxaul/1/gw/batch/0123abcd/1/2", "saxaul/1/gw/command/x", "saxaul/1/gw/command/X/result",
        "saxaul/1/gw\n/status",
    ],
)  # fmt: skip
def test_refuses_every_other_topic(topic):
    with pytest.raises(ContractError):
        topics.parse_up(topic)


@given(st.text())
def test_no_topic_raises_anything_else(topic):
    try:
        topics.parse_up(topic)
    except ContractError:
        return
    assert topic.startswith(topics.ROOT)


def test_a_command_is_answered_on_a_topic_of_its_own():
    topic = topics.command("dune-gw", "resend-1")

    assert topic == "saxaul/1/dune-gw/command/resend-1"
    assert topics.command_id_of(topic) == "resend-1"
    assert topics.command_result("dune-gw", "resend-1") == f"{topic}/result"


@pytest.mark.parametrize(
    "topic", ["", "saxaul/1/gw/command", "saxaul/1/gw/command/+", "saxaul/1/gw/command/a/result"]
)
def test_only_a_command_has_an_id(topic):
    with pytest.raises(ContractError):
        topics.command_id_of(topic)
