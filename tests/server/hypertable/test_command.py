"""`saxaul-server retention`: what an operator sees before and after."""

import pytest
from rich.console import Console
from sqlalchemy import text

from server import cli
from server.hypertable import command
from server.hypertable.retention import Policy

DAY_MS = 86_400_000
NOW_MS = 1_767_225_600_000


@pytest.fixture
def console():
    return Console(width=100, record=True, force_terminal=False, quiet=False)


def run(field, console, policy, *, dry_run):
    code = command.run(field.engine, policy, lambda: NOW_MS, console, dry_run=dry_run)
    return code, console.export_text()


@pytest.fixture
def old(field):
    field.store(1, [NOW_MS - 100 * DAY_MS - n for n in range(1500)])
    field.store(2, [NOW_MS - 100 * DAY_MS - n for n in range(12)], missing=True)
    field.store(1, [NOW_MS - DAY_MS])
    return field


def test_a_dry_run_tells_what_would_go_and_changes_nothing(old, console):
    old.roll_up()

    code, said = run(old, console, Policy(raw_days=30), dry_run=True)

    assert code == 0
    lines = [line.split() for line in said.splitlines()]
    assert any(line[:1] == ["readings"] and line[-1] == "1,512" for line in lines)
    assert any(line[:2] == ["reasons", "of"] and line[-1] == "12" for line in lines)
    assert old.count("observation") == 1513
    assert old.count("retention_horizon") == 0


def test_a_run_removes_what_was_told(old, console):
    old.roll_up()

    code, said = run(old, console, Policy(raw_days=30), dry_run=False)

    assert code == 0
    assert said.rstrip().endswith("Removed.")
    assert (old.count("observation"), old.count("observation_note")) == (1, 0)

    assert (
        run(old, console, Policy(raw_days=30), dry_run=True)[1]
        .strip()
        .endswith("old enough to go.")
    )


def test_a_run_that_must_wait_says_for_what(old, console):
    code, said = run(old, console, Policy(raw_days=30), dry_run=False)

    assert code == 2
    assert "still to be computed. Run the server" in " ".join(said.split())
    assert old.count("observation") == 1513


def test_without_a_wish_everything_is_kept(old, console):
    code, said = run(old, console, Policy(), dry_run=False)

    assert code == 0
    assert "kept for ever" in said
    assert old.count("observation") == 1513


def test_what_came_too_late_is_told(old, console):
    old.roll_up()
    run(old, console, Policy(raw_days=30), dry_run=False)
    old.store(1, [NOW_MS - 90 * DAY_MS])

    _, said = run(old, console, Policy(raw_days=30), dry_run=True)

    assert "1 readings came too late" in said


def test_it_is_a_command_of_the_server(tmp_path, sqlite_engine, capsys):
    with sqlite_engine.begin() as connection:
        connection.execute(text("DELETE FROM rollup_mark"))
    settings = tmp_path / "server.toml"
    settings.write_text(
        f'[database]\nurl = "{sqlite_engine.url}"\n[retention]\nraw_days = 3\n', encoding="utf-8"
    )

    assert cli.main(["retention", "--dry-run", "--config", str(settings)]) == 0

    assert "Nothing is old enough to go." in capsys.readouterr().out
