"""An export goes on where it was interrupted, and run again it writes what has changed."""

import hashlib
import json

import pytest
from sqlalchemy import delete, insert, update

from server.db import tables as t
from server.db.engine import writing
from server.errors import ExportError, StoreError
from server.export.folder import JOURNAL, Folder
from server.export.query import Format, Resolution
from server.export.run import LOST, is_lacking

JANUARY, FEBRUARY, MARCH = 1_767_225_600_000, 1_769_904_000_000, 1_772_323_200_000
SOIL, RAIN = "dune-1/soil-10cm/vwc_raw", "dune-1/weather/rain"
DAY_MS = 86_400_000


@pytest.fixture
def filled(sqlite_station):
    sqlite_station.fill(SOIL, 60, every=DAY_MS)
    sqlite_station.fill(RAIN, 80, every=DAY_MS, seed=2)
    return sqlite_station


def files(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def interrupted(station, query, after, error=KeyboardInterrupt):
    """Export, and be interrupted at the step so numbered; tells whether it came to that."""
    steps = 0

    def show(_step):
        nonlocal steps
        steps += 1
        if steps == after:
            raise error

    try:
        station.work(query, show=show).run()
    except error:
        return True
    return False


@pytest.mark.parametrize("fmt", list(Format))
def test_interrupted_anywhere_it_ends_with_the_same_files(filled, tmp_path, fmt):
    query = filled.query(fmt)
    filled.export(query, tmp_path / "whole")
    whole = files(tmp_path / "whole")

    after = 1
    while interrupted(filled, query, after):
        after += 1

    assert after > 5
    assert files(filled.out) == whole


def test_the_manifest_is_of_the_files_that_are_there(filled):
    filled.export(filled.query())

    manifest = json.loads((filled.out / "manifest.json").read_text())
    listed = {one["path"]: one["sha256"] for one in [*manifest["parts"], *manifest["described_by"]]}
    found = files(filled.out)
    del found["manifest.json"]
    assert found == listed
    assert manifest["rows"] == 140
    assert manifest["query"]["site"] == "kubuqi"
    assert manifest["software"].startswith("saxaul ")
    assert "pyarrow" in manifest["libraries"]


def test_finished_parts_are_not_written_again_after_an_interruption(filled):
    query = filled.query()
    seen = []

    def show(step):
        seen.append(step.what)
        if "month=2026-02" in step.what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled.work(query, show=show).run()
    january = filled.out / "data/month=2026-01/observations.parquet"
    january.write_bytes(bytes(january.stat().st_size))  # would be mended if it were written again

    filled.export(query)

    assert not january.read_bytes().strip(b"\0")
    assert (filled.out / "data/month=2026-02/observations.parquet").exists()


def test_a_finished_part_that_is_gone_or_cut_short_is_written_again(filled):
    query = filled.query()
    filled.export(query)
    whole = files(filled.out)
    for month, damage in (
        ("01", lambda path: path.unlink()),
        ("02", lambda path: path.write_bytes(b"PAR1")),
    ):
        interrupted(filled, query, after=15)
        damage(filled.out / f"data/month=2026-{month}/observations.parquet")
        filled.export(query)
        found = files(filled.out)
        assert (
            found["data/month=2026-01/observations.parquet"]
            == whole["data/month=2026-01/observations.parquet"]
        )
        assert (
            found["data/month=2026-02/observations.parquet"]
            == whole["data/month=2026-02/observations.parquet"]
        )


@pytest.mark.parametrize("cut", [1, 30, 100, 400])
def test_a_power_cut_leaves_a_line_cut_short_and_half_a_part(filled, tmp_path, cut):
    query = filled.query(Format.CSV)
    filled.export(query, tmp_path / "whole")
    interrupted(filled, query, after=18)
    journal = filled.out / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-cut])
    half = filled.out / "data/kubuqi-dune/dune-1/.soil-10cm.vwc_raw.2026.csv.part"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_text("time,loc")

    filled.export(query)

    assert files(filled.out) == files(tmp_path / "whole")


