"""Settings of sampling, clock and heights that cannot be meant: file, line and remedy."""

import pytest

from gateway.app import loans
from gateway.buses.lending import FRESH_MS
from gateway.config import load
from gateway.inventory import compose
from wire.errors import ConfigError

TEXT = """\
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
[clock]
trust = "{trust}"
[[thing]]
id = "dune-1"
name = "Dune 1"
[[bus]]
id = "one"
port = "/dev/ttyUSB0"
protocol = "sdi12"
  [[bus.sensor]]
  id = "sand"
  thing = "dune-1"
  model = "{model}"
  address = "1"
  interval_s = 600
  {more}
  [[bus.sensor]]
  id = "mast"
  thing = "dune-1"
  model = "METER ATMOS 41"
  address = "2"
"""
LINE = 19  # of {more}


def loaded(tmp_path, more="", model="Campbell SR50A", trust="assume"):
    path = tmp_path / "gateway.toml"
    path.write_text(TEXT.format(more=more, model=model, trust=trust), encoding="utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("more", "model", "told"),
    [
        ("sample_s = 700", "Campbell SR50A", "sample_s 600 s hold no sample every 700 s"),
        ("sample_s = 45", "Campbell SR50A", "sample_s interval_s 600 is no whole multiple"),
        ('temperature_from = "mast"', "METER TEROS 12", "METER TEROS 12 needs no temperature"),
        (
            'temperature_from = "mast-2"',
            "Campbell SR50A",
            "'dune-1/mast-2' measures no air_temperature; sensors that do: dune-1/mast",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, more, model, told):
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, more, model)

    assert f"gateway.toml:{LINE}: bus 'one', sensor 'sand': " in str(caught.value)
    assert told in str(caught.value)


def test_a_receiver_that_is_attached_nowhere_is_not_waited_for(tmp_path):
    with pytest.raises(ConfigError, match=r"gateway\.toml:5: clock\.trust is 'gnss' and no bus"):
        loaded(tmp_path, trust="gnss")


def test_what_is_borrowed_is_announced_and_the_reference_told(tmp_path):
    config = loaded(tmp_path, 'temperature_from = "mast"\n  reference_m = 2.013')
    found = compose(config, {}, 1)
    (loan,) = loans(config)

    assert found.sensors[0].reference_m == 2.013
    assert "dune-1/sand/correction_temperature" in [one.name for one in found.datastreams]
    assert (loan.beside, loan.lender, loan.to) == (
        "dune-1/sand/sand_distance",
        "dune-1/mast/air_temperature",
        "dune-1/sand/correction_temperature",
    )


@pytest.mark.parametrize(("lender_s", "fresh_ms"), [(60, FRESH_MS), (1800, 2_700_000)])
def test_what_a_slow_sensor_lends_is_fresh_up_to_its_next_value(tmp_path, lender_s, fresh_ms):
    """Of one read every half hour, two of three borrowers' readings would have none otherwise."""
    text = TEXT.format(more='temperature_from = "mast"', model="Campbell SR50A", trust="assume")
    path = tmp_path / "gateway.toml"
    path.write_text(f"{text}  interval_s = {lender_s}\n", encoding="utf-8")
    (loan,) = loans(load(path))

    assert loan.fresh_ms == fresh_ms


def test_an_inventory_tells_what_is_really_reported(tmp_path):
    told = {
        one.property: (one.interval_s, one.statistic)
        for one in compose(loaded(tmp_path, "sample_s = 60"), {}, 1).datastreams
        if one.sensor == "dune-1/sand"
    }

    assert told == {"sand_distance": (600, "mean"), "echo_quality": (600, "last")}
