"""`saxaul-server rollup`: computes what waits, and anew what it is told to."""

import argparse
import io
import re

import pytest
from rich.console import Console
from sqlalchemy import text

from server.cli import main
from server.db.engine import writing
from server.rollup import command
from tests.server.rollup.conftest import DIRECTION, ELSEWHERE, SCALAR
from tests.server.rollup.test_work import HOUR, START, append, marks
from wire.errors import ConfigError

NOTHING = {"rebuild": False, "site": None, "datastream": None, "from_ms": None, "to_ms": None}


def run(engine, **given):
    out = io.StringIO()
    arguments = argparse.Namespace(**(NOTHING | given))
    code = command.run(engine, arguments, Console(file=out, width=200))
    return code, out.getvalue()


@pytest.fixture
def filled(world, engine):
    """Two hours of each series in January, and two in March."""
    for one in (SCALAR, DIRECTION, ELSEWHERE):
        for hour in (0, 1, 1400, 1401):
            append(engine, (one, START + hour * HOUR, 15.0 * one))
    return world


def spoil(engine):
    with writing(engine) as connection:
        for table in ("rollup_hour", "rollup_day"):
            connection.execute(text(f"UPDATE {table} SET max = 99, x = 99"))


def spoilt(world):
    """Series and starts that are still wrong."""
    return {(series, start) for _, series, start, *_ in world.wrong()}


def test_it_computes_all_that_waits(filled, engine):
    code, said = run(engine)

    assert code == 0
    # Three days lie on either side: the first two hours of Kolkata's are of one day.
    assert "Nothing waits any more" in said
    assert filled.wrong() == []
    assert marks(engine) == 0


def test_what_is_up_to_date_is_left_alone_unless_told_to_rebuild(filled, engine):
    run(engine)
    spoil(engine)

    run(engine)
    assert spoilt(filled) != set()

    run(engine, rebuild=True)
    assert spoilt(filled) == set()


def test_a_site_or_a_series_or_a_span_is_rebuilt_alone(filled, engine):
    run(engine)
    spoil(engine)
    all_of_it = spoilt(filled)

    run(engine, rebuild=True, site="site-2")
    assert {series for series, _ in spoilt(filled)} == {SCALAR, DIRECTION}
    run(engine, rebuild=True, datastream=f"t/s/{SCALAR}", to_ms=START + HOUR)
    left = spoilt(filled)
    assert (SCALAR, START) not in left
    assert (SCALAR, START + 1400 * HOUR) in left
    assert {key for key in all_of_it if key[0] == DIRECTION} <= left


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"rebuild": True, "site": "nowhere"}, "known sites are: site-1, site-2"),
        ({"rebuild": True, "datastream": "t/s/9"}, "no series of that name"),
        ({"site": "site-1"}, "add --rebuild"),
        ({"rebuild": True, "from_ms": 2, "to_ms": 1}, "turn them round"),
    ],
)
def test_it_says_what_is_wrong(world, engine, given, hint):
    with pytest.raises(ConfigError, match=re.escape(hint)):
        run(engine, **given)


def test_the_program_has_both_commands(world, sqlite_engine, capsys):
    url = str(sqlite_engine.url)

    assert main(["rollup", "--database-url", url]) == 0
    assert main(["site", "nowhere", "--time-zone", "UTC", "--database-url", url]) == 2
    assert "no such site" in capsys.readouterr().err
