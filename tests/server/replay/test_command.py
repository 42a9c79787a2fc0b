"""`saxaul-server replay`: what it says, how it ends, and that it may be stopped at any time."""

import re
import signal
import subprocess
import sys

import pytest
from sqlalchemy import update

from server import cli
from server.db import tables as t
from wire import topics

MINUTE_MS = 60_000
GATEWAY = "kubuqi-dune"


@pytest.fixture
def replay(server_on_sqlite, monkeypatch, capsys):
    """Run the command on the database of the test; gives exit code, output and error output."""
    monkeypatch.setattr("server.logs.configure", lambda: None)
    url = server_on_sqlite.engine.url.render_as_string()

    def run(*arguments):
        code = cli.main(["replay", "--database-url", url, *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def taken(server_on_sqlite, station, changed):
    """Two batches taken in by a catalogue without the sensor, and one of no use."""
    server_on_sqlite.take(
        station.announce(),
        station.batch(1, {"vwc_raw": ["2500", "0"]}),
        station.batch(2, {"vwc_raw": ["2501"]}, at=2),
        station.message(topics.batch(GATEWAY, "a1b2c3d4", 3), b"garbage"),
        catalogue=changed(None),
    )
    return server_on_sqlite


def test_it_says_what_it_has_done(taken, replay):
    code, out, err = replay("--gateway", GATEWAY, "--from", "1970-01-01")

    assert (code, err) == (0, "")
    assert out.splitlines()[-5:-1] == [
        "recomputed: 2 of 2 batches",
        "Batches taken up: 3; newly stored: 0",
        "Observations: 1 changed, 6 added, 0 removed",
        "Still not stored: 1",
    ]
    assert out.splitlines()[-1].startswith("  1 x not zlib data")
    assert set(taken.values("vwc")) == {0, 1, 2}


def test_a_second_time_it_finds_nothing_to_do(taken, replay):
    replay("--gateway", GATEWAY, "--from", "1970-01-01")

    code, out, _ = replay("--gateway", GATEWAY, "--from", "1970-01-01")

    assert code == 0
    assert "Observations: 0 changed, 0 added, 0 removed" in out


def test_a_dry_run_says_that_it_wrote_nothing(taken, replay):
    code, out, _ = replay("--gateway", GATEWAY, "--from", "1970-01-01", "--dry-run")

    assert code == 0
    assert "Dry run: nothing was written; this is what would change." in out
    assert "Observations: 1 changed, 6 added, 0 removed" in out
    assert taken.values("vwc") == {}


def test_the_span_is_taken_with_its_end_left_out(taken, replay):
    span = ("--from", "1970-01-01T00:01:00Z", "--to", "1970-01-01T01:02:00+01:00")

    replay("--gateway", GATEWAY, *span)

    assert set(taken.values("vwc")) == {1}


def test_only_what_was_refused(taken, replay):
    _, out, _ = replay("--gateway", GATEWAY, "--from", "1970-01-01", "--refused")

    assert "Batches taken up: 1; newly stored: 0" in out
    assert taken.values("vwc") == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gateway", "dune", "--from", "2026-01-01"], "known are: kubuqi-dune"),
        (["--gateway", GATEWAY, "--from", "2026-01-02", "--to", "2026-01-02"], "is not after"),
    ],
)
def test_what_is_of_no_use_is_named_with_the_remedy(taken, replay, arguments, said):
    code, out, err = replay(*arguments)

    assert (code, out) == (2, "")
    assert (err.count("\n"), err.startswith("saxaul-server: "), said in err) == (1, True, True)


def test_an_instant_without_a_zone_is_refused(replay, capsys):
    with pytest.raises(SystemExit) as stopped:
        replay("--gateway", GATEWAY, "--from", "2026-03-01T06:00")

    assert stopped.value.code == 2
    assert "names no time zone" in capsys.readouterr().err


def test_ctrl_c_stops_it_and_a_second_run_ends_it(taken, station, replay):
    """It was trying what had been refused; what was recomputed is as if it had never stopped."""
    garbage = [
        station.message(topics.batch(GATEWAY, "cccc0000", seq), b"garbage %d" % seq)
        for seq in range(1, 401)
    ]
    taken.take(*garbage, station.batch(9, {"vwc_raw": ["2502"]}, at=8))
    with taken.engine.begin() as connection:  # the last of them can be used by now
        connection.execute(update(t.journal).where(t.journal.c.seq == 9).values(status="refused"))
        connection.execute(t.observation.delete().where(t.observation.c.time == 8 * MINUTE_MS))
        ranges = t.ledger_range
        connection.execute(ranges.delete().where(ranges.c.first == 9))
    url = taken.engine.url.render_as_string()
    command = [sys.executable, "-m", "server", "replay", "--database-url", url]
    command += ["--gateway", GATEWAY, "--from", "1970-01-01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        first = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()

    assert first.startswith("tried again: 1 of 402")
    assert running.returncode == 130
    assert re.search(r"go on with --from 1970-01-01T00:00:00\.000Z", rest)
    assert taken.values("vwc_raw").keys() == {0, 1, 2}
    code, out, _ = replay("--gateway", GATEWAY, "--from", "1970-01-01")
    assert (code, "newly stored: 1" in out) == (0, True)
    assert taken.values("vwc_raw").keys() == taken.values("vwc").keys() == {0, 1, 2, 8}
