"""The command as a technician runs it."""

import pytest

from gateway import cli

SENSOR = {
    b"?!": b"1\r\n",
    b"1!": b"1\r\n",
    b"1I!": b"113METER   TER12 400T12-1\r\n",
    b"1M!": b"10003\r\n",
    b"1MC!": b"10003\r\n",
    b"1D0!": b"1+2493.4+16.1+39\r\n",
}

STATIONS = """\
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
[[thing]]
id = "dune-1"
name = "Dune 1"
"""


@pytest.fixture
def teros(device):
    return device(lambda asked: SENSOR.get(asked, b"")).port


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `scan` beside a gateway.toml, at one address and without listening for long."""
    from gateway.scan import command

    path = tmp_path / "gateway.toml"
    path.write_text(STATIONS)
    monkeypatch.setattr(command, "Extent", lambda **_: one_address())

    def go(*args):
        return cli.main(["scan", "--config", str(path), *args])

    go.path = path
    return go


def one_address():
    from gateway.scan import Extent

    return Extent(listen_s=0.1, sdi12_addresses="1", sdi12_s=0.3, modbus_ids=[])


def test_what_is_found_is_printed_to_be_pasted_and_the_rest_goes_beside_it(run, teros, capsys):
    assert run(teros) == 0
    out, err = capsys.readouterr()

    assert out.startswith('[[bus]]\nid = "sdi12"\n')
    assert 'model = "METER TEROS 12"' in out
    assert "vwc_raw 2493.4 {raw}" in err
    assert f"{teros}: listening at 9600 baud" in err
    assert run.path.read_text() == STATIONS


def test_write_adds_it_to_the_only_station_and_shows_what_was_added(run, teros, capsys):
    assert run("--write", teros) == 0
    out, err = capsys.readouterr()

    assert 'thing = "dune-1"' in out
    assert run.path.read_text() == STATIONS + "\n" + out
    assert f"added to {run.path}" in err.replace("\n", " ")


def test_write_a_second_time_says_that_it_is_there(run, teros, capsys):
    run("--write", teros)
    capsys.readouterr()

    assert run("--write", teros) == 0
    assert "nothing added" in capsys.readouterr().err


def test_of_several_stations_one_must_be_named_before_anything_is_asked(run, device, capsys):
    run.path.write_text(STATIONS + '[[thing]]\nid = "dune-2"\nname = "Dune 2"\n')
    there = device(lambda _: b"")

    assert run("--write", there.port) == 2
    assert "--thing" in capsys.readouterr().err
    assert there.asked == []


def test_a_scan_that_is_broken_off_prints_what_it_found_and_adds_nothing(
    run, teros, capsys, monkeypatch
):
    from gateway.scan.walk import Scanner

    whole = Scanner.run

    def interrupted(scanner, ports):
        whole(scanner, ports)
        raise KeyboardInterrupt

    monkeypatch.setattr(Scanner, "run", interrupted)

    assert run("--write", teros) == 130
    assert 'model = "METER TEROS 12"' in capsys.readouterr().out
    assert run.path.read_text() == STATIONS


@pytest.mark.parametrize("span", ["0-3", "9-3", "1-248", "x"])
def test_an_impossible_span_of_ids_is_refused(run, span, capsys):
    assert run("--ids", span, "/dev/ttyUSB77") == 2
    assert "no span of Modbus ids" in capsys.readouterr().err