def test_run_again_with_nothing_new_it_leaves_every_file_as_it_is(filled):
    query = filled.query()
    filled.export(query)
    part = filled.out / "data/month=2026-01/observations.parquet"
    before = part.stat()

    again = filled.export(query)

    assert again.runs[-1].changes == []
    assert (part.stat().st_ino, part.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_late_data_are_written_and_told(filled):
    query = filled.query()
    filled.export(query)
    filled.store(SOIL, [(FEBRUARY + 1, 5.5, 1, "")])
    filled.store("dune-1/weather/air_temperature", [(MARCH + 1, -3.5, 1, "")])

    again = filled.export(query)

    told = [(one.path[5:18], one.why, one.rows - one.rows_before) for one in again.runs[-1].changes]
    assert told == [("month=2026-02", "observations", 1), ("month=2026-03", "observations", 1)]


def test_a_new_part_is_told(filled):
    query = filled.query(Format.CSV)
    filled.export(query)
    filled.store("dune-1/weather/air_temperature", [(JANUARY, -3.5, 1, "")])

    (change,) = filled.export(query).runs[-1].changes

    assert (change.why, change.rows_before, change.rows) == ("new", 0, 1)
    assert change.path == "data/kubuqi-dune/dune-1/weather.air_temperature.2026.csv"


def test_a_changed_flag_is_told_though_the_number_of_rows_is_the_same(filled):
    query = filled.query()
    filled.export(query)
    ((_, value, _, _),) = filled.stored(filled.id(SOIL), to=JANUARY + 1)
    filled.store(SOIL, [(JANUARY, value, 4 | 16, "")], replace=True)

    (change,) = filled.export(query).runs[-1].changes

    assert (change.why, change.rows_before == change.rows) == ("observations", True)


def test_a_new_name_changes_files_but_no_observations(filled):
    query = filled.query(Format.NETCDF)
    filled.export(query)
    with writing(filled.engine) as connection:
        connection.execute(update(t.thing).values(name="The high dune"))

    told = filled.export(query).runs[-1].changes

    assert {one.why for one in told} == {"metadata"}


@pytest.mark.parametrize("horizon", [FEBRUARY + DAY_MS, MARCH])
def test_what_retention_has_dropped_stays_in_the_folder(filled, horizon):
    """An export is often the last place where raw observations are: it never shrinks."""
    query = filled.query()
    filled.export(query)
    before = files(filled.out)
    with writing(filled.engine) as connection:
        connection.execute(insert(t.retention_horizon).values(level="raw", before=horizon))
        connection.execute(delete(t.observation).where(t.observation.c.time < horizon))

    again = filled.export(query)

    after = files(filled.out)
    assert {path: after[path] for path in before if path.startswith("data")} == {
        path: digest for path, digest in before.items() if path.startswith("data")
    }
    assert [(one.path[5:18], one.why) for one in again.runs[-1].changes] == [
        ("month=2026-01", "gone"),
        ("month=2026-02", "gone"),
    ]
    assert filled.export(query).runs[-1].changes == []


def drop(station, horizon):
    with writing(station.engine) as connection:
        connection.execute(insert(t.retention_horizon).values(level="raw", before=horizon))
        connection.execute(delete(t.observation).where(t.observation.c.time < horizon))


LATE = {
    "a value": lambda station: station.store(SOIL, [(JANUARY + 20 * DAY_MS + 5, 5.5, 1, "")]),
    "a flag": lambda station: station.store(
        SOIL, [(JANUARY + 20 * DAY_MS, 5.5, 4 | 16, "")], replace=True
    ),
    "another series": lambda station: station.fill("dune-1/weather/air_temperature", 31 * 144),
}


@pytest.mark.parametrize(
    ("late", "fmt"),
    [
        *(("a value", fmt) for fmt in Format),
        ("a flag", Format.CSV),
        ("another series", Format.PARQUET),
    ],
)
def test_a_kept_part_that_lacks_what_came_since_says_so(filled, late, fmt):
    """It stays as it is, for the database can no longer write all of it."""
    query = filled.query(fmt, to=FEBRUARY)
    filled.export(query)
    LATE[late](filled)
    drop(filled, JANUARY + 9 * DAY_MS)

    again = filled.export(query)

    (told,) = [one.note for one in again.parts if is_lacking(one)]
    assert told.endswith("too, with --from 2026-01-10T00:00:00.000Z --out NEW_FOLDER")
    assert filled.export(query).parts == again.parts


@pytest.mark.parametrize("resolution", list(Resolution))
def test_a_kept_part_that_lacks_nothing_is_not_said_to(filled, resolution):
    """Horizons move on each day: an alarm each day would be heard by nobody."""
    query = filled.query(resolution=resolution)
    filled.export(query)
    with writing(filled.engine) as connection:
        given = {"level": resolution.value, "before": JANUARY + 9 * DAY_MS}
        connection.execute(insert(t.retention_horizon).values(given))

    first, *_ = filled.export(query).parts

    assert first.note == LOST


def test_a_part_of_which_some_is_dropped_already_says_so(filled):
    with writing(filled.engine) as connection:
        connection.execute(
            insert(t.retention_horizon).values(level="raw", before=FEBRUARY + DAY_MS)
        )
        connection.execute(delete(t.observation).where(t.observation.c.time < FEBRUARY + DAY_MS))

    first, second = filled.export(filled.query()).parts

    assert (first.note, second.note) == (
        "the database no longer holds anything before 2026-02-02T00:00:00.000Z",
        "",
    )


def test_observations_that_are_all_removed_stay_and_are_told(filled):
    query = filled.query(Format.CSV)
    filled.export(query)
    with writing(filled.engine) as connection:
        connection.execute(
            delete(t.observation).where(t.observation.c.datastream_id == filled.id(RAIN))
        )

    (change,) = filled.export(query).runs[-1].changes

    assert (change.path, change.why) == ("data/kubuqi-dune/dune-1/weather.rain.2026.csv", "gone")
    assert (filled.out / change.path).exists()


def test_a_folder_of_another_query_is_refused(filled):
    filled.export(filled.query())

    with pytest.raises(ExportError, match=r"holds another export \(resolution 'raw', not 'day'\)"):
        filled.export(filled.query(resolution=Resolution.DAY))


def test_a_folder_with_other_things_in_it_is_refused(filled):
    filled.out.mkdir()
    (filled.out / "thesis.doc").write_text("years of work")

    with pytest.raises(ExportError, match="is not empty and holds no export"):
        filled.export(filled.query())

    assert files(filled.out).keys() == {"thesis.doc"}


def test_two_exports_do_not_write_into_one_folder(filled):
    held = Folder(filled.out)
    held.open()
    try:
        with pytest.raises(ExportError, match="another export is writing into it"):
            filled.export(filled.query())
    finally:
        held.close()


def test_a_damaged_manifest_is_told(filled):
    filled.export(filled.query())
    (filled.out / "manifest.json").write_text("{}")

    with pytest.raises(ExportError, match=r"manifest.json cannot be read: .*new folder"):
        filled.export(filled.query())


def test_a_database_that_fails_is_told_and_the_export_can_go_on(filled):
    query = filled.query()
    with writing(filled.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE observation RENAME TO hidden")
    with pytest.raises(StoreError, match="run the same command again"):
        filled.export(query)
    with writing(filled.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO observation")

    assert filled.export(query).rows == 140


def test_a_part_is_read_as_it_was_at_one_moment(station):
    """What is stored while a part is being written is not in it: neither whole nor in part."""
    for name in (SOIL, RAIN):
        station.fill(name, 10)
    done = []

    def show(step):
        if step.what.endswith(".parquet") and not done:
            done.append(step)
            station.store(RAIN, [(JANUARY + 1, 7.0, 1, "")])

    manifest = station.work(station.query(), show=show).run()

    assert done
    assert manifest.rows == 20
    assert station.export(station.query()).rows == 21
