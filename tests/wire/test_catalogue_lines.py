"""The [line] table of a catalogue entry: what is refused, where, and with which remedy."""

import re

import pytest

from wire.catalogue import parse_model
from wire.catalogue.lines import Checksum, Line, Mode
from wire.catalogue.patterns import costly_part
from wire.errors import ConfigError

HEAD = 'model = "m"\nvendor = "v"\nprotocol = "line"\nreference = "r"\n'
FIELD = """
[[field]]
property = "wind_speed"
key = "speed"
unit = "m/s"
resolution = 0.1
"""
TALKS = "pattern = '(?P<speed>[0-9.]+)'\n"


def entry(line, field=FIELD, more=""):
    return f"{HEAD}[line]\n{line}{field}{more}"


def refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_model(text, "own.toml")
    return str(caught.value)


def test_what_is_not_said_is_as_nmea_0183_has_it():
    line = parse_model(entry(TALKS), "own.toml").line

    assert (line.mode, line.checksum, line.mark, line.opening) == (
        Mode.TALKS,
        Checksum.XOR,
        "*",
        "$",
    )


def test_the_checksum_of_vaisala_stands_right_behind_the_text():
    assert Line(checksum=Checksum.CRC16_SDI12).mark == ""
    assert Line(checksum=Checksum.CRC16_SDI12, checksum_after="*").mark == "*"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "needs a 'pattern' or a 'delimiter'"),
        (TALKS + 'delimiter = ","\n', "needs a 'pattern' or a 'delimiter'"),
        ('delimiter = ","\n', "needs 'columns'"),
        ('delimiter = ","\ncolumns = { gust = 1 }\n', "no column is named 'speed'"),
        ("pattern = '(?P<speed>'\n", "is no expression"),
        ("pattern = '(?P<speed>([0-9]+,?)+)'\n", "for ever"),
        (TALKS + "begins = '(a|b)*'\n", "for ever"),
        (f"pattern = '(?P<speed>{'x' * 500})'\n", "longer than 500"),
        (TALKS + 'ask = "M"\n', 'mode = "asked"'),
        (TALKS + 'mode = "asked"\n', "needs 'ask'"),
        (TALKS + 'mode = "asked"\nask = "{addr}M"\n', "{addr} is not known"),
        (TALKS + 'mode = "asked"\nask = "Mä"\n', "not ASCII"),
        (TALKS + 'checksum_counts = ["stop"]\n', "'stop' is not known"),
        (TALKS + 'checksum = "crc32"\n', "crc32"),
        (
            TALKS + 'mode = "asked"\n[[line.message]]\nask = "M"\nkeys = ["gust"]\n',
            "'speed' must be among the 'keys'",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(line, said):
    assert said in refused(entry(line))


def test_a_letter_that_stands_for_another_dimension_is_refused():
    text = entry(TALKS, FIELD + 'letters = { C = "Cel" }\n')

    assert "letter 'C'" in refused(text)


def test_two_fields_of_one_key_must_read_it_alike():
    other = FIELD.replace("wind_speed", "wind_speed_max") + "scale = 0.1\n"

    assert "the same unit, scale, offset and letters" in refused(entry(TALKS, FIELD + other))


@pytest.mark.parametrize("more", ['reason = "x"', 'value = 1\ntext = "#"\nreason = "x"'])
def test_a_sentinel_is_a_value_or_a_text(more):
    assert "needs a 'value' or a 'text'" in refused(entry(TALKS, more=f"[[sentinel]]\n{more}\n"))


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\d+,?)+x",
        r"(a|b)*c",
        r"(?:[+-]?\d+\.?\d*,)*x",
        r"((a+))+b",
        r"(?:x*){20}",
        r"(?P<a>\w+\s?)*$",
        r".*,.*,.*,.*x",
        r"\S+ \S+ \S+ \S+",
    ],
)
def test_a_pattern_that_thinks_for_ever_is_found(pattern):
    re.compile(pattern)

    assert costly_part(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\$SALT,(?P<unit>\d{1,3}),(?P<number>\d{1,5}),(?P<energy>\d{1,7}\.\d)$",
        r"\x02(?P<unit>[A-Z]),(?P<d>\d{3})?,(?P<s>\d{3}\.\d{2})?,[A-Z],\d\d,",
        r"[^,)]*(,)?[]+]*\+",
        r"(?:a|b)x{3}(?:-?\d+)?",
        r"(?P<a>.*) (?P<b>.*)",
        r"[a-z]+?(?=,)",
    ],
)
def test_a_pattern_of_bounded_cost_is_let_pass(pattern):
    re.compile(pattern)

    assert costly_part(pattern) == ""


@pytest.mark.parametrize("character", ["a", "1", ",", " "])
def test_what_is_let_pass_ends_on_the_worst_line(character):
    """A line has 512 characters at most. What is refused above would outlast this machine."""
    pattern = r"(?P<a>.*),(?P<b>.*),[0-9]+\.?[0-9]*x"

    assert costly_part(pattern) == ""
    assert not re.fullmatch(pattern, character * 511 + "!")
