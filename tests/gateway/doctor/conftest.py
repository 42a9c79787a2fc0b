"""A machine whose /proc and /sys are a folder of the test's."""

from pathlib import Path

import pytest

from gateway.doctor.machine import Machine


@pytest.fixture
def machine(tmp_path):
    """Give a machine, and write a file of it with `machine_file`."""
    root = tmp_path / "root"
    root.mkdir()
    return Machine(root)


@pytest.fixture
def machine_file(machine):
    def write(path: str, text: str) -> None:
        file = machine.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def verdicts():
    """Tell how bad each thing is; the worst where a thing has several findings."""

    def of(findings):
        order = ("fine", "look", "failed")
        worst: dict[str, str] = {}
        for one in findings:
            said = str(one.verdict)
            worst[one.about] = max(worst.get(one.about, "fine"), said, key=order.index)
        return worst

    return of


@pytest.fixture
def data_dir(tmp_path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder
