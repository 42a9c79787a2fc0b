"""docs/howto/install-a-gateway.md: its settings, commands, words and pictures are those there are."""

import re
import shlex
from pathlib import Path

import pytest

from gateway import cli
from gateway.config import load
from gateway.page.pin import MAX_DIGITS, MIN_DIGITS

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs/howto/install-a-gateway.md"
TEXT = GUIDE.read_text("utf-8")
STATIC = ROOT / "gateway/page/static"
PAGE = "".join((STATIC / name).read_text("utf-8") for name in ("index.html", "page.js", "scan.js"))


def test_its_settings_are_good_as_they_stand(tmp_path):
    """A gateway with a page, and without any sensor yet."""
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "gateway.toml"
    path.write_text(re.sub(r"^ {3}", "", example, flags=re.MULTILINE), encoding="utf-8")

    config = load(path)
    assert (config.page.port, config.bus) == (8080, [])


@pytest.mark.parametrize(
    "typed", re.findall(r"saxaul-gateway ((?:config|doctor|catalogue) .*?)[`\n]", TEXT)
)
def test_the_commands_it_types_are_there(typed):
    assert callable(cli._parser().parse_args(shlex.split(typed)).command)


@pytest.mark.parametrize(
    "words",
    [
        "Find sensors",
        "Scan this port",
        "Stop the scan",
        "Add these lines to gateway.toml …",
        "Yes, add them",
        "Restart the gateway",
        "Read now",
        "Read all sensors now",
        "Ready to leave?",
        "Keep and send the installation record",
        "Leave although something is not ready",
    ],
)
def test_what_it_says_to_press_is_on_the_page(words):
    assert f"*{words}*" in TEXT
    assert words in PAGE


def test_its_pictures_are_there_and_small():
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", TEXT)

    assert len(pictures) == 3
    for name in pictures:
        assert (GUIDE.parent / name).stat().st_size <= 60_000


def test_its_links_and_files_are_there():
    links = re.findall(r"[^!]\[.+?\]\((.+?)\)", TEXT)
    files = re.findall(r"`(deploy/\S+?)`", TEXT)

    assert links
    assert files
    assert [one for one in links if not (GUIDE.parent / one).is_file()] == []
    assert [one for one in files if not (ROOT / one).is_file()] == []


def test_the_pin_is_as_long_as_it_says():
    assert f"{MIN_DIGITS} to {MAX_DIGITS} digits" in TEXT


def test_the_drop_in_opens_that_one_folder_and_nothing_else():
    path = ROOT / "deploy/systemd/saxaul-gateway.service.d/page-may-write.conf"
    said = [one for one in path.read_text("utf-8").splitlines() if one and one[0] != "#"]

    assert said == ["[Service]", "ReadWritePaths=/etc/saxaul"]
