"""One writer a data folder."""

import os
import subprocess
import sys

import pytest

from gateway.errors import StoreError
from gateway.outbox import DataDirLock


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path):
    with (
        DataDirLock(tmp_path / "data"),
        pytest.raises(StoreError, match=f"process {os.getpid()} is using this data folder"),
    ):
        DataDirLock(tmp_path / "data")


def test_closing_gives_it_free(tmp_path):
    DataDirLock(tmp_path).close()
    DataDirLock(tmp_path).close()


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    program = (
        "import sys, os, signal; from pathlib import Path; from gateway.outbox import DataDirLock;"
        "lock = DataDirLock(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == -9
    DataDirLock(tmp_path).close()


def test_a_full_disk_does_not_hinder_locking(tmp_path):
    """What is wrong then is told when the outbox is opened, with its remedy."""
    (tmp_path / "lock").symlink_to("/dev/full")
    DataDirLock(tmp_path).close()


def test_a_folder_that_cannot_be_made_names_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written: .*gateway\.data_dir"):
        DataDirLock(tmp_path / "file" / "data")
