"""`saxaul-server export` as it is typed: what it writes, says and refuses."""

import json
import resource
import signal
import subprocess
import sys

import pytest
from sqlalchemy import insert

from server.cli import main
from server.db.engine import writing
from server.db.tables import retention_horizon
from server.export.folder import Folder
from server.export.query import Format

JANUARY = 1_767_225_600_000
DAY_MS = 86_400_000
SOIL, RAIN = "dune-1/soil-10cm/vwc_raw", "dune-1/weather/rain"
SPAN = ("--from", "2026-01-01", "--to", "2026-04-01")


@pytest.fixture
def station(sqlite_station):
    sqlite_station.fill(SOIL, 100)
    sqlite_station.fill(RAIN, 50)
    return sqlite_station


@pytest.fixture
def export(station, capfd):
    """Runs the command; gives exit code, stdout and stderr."""

    def run(*options, out=station.out):
        where = () if out is None else ("--out", str(out))
        code = main(["export", "--database-url", str(station.engine.url), *options, *where])
        return code, *capfd.readouterr()

    return run


def parts(out):
    return [one["path"] for one in json.loads((out / "manifest.json").read_text())["parts"]]


def test_it_says_what_it_wrote(export, station):
    code, out, err = export("--site", "kubuqi", *SPAN, "--format", "csv")

    assert (code, err) == (0, "")
    size = sum(path.stat().st_size for path in station.out.rglob("*.csv")) / 1e6
    assert out == f"{station.out}: 2 files, 150 rows, {size:.1f} MB\n"


def test_on_a_terminal_a_bar_shows_how_far_it_is(export, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, out, _ = export("--site", "kubuqi", *SPAN, "--format", "csv")

    assert code == 0
    assert "2/2" in out
    assert "150 rows" in out.partition("files")[0]


def test_only_what_is_asked_for(export, station):
    export("--site", "kubuqi", *SPAN, "--format", "csv", "--property", "rain", "--thing", "dune-1")

    assert parts(station.out) == ["data/kubuqi-dune/dune-1/weather.rain.2026.csv"]


def test_a_day_begins_at_the_site(export, station):
    station.zone("Asia/Shanghai")
    export("--site", "kubuqi", *SPAN, "--format", "csv")

    query = json.loads((station.out / "manifest.json").read_text())["query"]
    assert (query["from"], query["to"]) == ("2025-12-31T16:00:00.000Z", "2026-03-31T16:00:00.000Z")
    assert query["time_zone"] == "Asia/Shanghai"


def test_a_folder_is_named_by_what_is_asked_for(export, station, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    export("--site", "kubuqi", *SPAN, "--format", "csv", "--resolution", "day", out=None)

    assert (tmp_path / "kubuqi_2026-01-01_2026-04-01_day_csv/manifest.json").exists()


def test_run_again_it_says_what_has_changed(export, station):
    asked = ("--site", "kubuqi", *SPAN, "--format", "csv")
    export(*asked)
    station.store(RAIN, [(JANUARY + 1, 7.0, 1, "")])
    _, out, _ = export(*asked)

    assert out.splitlines()[2:] == [
        "  data/kubuqi-dune/dune-1/weather.rain.2026.csv: observations, 50 rows before, 51 now"
    ]
    assert out.splitlines()[1].startswith("Changed since ")


def test_what_a_kept_file_lacks_is_said_and_is_no_success(export, station):
    asked = ("--site", "kubuqi", *SPAN, "--format", "csv", "--property", "rain")
    export(*asked)
    station.store(RAIN, [(JANUARY + 5 * DAY_MS, 7.0, 1, "")])
    with writing(station.engine) as connection:
        given = {"level": "raw", "before": JANUARY + DAY_MS}
        connection.execute(insert(retention_horizon).values(given))
    code, out, _ = export(*asked)

    assert code == 1
    assert "export that too, with --from 2026-01-02T00:00:00.000Z --out NEW_FOLDER" in out


@pytest.mark.parametrize(("hours", "said"), [(25, True), (23, False)])
def test_parts_that_were_read_long_ago_are_said(export, station, monkeypatch, hours, said):
    """An interrupted run keeps what it has read, however late it goes on."""

    def show(step):
        if "rain" in step.what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        station.work(station.query(Format.CSV), show=show).run()
    later_ms = station.now_ms + hours * 3_600_000
    monkeypatch.setattr("server.export.command.wall_clock_ms", lambda: later_ms)
    code, out, _ = export("--site", "kubuqi", *SPAN, "--format", "csv")

    assert code == 0
    assert ("Parts read on 2026-03-20 were kept: run again to refresh them." in out) is said
    _, out, _ = export("--site", "kubuqi", *SPAN, "--format", "csv")
    assert "were kept" not in out


def test_nothing_in_the_span_is_said(export):
    asked = ("--from", "2019-01-01", "--to", "2020-01-01", "--format", "csv")
    code, out, _ = export("--site", "kubuqi", *asked)

    assert code == 0
    assert "There is nothing in this span" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--site", "kubuki"), "--site 'kubuki': no such site; known are: kubuqi"),
        (("--from", "2026-05-01"), "--to: 2026-04-01T00:00:00.000Z is not after --from"),
        (("--from", "2026-13-01"), "--from: "),
        (("--from", "2026-01-01T00:00:00"), "names no time zone"),
        (("--thing", "dune-2"), "--thing 'dune-2': this site has no such; known are: dune-1"),
        (("--property", "rein"), "--property 'rein': this site has no such; known are: "),
        (("--format", "parquet", "--gzip"), "--gzip: parquet is compressed anyway"),
    ],
)
def test_a_query_of_no_use_is_told(export, station, options, said):
    code, _, err = export("--site", "kubuqi", *SPAN, "--format", "csv", *options)

    assert code == 2
    assert err.startswith("saxaul-server: ")
    assert said in err
    assert err.count("\n") == 1
    assert not station.out.exists()


def test_a_folder_that_cannot_be_one_is_told(export, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = export("--site", "kubuqi", *SPAN, "--format", "csv", out=tmp_path / "file/out")

    assert code == 2
    assert err == (
        f"saxaul-server: {tmp_path}/file/out cannot be written: Not a directory; "
        "that is no folder; name another one with --out\n"
    )


ASKED = ("--site", "kubuqi", *SPAN, "--format")


def full_disk(limit):
    """No file may be longer: the system then refuses the same calls as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


@pytest.mark.parametrize(("fmt", "limit"), [("csv", 24_000), ("parquet", 9_000)])
def test_a_disk_that_is_full_is_told_and_the_export_goes_on_later(export, station, fmt, limit):
    station.fill("dune-1/weather/air_temperature", 8000)
    full_disk(limit)
    try:
        code, _, err = export(*ASKED, fmt)
    finally:
        full_disk(resource.RLIM_INFINITY)

    assert code == 2
    assert err.count("\n") == 1
    assert "cannot be written: File too large; make room and run the same command again" in err
    assert not list(station.out.rglob("*.part"))
    assert export(*ASKED, fmt)[0] == 0


def test_so_it_is_where_the_library_cannot_say_why(station):
    """The NetCDF library says "HDF error" only. In a process of its own, as it may be left upset."""
    station.fill("dune-1/weather/air_temperature", 8000)
    command = [sys.executable, "-m", "server", "export", "--database-url", str(station.engine.url)]
    done = subprocess.run(
        [*command, *ASKED, "netcdf", "--out", str(station.out)],
        preexec_fn=lambda: full_disk(24_000),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert "look at the disk, then run the same command again" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(station.out.rglob("*.part"))


def test_ctrl_c_is_told_and_leaves_what_is_done(export, station, monkeypatch):
    noted = Folder.note

    def interrupt(self, part):
        noted(self, part)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Folder, "note", interrupt)
    code, out, _ = export(*ASKED, "csv")

    assert code == 130
    assert f"what is done stays in {station.out}. Run the same command again to go on." in out
    assert [path.name for path in station.out.rglob("*.csv")] == ["soil-10cm.vwc_raw.2026.csv"]


@pytest.mark.parametrize(("fmt", "package"), [("parquet", "pyarrow"), ("netcdf", "netCDF4")])
def test_a_library_that_is_not_installed_is_named(export, monkeypatch, fmt, package):
    """As on a small computer that was prepared without the extra `export`."""
    monkeypatch.delitem(sys.modules, f"server.export.formats.{fmt}_file", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    code, _, err = export(*ASKED, fmt)

    assert code == 2
    assert f"the Python package '{package}' is not installed; run bin/prepare full" in err


def test_neither_the_server_nor_csv_loads_the_libraries_of_the_other_formats(station):
    """They cost a small computer 50 MB and more."""
    code = """
import sys
import server.app
from server.cli import main
assert main(sys.argv[1:]) == 0
print(sorted({"pyarrow", "netCDF4", "pandas", "xarray", "h5py"} & set(sys.modules)))
"""
    asked = ("export", "--database-url", str(station.engine.url), *ASKED, "csv")
    done = subprocess.run(
        [sys.executable, "-c", code, *asked, "--out", str(station.out)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[]"
