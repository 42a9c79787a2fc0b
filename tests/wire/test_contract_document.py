"""docs/wire.md is what others build on: its examples must be what the code reads."""

import bz2
import random
import re
import subprocess
import sys
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

from wire import batch, dictionary, messages, packing, topics

DOCUMENT = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```json (\w+)\n(.*?)```", DOCUMENT, re.DOTALL))
KINDS = {
    "receipt": messages.Receipt,
    "status": messages.Status,
    "command": messages.Command,
    "result": messages.CommandResult,
    "inventory": messages.Inventory,
}


def test_there_is_an_example_of_everything():
    assert EXAMPLES.keys() == {"batch", *KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_an_example_is_read_and_has_no_key_that_we_do_not_know(name):
    found = messages.decode(EXAMPLES[name].encode(), KINDS[name])

    again = messages.encode(found)

    assert re.findall(rb'"(\w+)":', again) == re.findall(rb'"(\w+)":', EXAMPLES[name].encode())


@pytest.mark.parametrize("pack", [zlib.compress, dictionary.compress, bz2.compress])
def test_the_batch_says_what_the_page_says(pack):
    found = batch.decode(pack(EXAMPLES["batch"].encode()))

    soil, rain = (
        [(s.time_ms, s.value, int(s.flag)) for s in one.samples()] for one in found.series
    )
    assert soil == [
        (1767225600000, Decimal("2493.40"), 1),
        (1767226200000, Decimal("2493.28"), 1),
        (1767226800000, Decimal("2493.28"), 3),
    ]
    assert rain[1:] == [(1767226200000, Decimal("0.2"), 1), (1767227400000, None, 9)]
    assert found.series[1].reasons == {2: "timeout"}


@pytest.mark.parametrize("pack", [zlib.compress, dictionary.compress])
def test_the_page_s_line_shows_a_batch_that_zlib_packed(pack):
    (line,) = re.findall(r"python3 -c '(.*?)' < batch", DOCUMENT)

    shown = subprocess.run(
        [sys.executable, "-c", line],
        input=pack(b'{"v":1}'),
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert shown.stdout == b'{"v":1}\n'


def test_a_day_s_batch_is_shown_by_bzcat_as_the_page_says():
    (command,) = re.findall(r"^(\w+) < batch \| jq$", DOCUMENT, re.MULTILINE)
    chance = random.Random(1)
    samples = [batch.Sample(n, Decimal(chance.randrange(1000))) for n in range(5000)]
    payload = batch.encode(messages.ClockSource.NTP, {"a/b/c": samples})

    shown = subprocess.run([command], input=payload, capture_output=True, check=True)

    assert shown.stdout.startswith(b'{"v":1,"clock":"ntp","t":[0,1,5000],')
    assert shown.stdout == packing.unpack(payload, batch.MAX_JSON_BYTES)


def test_the_head_that_the_page_names_is_that_of_the_dictionary():
    (head,) = re.findall(r"`(78 [0-9a-f ]+)`", DOCUMENT)

    assert dictionary.compress(b"{}").startswith(bytes.fromhex(head))
    assert "begins with `BZh`" in DOCUMENT


def test_every_topic_of_the_page_is_one_of_ours():
    named = re.findall(r"`((?:batch|senml|inventory|status|receipt|command)[^`,]*)`", DOCUMENT)
    ours = {
        topics.batch("g", "{epoch}", "{seq}"),
        topics.senml("g"),
        topics.inventory("g"),
        topics.status("g"),
        topics.receipt("g"),
        topics.command("g", "{id}"),
        topics.command_result("g", "{id}"),
    }

    assert {topic.removeprefix(f"{topics.ROOT}/g/") for topic in ours} <= set(named)


def test_its_limits_are_those_of_the_code():
    for said in ("at most 500, 10,000 batches", "256 KiB", "4 MiB and 200,000 values", "up to 32"):
        assert said in DOCUMENT.replace("\n", " ")
    assert (messages.MAX_RANGES, messages.MAX_RESENT) == (500, 10_000)
    assert (batch.MAX_COMPRESSED_BYTES, batch.MAX_JSON_BYTES) == (256 * 1024, 4 * 1024**2)
    assert (batch.MAX_VALUES, messages.BLOCK_BATCHES) == (200_000, 32)
