"""The units start programs that exist, with arguments they know, as users without rights."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent.parent / "deploy" / "systemd"


def service(name):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNITS / f"{name}.service")
    return unit["Service"]


@pytest.mark.parametrize("name", ["saxaul-gateway", "saxaul-server"])
def test_it_runs_without_rights_and_comes_back(name):
    unit = service(name)

    assert unit["User"] == name
    assert unit["Restart"] == "always"
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["CapabilityBoundingSet"] == ""
    assert unit["ProtectSystem"] == "strict"
    assert unit["StateDirectory"] == name


@pytest.mark.parametrize("name", ["saxaul-gateway", "saxaul-server"])
def test_the_program_knows_its_arguments(name, tmp_path):
    """A configuration that is not there is what it complains about, and nothing else."""
    program, *arguments = service(name)["ExecStart"].split()
    known = [str(tmp_path / Path(one).name) if one.endswith(".toml") else one for one in arguments]
    command = [str(Path(sys.executable).with_name(Path(program).name)), *known]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 2
    assert f"{tmp_path}/{name.removeprefix('saxaul-')}.toml" in done.stderr
    assert "usage:" not in done.stderr


def test_a_gateway_that_finds_no_port_waits_for_it():
    assert "--absent-ports retry" in service("saxaul-gateway")["ExecStart"]
