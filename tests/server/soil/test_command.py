"""`saxaul-server soil`: what an operator says and sees, and one clear line for each mistake."""

import argparse
import io

import pytest
from rich.console import Console

from server.soil import command
from server.soil.command import Tools
from tests.server.soil.station import ACCLIMA, CAMPBELL, Probe, Server
from wire.catalogue import bundled
from wire.errors import ConfigError

PROBE = Probe(model=CAMPBELL)


@pytest.fixture
def run(sqlite_server):
    """Run it on a database; gives what it printed."""

    def run(*words):
        parser = argparse.ArgumentParser()
        command.add_parser(parser.add_subparsers())
        printed = io.StringIO()
        console = Console(width=160, file=printed)
        tools = Tools(sqlite_server.engine, bundled(), lambda: sqlite_server.now_ms, console)
        assert command.run(tools, parser.parse_args(["soil", *words])) == 0
        return " ".join(printed.getvalue().split())

    return run


def test_nobody_has_said_anything(sqlite_server, run):
    sqlite_server.announce(PROBE)

    told = run()

    assert "kubuqi all depths sand 0.5 % 0.028 0.074 0.417 assumed: nobody has said" in told


def test_without_a_site_there_is_no_soil(run):
    assert run() == "No site yet: gateways announce them."


def test_a_texture_is_said_and_shown(sqlite_server, run):
    sqlite_server.announce(PROBE)
    sqlite_server.measure(PROBE, "0.2")

    told = run("kubuqi", "--texture", "Sandy-Loam", "--organic-matter", "2.5%")

    assert told == (
        "kubuqi: sandy loam with field capacity 0.179 and wilting point 0.081 m3/m3 (from "
        "texture). 1 series of relative water are computed anew by the running server; "
        "saxaul-server soil --compute does it at once."
    )
    shown = run()
    assert "kubuqi all depths sandy loam 2.5 % 0.081 0.179 0.450 from texture" in shown
    assert "1 series of relative water wait to be computed" in shown


def test_what_was_measured_is_entered_and_computed_at_once(sqlite_server, run):
    sqlite_server.announce(PROBE)
    sqlite_server.measure(PROBE, "0.085", "0.12")

    told = run("kubuqi", "--field-capacity", "12%", "--wilting-point", "0.05", "--compute")

    assert "field capacity 0.120 and wilting point 0.050 m3/m3 (entered)" in told
    assert "Computed: 2 observations. Nothing waits any more." in told
    assert sqlite_server.values(PROBE.relative) == [pytest.approx(0.5), pytest.approx(1.0)]


def test_a_thing_and_a_layer_are_told_apart(sqlite_server, run):
    deep = Probe(id="soil-40cm", model=ACCLIMA, depth_m=0.4)
    other = Probe(thing="dune-2", model=CAMPBELL)
    sqlite_server.announce(PROBE, deep, other)

    run("kubuqi", "--thing", "dune-1", "--depth", "0.3-", "--sand", "40%", "--clay", "0.2")
    run("kubuqi", "--texture", "clay")
    run("--compute")

    limits = {
        one: sqlite_server.formula(one.relative).rpartition("(")[2] for one in (PROBE, deep, other)
    }
    assert limits == {
        PROBE: "; field_capacity=0.4239, wilting_point=0.2962)",
        deep: "; field_capacity=0.2579, wilting_point=0.1247)",
        other: "; field_capacity=0.4239, wilting_point=0.2962)",
    }
    assert "kubuqi dune-1 from 0.3 m down loam" in run("kubuqi")


def test_what_was_said_is_taken_back(sqlite_server, run):
    sqlite_server.announce(PROBE)
    sqlite_server.measure(PROBE, "0.2")
    fresh = sqlite_server.values(PROBE.relative)
    run("kubuqi", "--texture", "clay", "--compute")
    assert sqlite_server.values(PROBE.relative) != fresh

    told = run("kubuqi", "--forget", "--compute")

    assert told.startswith("kubuqi: forgotten.")
    assert sqlite_server.values(PROBE.relative) == fresh
    assert "assumed" in run()


def test_a_key_that_several_gateways_have_is_named_with_its_gateway(sqlite_server, run):
    other = Server(sqlite_server.engine, "orchard")
    sqlite_server.announce(PROBE)
    other.announce(PROBE)
    with pytest.raises(ConfigError, match=r"write kubuqi-dune/dune-1 or orchard/dune-1"):
        run("kubuqi", "--thing", "dune-1", "--texture", "clay")

    told = run("kubuqi", "--thing", "orchard/dune-1", "--texture", "clay")

    assert told.startswith("kubuqi, orchard/dune-1: clay")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--texture", "clay"], "say of which site"),
        (["nowhere", "--texture", "clay"], "site 'nowhere': no such site; known are: kubuqi"),
        (["nowhere"], "site 'nowhere': no such site"),
        (["kubuqi", "--texture", "mud"], "no such class; known: sand, loamy sand"),
        (["kubuqi", "--texture", "clay", "--sand", "10%"], "not both"),
        (["kubuqi", "--sand", "10%"], "give both; the rest is silt"),
        (["kubuqi", "--field-capacity", "10%"], "give a texture, or both"),
        (["kubuqi", "--texture", "clay", "--forget"], "either forget"),
        (["kubuqi", "--forget"], "nothing was said of that"),
        (["kubuqi", "--thing", "dune-9", "--texture", "clay"], "no such thing.*known: dune-1"),
        (["kubuqi", "--thing", "dune-1"], "say what its soil is, or --forget"),
        (["kubuqi", "--texture", "clay", "--depth", "deep"], "write metres from-to as 0-0.3"),
        (["kubuqi", "--texture", "clay", "--depth", "0.3-0.1"], "turn it round"),
        (["kubuqi", "--texture", "clay", "--depth", "0.2-0.6"], "overlaps 0 to 0.3 m"),
        (
            ["kubuqi", "--field-capacity", "5%", "--wilting-point", "12%"],
            "5.0 % must be above the wilting point 12.0 %",
        ),
    ],
)
def test_a_mistake_is_told_with_the_remedy_and_nothing_changes(sqlite_server, run, words, reason):
    sqlite_server.announce(PROBE)
    run("kubuqi", "--depth", "0-0.3", "--texture", "loam")
    before = sqlite_server.rows("soil"), sqlite_server.rows("datastream")

    with pytest.raises(ConfigError, match=reason):
        run(*words)

    assert (sqlite_server.rows("soil"), sqlite_server.rows("datastream")) == before


@pytest.mark.parametrize("share", ["120%", "12", "nan", "wet"])
def test_a_share_is_from_nothing_to_all(run, share, capsys):
    with pytest.raises(SystemExit):
        run("kubuqi", "--field-capacity", share)

    assert share in capsys.readouterr().err


def test_the_same_layer_is_said_anew(sqlite_server, run):
    sqlite_server.announce(PROBE)
    run("kubuqi", "--depth", "0-0.3", "--texture", "loam")
    run("kubuqi", "--depth", "0-0.3", "--texture", "clay")

    assert len(sqlite_server.rows("soil")) == 1
    assert "0 to 0.3 m clay" in run()


def test_what_no_layer_is_for_is_told_as_the_rest(sqlite_server, run):
    sqlite_server.announce(PROBE)
    run("kubuqi", "--depth", "0-0.3", "--texture", "loam")

    assert "kubuqi all other depths sand 0.5 %" in run()
