"""docs/howto/add-a-sensor.md: every key is in it, and what it shows works."""

import argparse
import re
import shlex
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from gateway.catalogue.answers import decode
from gateway.catalogue.arguments import add_parser
from wire.catalogue import SensorModel, Statistic, bundled, faults, parse_model
from wire.catalogue.fields import RegisterType, WordOrder
from wire.catalogue.lines import Checksum, Mode
from wire.catalogue.model import Protocol

TEXT = (Path(__file__).parent.parent.parent / "docs/howto/add-a-sensor.md").read_text("utf-8")
BLOCKS = [
    re.sub(r"^ {3}", "", block, flags=re.MULTILINE)
    for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
]
EXAMPLES = [block for block in BLOCKS if block.lstrip().startswith("model = ")]


def structs(kind, found=None):
    """All tables of a catalogue file."""
    found = {} if found is None else found
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in found:
        found[kind] = None
        for inner in get_type_hints(kind, include_extras=True).values():
            structs(inner, found)
    for inner in get_args(kind):
        structs(inner, found)
    return found


SECTIONS = {
    "SensorModel": "## The keys",
    "Field": "### `[[field]]`",
    "Sentinel": "### `[[sentinel]]`",
    "Sdi12": "### `[sdi12]`",
    "Layout": "### `[sdi12]`",
    "Modbus": "### `[modbus]`",
    "Line": "### `[line]`",
    "Message": "### `[line]`",
    "Status": "### `[line]`",
    "Derived": "### `[[derived]]`",
    "Borrowed": "### `[[borrowed]]`",
}


def first_cells(heading):
    """The first cells of the table below a heading."""
    section = re.split(r"^#+ ", TEXT[TEXT.index(heading) + 3 :], flags=re.MULTILINE)[0]
    return re.findall(r"^\| (.*?) \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (one.__name__, field.encode_name)
        for one in structs(SensorModel)
        for field in msgspec.structs.fields(one)
    ],
)
def test_every_key_of_the_schema_is_explained_where_its_table_is(table, key):
    assert any(f"`{key}`" in cell for cell in first_cells(SECTIONS[table])), f"{table}.{key}"


@pytest.mark.parametrize("words", [Protocol, Statistic, RegisterType, WordOrder, Mode, Checksum])
def test_every_word_that_a_key_may_hold_is_there(words):
    assert [word.value for word in words if f"`{word.value}`" not in TEXT] == []


def test_the_guide_explains_no_key_that_is_gone():
    known = {f.encode_name for one in structs(SensorModel) for f in msgspec.structs.fields(one)}
    cells = re.findall(r"^\| (.*?) \|", TEXT, re.MULTILINE)
    named = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}

    assert named - known == set()


def test_its_examples_are_good_models_that_are_not_there_yet():
    assert [faults(one, "guide") for one in EXAMPLES] == [[], [], []]
    assert {parse_model(one, "guide").model for one in EXAMPLES} & set(bundled()) == set()


def test_the_answers_it_tries_can_be_read():
    models = [parse_model(one, "guide") for one in EXAMPLES]
    models.append(bundled()["Gill WindSonic"])
    answers = re.findall(r"--answer '(.*?)'$", TEXT, re.MULTILINE)
    by_file = dict(zip(["soil", "counter", "probe", "wind"], models, strict=True))

    def values(which, answer):
        return [str(one.reading.value) for one in decode(by_file[which], [answer])]

    assert values("soil", answers[0]) == ["21.4", "3.1"]
    assert values("probe", answers[1]) == ["28.5", "-9.7"]
    assert values("wind", answers[2])[0] == "2.74"
    assert values("counter", "#7;00123") == ["123"]


def test_the_commands_it_types_are_there():
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(), argparse.ArgumentParser(add_help=False))
    typed = re.findall(r"saxaul-gateway (catalogue check .*)$", TEXT, re.MULTILINE)

    assert [parser.parse_args(shlex.split(one)).action for one in typed] == ["check"] * 3
