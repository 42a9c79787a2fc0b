"""`saxaul-gateway catalogue`, as a technician types it."""

import pytest

from gateway import cli
from wire.catalogue import bundled

OWN = """\
model = "Acme Soil 2"
vendor = "Acme"
protocol = "sdi12"
reference = "Acme Soil 2 manual, section 5"

[sdi12]
command = "M"

[[field]]
property = "vwc"
position = 1
unit = "%"
resolution = 0.1
span = [0, 60]

[[sentinel]]
value = -999
reason = "probe fault"
"""


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    """Types a command in a folder; gives its exit code, and what it said on both streams."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = cli.main(["catalogue", *words, "--config", str(tmp_path / "gateway.toml")])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def file(tmp_path):
    """Writes a catalogue file and gives its path."""

    def write(text, name="acme.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def cells(text):
    """The rows of the printed tables, each as the words of its cells."""
    lines = [line.split("│") for line in text.splitlines() if "│" in line]
    return [[" ".join(cell.split()) for cell in line[1:-1]] for line in lines]


def test_a_good_file_is_explained(typed, file):
    code, out, err = typed("check", file(OWN))

    assert (code, err) == (0, "")
    assert "Acme Soil 2 (Acme): SDI-12, asked by aM!" in out
    assert ["vwc", "Soil water", "M, value 1", "%", "0.1", "0 to 60", "",
            "-999 (probe fault)"] in cells(out)  # fmt: skip
    assert "Facts: Acme Soil 2 manual, section 5" in out


def test_an_answer_is_shown_as_it_would_be_stored(typed, file):
    _, out, _ = typed("check", file(OWN), "--answer", "0+21.4")
    assert ["vwc", "21.4", "%", ""] in cells(out)

    _, out, _ = typed("check", file(OWN), "--answer", "0+71.4")
    assert ["vwc", "71.4", "%", "outside 0 to 60"] in cells(out)

    _, out, _ = typed("check", file(OWN), "--answer", "0-999")
    assert ["vwc", "missing", "%", "probe fault"] in cells(out)


def test_all_mistakes_are_told_each_in_a_line_with_file_and_line(typed, file):
    path = file(OWN.replace('"vwc"', '"vcw"').replace("= 0.1", "= 0").replace('"M"', '"MM"'))

    code, out, err = typed("check", path)

    assert (code, out) == (2, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        f"{path}:7",
        f"{path}:10",
        f"{path}:13",
    ]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN.replace("Acme Soil 2", "METER TEROS 12", 1),
         ":1: model 'METER TEROS 12' is in the bundled catalogue already, and differs"),
        (OWN.replace("sdi12", "davis").replace('[davis]\ncommand = "M"', "")
         .replace("position = 1", 'key = "soil_water"'), "a LOOP packet has no 'soil_water'"),
        (OWN.replace("sdi12", "line").replace('command = "M"', "pattern = '(?P<x>.)'")
         .replace("position = 1", 'key = "water"'), "water"),
        ("model = 'x", ":1: not valid TOML"),
    ],
)  # fmt: skip
def test_what_no_gateway_could_use_is_refused(typed, file, text, said):
    code, _, err = typed("check", file(text))

    assert code == 2
    assert said in err


def test_an_answer_that_cannot_be_read_is_told_with_what_to_give(typed, file):
    code, _, err = typed("check", file(OWN), "--answer", "013ACME    SOIL2 100")

    assert code == 2
    assert "--answer: no values in '013ACME    SOIL2 100': give the answer to D0" in err


def test_a_file_that_is_not_there_is_told(typed):
    code, _, err = typed("check", "nowhere.toml")

    assert (code, err) == (
        2,
        "saxaul-gateway: nowhere.toml: cannot be read: No such file or directory\n",
    )


def test_what_is_seldom_meant_is_pointed_at(typed, file):
    code, out, _ = typed("check", file(OWN.replace("-999", "9")))

    assert code == 0
    assert "acme.toml:14: look at this again: 'vwc': 9 could be measured" in out


def test_what_only_the_server_could_do_is_pointed_at(typed, file):
    derived = (
        '[[derived]]\nproperty = "vwc_raw"\nunit = "{raw}"\nsource = "vwc"\n'
        'transform = "teros12-mineral/1"\n'
    )
    _, out, _ = typed("check", file(OWN + derived))

    assert "look at this again: the server derives only for models that it has" in out


def test_all_models_are_listed_ones_own_too(typed, file):
    file('[catalogue]\nfolder = "models"\n', "gateway.toml")
    file(OWN, "models/acme.toml")

    code, out, _ = typed("list")

    names = [row[0] for row in cells(out) if row[0]]
    assert code == 0
    assert names == sorted([*bundled(), "Acme Soil 2 (yours)"], key=str.lower)


def test_models_are_listed_though_gateway_toml_is_wrong_elsewhere(typed, file):
    """Its messages send people here."""
    file('[catalogue]\nfolder = "models"\n[[bus]]\nsensor = 5\n', "gateway.toml")
    file(OWN, "models/acme.toml")

    assert "Acme Soil 2" in typed("list")[1]


@pytest.mark.parametrize("name", sorted(bundled()))
def test_every_bundled_model_can_be_shown(typed, name):
    code, out, _ = typed("show", name)

    assert code == 0
    assert f"{name} ({bundled()[name].vendor})" in out
    for field in bundled()[name].field:
        assert field.property in out


def test_a_model_that_is_not_there_is_told_with_what_may_be_meant(typed):
    code, _, err = typed("show", "TEROS-12")

    assert code == 2
    assert "has no model 'TEROS-12' (did you mean 'METER TEROS 12'?)" in err


def test_the_words_for_properties_and_units_are_listed(typed):
    _, out, _ = typed("properties")

    assert ["soil_ec", "Soil bulk conductivity", "uS/cm", "S/m, dS/m, uS/cm"] in cells(out)
