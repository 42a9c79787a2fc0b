"""The units start programs that exist, with arguments they know, as users without rights."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

from server.courtesy.priority import NICENESS

UNITS = Path(__file__).parent.parent.parent / "deploy" / "systemd"


PARTS = ["saxaul-server@api", "saxaul-server@ingest"]


def service(name):
    """Read what a service does, one made of a template with its drop-in."""
    template, at, instance = name.partition("@")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read([UNITS / f"{template}{at}.service", *(UNITS / f"{name}.service.d").glob("*.conf")])
    return {key: value.replace("%i", instance) for key, value in unit["Service"].items()}


@pytest.mark.parametrize("name", ["saxaul-gateway", "saxaul-server", *PARTS])
def test_it_runs_without_rights_and_comes_back(name):
    unit, user = service(name), name.partition("@")[0]

    assert unit["User"] == user
    assert unit["Restart"] == "always"
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["CapabilityBoundingSet"] == ""
    assert unit["ProtectSystem"] == "strict"
    assert unit["StateDirectory"] == user


def test_the_parts_are_as_confined_as_the_whole():
    """But for what they are started with, and for the place that ingest takes behind answers."""
    told = {"ExecStart", "WorkingDirectory"}
    whole, api = ({**service(name)} for name in ("saxaul-server", "saxaul-server@api"))
    assert {key: api[key] for key in api if key not in told} == {
        key: whole[key] for key in whole if key not in told
    }
    ingest = service("saxaul-server@ingest")
    assert ingest.items() - api.items() == {
        ("ExecStart", ingest["ExecStart"]),
        ("Nice", str(NICENESS)),
        ("CPUWeight", "33"),
        ("CPUSchedulingPolicy", "batch"),
    }


@pytest.mark.parametrize("name", ["saxaul-gateway", "saxaul-server", *PARTS])
def test_the_program_knows_its_arguments(name, tmp_path):
    """A configuration that is not there is what it complains about, and nothing else."""
    program, *arguments = service(name)["ExecStart"].split()
    known = [str(tmp_path / Path(one).name) if one.endswith(".toml") else one for one in arguments]
    command = [str(Path(sys.executable).with_name(Path(program).name)), *known]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 2
    config = name.partition("@")[0].removeprefix("saxaul-")
    assert f"{tmp_path}/{config}.toml" in done.stderr
    assert "usage:" not in done.stderr


def test_a_gateway_that_finds_no_port_waits_for_it():
    assert "--absent-ports retry" in service("saxaul-gateway")["ExecStart"]
