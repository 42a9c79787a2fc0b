"""CSV such that a spreadsheet opens it without harm, and what describes it."""

import gzip
import json
from zoneinfo import ZoneInfo

import numpy as np

from server.export.formats.csv_file import local_texts
from server.export.query import Format, Resolution

JANUARY = 1_767_225_600_000
SOIL = "dune-1/soil-10cm/vwc_raw"


def lines(station, name="data/kubuqi-dune/dune-1/soil-10cm.vwc_raw.2026.csv"):
    return (station.out / name).read_bytes().decode().split("\r\n")


def test_a_row_says_when_in_utc_and_locally_what_and_how_good(sqlite_station):
    sqlite_station.zone("Asia/Shanghai")
    rows = [
        (JANUARY, 2493.4, 1, ""),
        (JANUARY + 1, 0.1, 4 | 16 | 32, ""),
        (JANUARY + 2, None, 9, "timeout"),
    ]
    sqlite_station.store(SOIL, rows)
    sqlite_station.export(sqlite_station.query(Format.CSV))

    assert lines(sqlite_station) == [
        "time,local_time,value,flag,tests,unit,reason",
        "2026-01-01T00:00:00.000Z,2026-01-01T08:00:00.000+08:00,2493.4,pass,,{raw},",
        "2026-01-01T00:00:00.001Z,2026-01-01T08:00:00.001+08:00,0.1,fail,gross_range clock_unknown,{raw},",
        "2026-01-01T00:00:00.002Z,2026-01-01T08:00:00.002+08:00,,missing,,{raw},timeout",
        "",
    ]


def test_a_reason_that_looks_like_a_formula_is_text(sqlite_station):
    sqlite_station.store(SOIL, [(JANUARY, None, 9, '=HYPERLINK("http://x")')])
    sqlite_station.export(sqlite_station.query(Format.CSV))

    assert lines(sqlite_station)[1].endswith(',"\'=HYPERLINK(""http://x"")"')


def test_local_times_follow_the_change_to_summer_time():
    times = np.array([1_774_745_999_999, 1_774_746_000_000], dtype=np.int64)

    assert local_texts(times, ZoneInfo("Europe/Berlin")) == [
        "2026-03-29T01:59:59.999+01:00",
        "2026-03-29T03:00:00.000+02:00",
    ]


def test_compressed_files_are_the_same_each_time(sqlite_station, tmp_path):
    sqlite_station.fill(SOIL, 50)
    query = sqlite_station.query(Format.CSV, gzip=True)
    first = sqlite_station.export(query, tmp_path / "one").parts
    second = sqlite_station.export(query, tmp_path / "two").parts

    assert [one.sha256 for one in first] == [one.sha256 for one in second]
    data = (tmp_path / "one" / first[0].path).read_bytes()
    assert gzip.decompress(data).startswith(b"time,local_time,")


def test_the_package_describes_each_file_and_column(sqlite_station):
    sqlite_station.store("dune-1/weather/air_temperature", [(JANUARY, -3.5, 1, "")])
    (part,) = sqlite_station.export(sqlite_station.query(Format.CSV)).parts

    package = json.loads((sqlite_station.out / "datapackage.json").read_text())
    (resource,) = package["resources"]
    fields = {one["name"]: one for one in resource["schema"]["fields"]}
    assert (resource["path"], resource["hash"]) == (part.path, f"sha256:{part.sha256}")
    assert resource["thing"]["places"][0]["lat"] == 40.6
    assert resource["datastream"]["instruments"][0]["height_m"] == 2.0
    assert (fields["value"]["unit"], fields["value"]["standard_name"]) == ("Cel", "air_temperature")
    assert "missing" in fields["flag"]["constraints"]["enum"]
    assert list(fields) == lines(sqlite_station, part.path)[0].split(",")


def test_the_package_names_the_columns_of_statistics_too(sqlite_station):
    sqlite_station.fill(SOIL, 50)
    query = sqlite_station.query(Format.CSV, resolution=Resolution.DAY)
    (part,) = sqlite_station.export(query).parts

    package = json.loads((sqlite_station.out / "datapackage.json").read_text())
    names = [one["name"] for one in package["resources"][0]["schema"]["fields"]]
    assert names == lines(sqlite_station, part.path)[0].split(",")
