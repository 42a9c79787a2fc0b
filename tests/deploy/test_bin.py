"""bin/ and the rules of the test run itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

ONE_SKIPPED = """
import pytest
def test_fine(): pass
def test_skipped(): pytest.skip("no such part here")
"""


def run(command, folder=ROOT, **environment):
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**os.environ, **environment},
    )


def test_preparing_what_is_prepared_says_nothing():
    if not (ROOT / ".venv" / ".saxaul-run").exists():
        pytest.skip("this environment was not made by bin/prepare")
    done = run(["bin/prepare", "demo"])

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_purpose_is_told():
    done = run(["bin/prepare", "party"])

    assert done.returncode == 2
    assert done.stderr == "bin/prepare: 'party' is none of demo, full, bench, test\n"


@pytest.mark.parametrize(
    "script", ["bin/prepare", "bin/demo", "bin/test", ".ci/run", "deploy/clean-room"]
)
def test_scripts_can_be_run_and_parsed(script):
    assert os.access(ROOT / script, os.X_OK)
    assert run(["bash", "-n", script]).returncode == 0


@pytest.mark.parametrize("where", ["deploy", "bin", ".ci", "constraints.txt", "pyproject.toml"])
def test_no_download_address_is_named(where):
    """Where packages come from is the machine's own business."""
    files = [path for path in (ROOT / where).rglob("*") if path.is_file()] or [ROOT / where]
    texts = {path: path.read_bytes() for path in files if "__pycache__" not in path.parts}

    assert not [path for path, text in texts.items() if b"https://" in text or b"index-url" in text]


@pytest.fixture
def suite(tmp_path):
    """A suite of its own, under the rules of ours."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(ONE_SKIPPED)
    return tmp_path


@pytest.mark.parametrize("workers", ["0", "2"])
def test_in_continuous_integration_a_skipped_test_is_a_failed_one(suite, workers):
    command = [sys.executable, "-m", "pytest", "-n", workers, "--rootdir", str(suite)]
    done = run([*command, str(suite)], suite, CI="true", PYTHONPATH=str(ROOT))

    assert done.returncode == 1
    assert "FAILED because skipped (CI=true): test_it.py::test_skipped" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]


def test_elsewhere_a_test_may_be_skipped(suite):
    command = [sys.executable, "-m", "pytest", "--rootdir", str(suite), str(suite)]

    assert run(command, suite, CI="", PYTHONPATH=str(ROOT)).returncode == 0
