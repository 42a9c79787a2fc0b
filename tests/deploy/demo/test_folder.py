"""The data folder: emptied only when the demo made it, and never under a running demo."""

import pytest

from deploy.demo.folder import claim
from deploy.errors import SetupError


def test_a_second_run_starts_fresh(tmp_path):
    folder = tmp_path / "data"
    with claim(folder, keep=False):
        (folder / "saxaul.db").write_text("x")
        (folder / "logs").mkdir()
    with claim(folder, keep=False):
        assert [path.name for path in folder.iterdir()] == [".saxaul-demo"]


def test_keep_keeps(tmp_path):
    with claim(tmp_path / "data", keep=False):
        (tmp_path / "data" / "saxaul.db").write_text("x")
    with claim(tmp_path / "data", keep=True):
        assert (tmp_path / "data" / "saxaul.db").exists()


def test_a_folder_of_someone_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(SetupError, match="--data"), claim(tmp_path, keep=False):
        pass
    assert (tmp_path / "thesis.txt").exists()


def test_two_demos_do_not_share_a_folder(tmp_path):
    with (
        claim(tmp_path / "data", keep=False),
        pytest.raises(SetupError, match="already runs"),
        claim(tmp_path / "data", keep=False),
    ):
        pass


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "data").write_text("")

    with pytest.raises(SetupError, match="--data"), claim(tmp_path / "data", keep=False):
        pass
