"""Files that people write: what is wrong is said with file, line and a way out."""

from decimal import Decimal

import msgspec
import pytest

from wire.errors import ConfigError
from wire.toml_text import key_lines, parse


class Sensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    depth_m: float = 0.0


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: str
    sensor: list[Sensor] = []


class Tree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bus: list[Bus] = []
    scale: Decimal = Decimal(1)


def test_reads_a_tree_and_keeps_decimals_exact():
    text = 'scale = 0.10\n[[bus]]\nport = "a"\n[[bus.sensor]]\nmodel = "x"\ndepth_m = 0.5\n'

    assert parse(text, Tree, "f.toml") == Tree([Bus("a", [Sensor("x", 0.5)])], Decimal("0.10"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bus = [", "f.toml:1: not valid TOML"),
        ("scale = 1\nscael = 2\n", "f.toml:2: unknown key 'scael'; did you mean 'scale'?"),
        ("colour = 2\n", "f.toml:1: unknown key 'colour'; known here: bus, scale"),
        (
            '[[bus]]\nport = "a"\n[[bus]]\nport = "b"\n\n  [[bus.sensor]]\n  model = "x"\n  dept = 1\n',
            "f.toml:8: unknown key 'dept'; did you mean 'depth_m'?",
        ),
        ('[[bus]]\nport = "a"\n[[bus.sensor]]\ndepth_m = 1\n', "f.toml:3: bus[0].sensor[0]: the key 'model' is missing"),
        ("[[bus]]\nport = 5\n", "f.toml:2: bus[0].port: Expected `str`, got `int`"),
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
