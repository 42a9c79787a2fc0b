"""What can wait begins when no answer is being written, but it does not wait for long."""

import fcntl
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from server.courtesy.answers import ANSWERS_UNKNOWN, Answers, file_of

PATIENCE_S = 30.0
ANSWERING = """
import sys
from pathlib import Path
from server.courtesy.answers import Answers
answers = Answers(Path(sys.argv[1]))
answers.begin()
print("writing", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "answering"


@pytest.fixture
def here(file):
    with closing(Answers(file)) as opened:
        yield opened


@pytest.fixture
def elsewhere(file):
    """Have another process write an answer."""
    process = subprocess.Popen(
        [sys.executable, "-c", ANSWERING, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"writing\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/saxaul-server"}, Path("/var/lib/saxaul-server/answering")),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, Path("/var/lib/a/answering")),
        ({"STATE_DIRECTORY": ""}, None),
        ({}, None),
    ],
)
def test_processes_of_one_service_find_the_file_where_their_manager_says(environ, expected):
    assert file_of(environ) == expected


@pytest.mark.parametrize("place", ["answering", None])
def test_an_answer_is_known_from_its_beginning_to_its_end(tmp_path, place):
    with closing(Answers(tmp_path / place if place else None)) as answers:
        assert not answers.are_written()
        answers.begin()
        answers.begin()
        answers.end()
        assert answers.are_written()
        answers.end()
        assert not answers.are_written()


def test_answers_of_another_process_are_known_until_it_ends(here, elsewhere):
    assert here.are_written()

    elsewhere.kill()
    elsewhere.wait(PATIENCE_S)

    assert not here.are_written()


def test_many_may_be_written_at_once(file, here, elsewhere):
    here.begin()
    here.end()
    assert here.are_written()


def test_who_looks_holds_up_nobody_who_answers(file, here):
    """Even at the very moment at which somebody looks an answer begins at once."""
    begun = threading.Event()
    with file.open("r+") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        threading.Thread(target=lambda: (here.begin(), begun.set()), daemon=True).start()
        assert begun.wait(PATIENCE_S)
    here.end()


def test_it_is_waited_until_an_answer_goes_out(here):
    here.begin()
    waited = threading.Event()

    def wait():
        here.let_pass(time.monotonic() + PATIENCE_S)
        waited.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not waited.wait(0.05)
    here.end()

    assert waited.wait(PATIENCE_S / 2)
    thread.join()


def test_it_is_not_waited_longer_than_said(here, elsewhere):
    began_s = time.monotonic()

    here.let_pass(began_s + 0.05)

    assert time.monotonic() - began_s >= 0.05
    assert here.are_written()


def test_who_stops_does_not_wait(here):
    here.begin()

    here.let_pass(time.monotonic() + PATIENCE_S, is_stopping=lambda: True)


def test_with_nothing_written_nobody_waits(here):
    here.let_pass(float("inf"))


def test_who_is_behind_does_not_even_look(here, monkeypatch):
    monkeypatch.setattr(here, "are_written", None)

    here.let_pass(float("-inf"))


def test_without_the_file_only_those_of_this_process_are_known(tmp_path):
    with capture_logs() as logs, closing(Answers(tmp_path / "nowhere" / "answering")) as answers:
        answers.begin()
        assert answers.are_written()
        answers.end()
        assert not answers.are_written()
    assert [one["event"] for one in logs] == [ANSWERS_UNKNOWN]


def test_a_file_that_was_closed_is_done_without(here):
    here.close()
    here.begin()
    assert here.are_written()
    here.end()
    assert not here.are_written()
