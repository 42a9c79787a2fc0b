"""`saxaul-server import`: which files are found, what is printed, how it ends."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
import structlog

from deploy.ports import wait_until
from server import cli
from server.carry.command import find_files
from server.db.engine import open_engine
from server.db.migrate import upgrade
from tests.server.carry.factory import of
from wire.errors import ConfigError

NAME = "saxaul-kubuqi-dune-00c0ffee-1-3.zip"


@pytest.fixture
def stick(tmp_path):
    folder = tmp_path / "usb"
    folder.mkdir()
    (folder / NAME).write_bytes(of([1, 2, 3]).written())
    return folder


@pytest.fixture
def url(tmp_path):
    """Address of a database with tables and nothing in them."""
    address = f"sqlite:///{tmp_path / 'saxaul.db'}"
    engine = open_engine(address)
    upgrade(engine)
    engine.dispose()
    return address


@pytest.fixture
def run(url, capsys, monkeypatch):
    """Import; gives exit code, output and error output."""
    monkeypatch.setattr("server.logs.configure", lambda: None)

    def start(*paths):
        with structlog.testing.capture_logs():
            code = cli.main(["import", *map(str, paths), "--database-url", url])
        out, err = capsys.readouterr()
        return code, out, err

    return start


@pytest.fixture
def importing(url, stick):
    """Import in a process of its own; it does not outlive the test."""
    command = [sys.executable, "-m", "server", "import", str(stick), "--database-url", url]
    started = []

    def start():
        environment = os.environ | {"COLUMNS": "140"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, env=environment, **pipes))
        return started[0]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.fixture
def stored(url):
    """Count what is in the journal."""
    engine = open_engine(url)

    def count():
        with engine.connect() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM journal").scalar_one()

    yield count
    engine.dispose()


def row(out):
    """The numbers beside a file's name in the table."""
    (line,) = (
        line for line in out.splitlines() if line.strip().startswith(NAME) and "%" not in line
    )
    return line.split()[1:]


def test_a_stick_is_imported_and_a_table_tells_what_became_of_it(run, stick):
    code, out, err = run(stick)

    assert (code, err) == (0, "")
    assert out.split().index("stored") < out.split().index("missing")
    assert row(out) == ["3", "0", "0", "0", "0"]
    assert "kubuqi-dune" in out


def test_a_second_import_finds_all_of_it_here(run, stick):
    run(stick)

    code, out, _ = run(stick / NAME)

    assert (code, row(out)) == (0, ["0", "3", "0", "0", "0"])


def test_damage_is_told_and_ends_with_2(run, stick):
    raw = (stick / NAME).read_bytes()
    (stick / NAME).write_bytes(raw[: raw.index(b"/00c0ffee/2")])

    code, out, _ = run(stick)

    assert (code, row(out)) == (2, ["1", "0", "0", "0", "2"])
    assert f"{NAME}: The file is damaged (the file was cut short or damaged from byte" in out


def test_a_file_of_no_use_does_not_keep_the_others_out(run, stick):
    (stick / "saxaul-a.zip").write_bytes(b"holiday")

    code, out, _ = run(stick)

    assert (code, row(out)) == (2, ["3", "0", "0", "0", "0"])
    assert "saxaul-a.zip: this is no file of saxaul-gateway export" in out


def test_a_folder_is_looked_through_and_only_for_our_files(stick):
    (stick / "May").mkdir()
    shutil.copy(stick / NAME, stick / "May" / "saxaul-kubuqi-dune-00c0ffee-1-3 (1).zip")
    (stick / "holiday.zip").write_bytes(b"x")
    (stick / f"{NAME}.part").write_bytes(b"x")

    found = [one.name for one in find_files([stick, stick / NAME])]

    assert found == ["saxaul-kubuqi-dune-00c0ffee-1-3 (1).zip", NAME]


def test_a_path_that_leads_to_nothing_is_one_line(run, stick, tmp_path):
    (tmp_path / "empty").mkdir()
    for path, said in ((tmp_path / "empty", "there is no file"), (stick / "x", "no such file")):
        with pytest.raises(ConfigError, match=said):
            list(find_files([path]))
    code, out, err = run(tmp_path / "empty")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_an_unmigrated_database_is_told(stick, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("server.logs.configure", lambda: None)

    code = cli.main(["import", str(stick), "--database-url", f"sqlite:///{tmp_path / 'new.db'}"])

    assert code == 2
    assert "run saxaul-server migrate" in capsys.readouterr().err


def test_an_interrupted_import_goes_on_where_it_was(run, importing, stick, stored):
    """As typed in and stopped with Ctrl-C, in a process of its own."""
    (stick / NAME).unlink()
    (stick / NAME).write_bytes(of(range(1, 20_001)).written())
    process = importing()
    assert wait_until(lambda: stored() > 1, timeout_s=60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    here = stored() - 1  # without the inventory

    assert (process.returncode, err) == (130, "")
    assert "Stopped. What is stored stays" in out
    assert 0 < here < 20_000
    (stick / NAME).write_bytes(of(range(1, here + 2)).written())
    assert row(run(stick)[1]) == ["1", f"{here:,}", "0", "0", "0"]
