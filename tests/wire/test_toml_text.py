"""Files that people write: what is wrong is said with file, line and a way out."""

from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from wire.errors import ConfigError
from wire.toml_text import faults, key_lines, parse


class Sensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    depth_m: float = 0.0


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: str
    sensor: list[Sensor] = []


class Tree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bus: list[Bus] = []
    scale: Decimal = Decimal(1)
    span: tuple[int, int] | None = None
    kind: Literal["a", "b"] = "a"
    end: Bus | None = None


def test_reads_a_tree_and_keeps_decimals_exact():
    text = 'scale = 0.10\n[[bus]]\nport = "a"\n[[bus.sensor]]\nmodel = "x"\ndepth_m = 0.5\n'

    assert parse(text, Tree, "f.toml") == Tree([Bus("a", [Sensor("x", 0.5)])], Decimal("0.10"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bus = [", "f.toml:1: not valid TOML"),
        ("scale = 1\nscael = 2\n", "f.toml:2: unknown key 'scael'; did you mean 'scale'?"),
        ("colour = 2\n", "f.toml:1: unknown key 'colour'; known here: bus, end, kind, scale, span"),
        (
            '[[bus]]\nport = "a"\n[[bus]]\nport = "b"\n\n  [[bus.sensor]]\n  model = "x"\n  dept = 1\n',
            "f.toml:8: unknown key 'dept'; did you mean 'depth_m'?",
        ),
        ('[[bus]]\nport = "a"\n[[bus.sensor]]\ndepth_m = 1\n', "f.toml:3: bus[0].sensor[0]: the key 'model' is missing"),
        ("[[bus]]\nport = 5\n", "f.toml:2: bus[0].port: Expected `str`, got `int`; give a text in quotes"),
        ("bus = 5\n", "f.toml:1: bus: Expected `array`, got `int`; give a list in [ ]"),
        ('scale = "one"\n', "f.toml:1: scale: Invalid decimal string; give a number"),
        ("span = [1]\n", "f.toml:1: span: Expected `array` of length 2, got 1; give 2 values in [ ]"),
        ('kind = "x"\n', "f.toml:1: kind: Invalid enum value 'x'; known: a, b"),
        ('[end]\nprot = "a"\n', "f.toml:2: unknown key 'prot'; did you mean 'port'?"),
        ('[[bus]]\nport="a"\nsensor = [{model = "m", x = 1}]\n', "f.toml:3: unknown key 'x'"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_and_on_which_line(text, said):
    with pytest.raises(ConfigError) as caught:
        parse(text, Tree, "f.toml")

    assert str(caught.value).startswith(said)


def test_key_lines_follow_arrays_of_tables():
    text = "[a]\nx = 1\n[[b]]\ny = 1\n[[b]]\ny = 2\n[[b.c]]\nz = 3 # note\n"

    assert key_lines(text) == {
        ("a",): 1,
        ("a", "x"): 2,
        ("b", 0): 3,
        ("b", 0, "y"): 4,
        ("b", 1): 5,
        ("b", 1, "y"): 6,
        ("b", 1, "c", 0): 7,
        ("b", 1, "c", 0, "z"): 8,
    }


def test_all_that_is_wrong_is_told_not_only_the_first():
    text = (
        'scale = "one"\nkind = "x"\ncolour = 1\n[[bus]]\n[[bus.sensor]]\nmodel = 5\ndepth = 1\n'
        '[[bus]]\nport = "b"\n[end]\nport = 7\n'
    )

    assert [(error.line, str(error).split(": ", 1)[1]) for error in faults(text, Tree, "f")] == [
        (4, "bus[0]: the key 'port' is missing"),
        (6, "bus[0].sensor[0].model: Expected `str`, got `int`; give a text in quotes"),
        (7, "unknown key 'depth'; did you mean 'depth_m'?"),
        (1, "scale: Invalid decimal string; give a number"),
        (2, "kind: Invalid enum value 'x'; known: a, b"),
        (11, "end.port: Expected `str`, got `int`; give a text in quotes"),
        (3, "unknown key 'colour'; known here: bus, end, kind, scale, span"),
    ]


def test_what_can_be_read_has_no_faults():
    text = 'span = [1, 2]\n[[bus]]\nport = "a"\n'

    assert (faults(text, Tree, "f"), parse(text, Tree, "f").span) == ([], (1, 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[bus]\nport = "a"\n', (1, "bus: Expected `array`, got `object`; write [[bus]], in double brackets")),
        ('[[bus]]\nport = "a"\n[bus.sensor]\nmodel = "x"\n', (3, "bus[0].sensor: Expected `array`, got `object`; write [[bus.sensor]], in double brackets")),
        ("[span]\nlow = 1\n", (1, "span: Expected `array | null`, got `object`; give a list in [ ]")),
    ],
)  # fmt: skip
def test_a_table_in_the_place_of_a_list_is_a_fault(text, said):
    (error,) = faults(text, Tree, "f")

    assert (error.line, str(error).split(": ", 1)[1]) == said


def test_text_that_is_no_toml_is_one_fault():
    assert [error.line for error in faults("a = 1\nb = [", Tree, "f")] == [2]


def test_a_file_of_a_windows_editor_is_read_as_any_other():
    """It begins with a byte order mark."""
    text = '\ufeff[[bus]]\nport = "a"\nprot = 1\n'
    (fault,) = faults(text, Tree, "t.toml")

    assert str(fault).startswith("t.toml:3: unknown key 'prot'")
    assert key_lines(text)["bus", 0] == 1
    assert parse("\ufeffscale = 2", Tree, "t.toml").scale == 2
