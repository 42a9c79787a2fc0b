"""bin/ and the rules of the test run itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.groups import TOGETHER, group_of

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


def test_what_shares_something_costly_is_together_and_all_else_is_by_itself():
    page, plot = (f"tests/server/web/test_browser.py::test_{one}" for one in ("page", "plot"))
    rules, texts = (f"tests/server/web/alerts/test_{one}.py::test_it" for one in ("a", "b"))

    assert group_of(page) == group_of(plot) != group_of(rules) == group_of(texts)
    assert group_of("tests/wire/test_batch.py::test_it") == "tests/wire/test_batch.py::test_it"
    assert [one for one in TOGETHER if not (ROOT / one).exists()] == []


WHICH_WORKER = """
import os, pathlib, pytest
@pytest.mark.parametrize("number", range(12))
def test_it(number):
    with pathlib.Path("workers").open("a") as file: print(os.getpid(), file=file)
"""


def test_a_group_has_one_worker(suite):
    """Of two, each of which gets a test at once where there is no group."""
    module = "tests/test_house_style.py"
    (suite / "tests").mkdir()
    (suite / module).write_text(WHICH_WORKER)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--rootdir", str(suite)]
    done = run([*command, module], suite, PYTHONPATH=str(ROOT))

    assert done.returncode == 0, done.stdout
    assert len(set((suite / "workers").read_text().split())) == 1
