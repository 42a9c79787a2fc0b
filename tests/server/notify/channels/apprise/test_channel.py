"""Messages by Apprise's own json:// to a web server on this machine."""

import json
import logging
import socket
import subprocess
import sys

import pytest

from server.notify.channels.apprise.addresses import require_apprise
from server.notify.channels.apprise.channel import Apprise
from server.notify.channels.port import Later, Never, Sent, UnsureError
from tests.server.notify.channels.letter import SAID, envelope
from wire.errors import ConfigError

# Apprise tries for a module that Python 3.13 has no more, and can do without.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def _log_as_before():
    """Leave Apprise's log to the next test as it was."""
    log = logging.getLogger("apprise")
    level, propagates, handlers = log.level, log.propagate, log.handlers[:]
    yield
    log.setLevel(level)
    log.propagate, log.handlers[:] = propagates, handlers


def about(address, level=2):
    return envelope(address, alerts=[{"level": level, "watch_id": 7}])


def at(other, rest="/in"):
    return other.address.replace("http://", "json://") + rest


@pytest.mark.parametrize(
    ("level", "kind"), [(0, "success"), (1, "info"), (2, "warning"), (3, "failure")]
)
def test_a_message_arrives_whole(other, level, kind):
    assert Apprise().send(about(at(other), level)) == Sent()

    (asked,) = other.asked
    said = json.loads(asked.body)
    assert asked.path == "/in"
    assert said["title"] == SAID.subject
    assert said["message"].strip() == SAID.text.strip()
    assert said["type"] == kind


@pytest.mark.parametrize(
    ("status", "answer", "is_address"),
    [(503, Later, None), (429, Later, None), (400, Never, False), (404, Never, True)],
)
def test_a_refusal_that_is_seen_says_who_must_act(other, status, answer, is_address):
    other.status = status

    told = Apprise().send(about(at(other)))

    assert isinstance(told, answer)
    assert getattr(told, "is_address", None) is is_address
    assert f"error={status}" in told.reason
    assert len(other.asked) == 1


def test_nobody_there_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    told = Apprise().send(about(f"json://127.0.0.1:{port}/"))

    assert isinstance(told, Later)
    assert "127.0.0.1" in told.reason


def test_no_answer_is_not_taken_for_a_failure(other):
    other.hangs_up = True
    with pytest.raises(UnsureError):
        Apprise().send(about(at(other)))


def test_what_apprise_repeats_by_itself_is_unsure_when_it_fails(other):
    """One of its attempts may have been taken."""
    other.status = 503
    with pytest.raises(UnsureError):
        Apprise().send(about(at(other, "/in?retry=1&wait=0")))
    assert len(other.asked) == 2


@pytest.mark.parametrize("address", ["nosuchservice://x/y", "tgram://no-token/7"])
def test_an_address_that_apprise_does_not_know_says_where_to_look(address):
    told = Apprise().send(about(address))

    assert isinstance(told, Never)
    assert told.is_address
    assert "appriseit.com" in told.reason


def test_what_apprise_writes_stays_out_of_our_log_and_a_password_out_of_the_reason(other, caplog):
    other.status = 503
    caplog.set_level(logging.DEBUG)

    told = Apprise().send(about(at(other).replace("//", "//me:s3cret@")))

    assert "s3cret" not in told.reason
    assert [one for one in caplog.records if one.name.startswith("apprise")] == []


@pytest.mark.parametrize("address", ["", "telegram", "a b://c", "://x", "x" * 2001, "tgram://a b"])
def test_what_is_no_address_is_refused_with_the_remedy(address):
    with pytest.raises(ConfigError, match="service://"):
        require_apprise(address)


def test_a_refusal_does_not_repeat_the_address():
    with pytest.raises(ConfigError) as refused:
        require_apprise("mailto://me:s3cret@x y")
    assert "s3cret" not in str(refused.value)


def test_without_apprise_one_is_told_how_to_install_it():
    """In a Python that finds no such package; nothing else of the server asks for it."""
    program = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'apprise':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from server.notify.channels.apprise.channel import Apprise\n"
        "import server.notify.channels.offer\n"
        "from wire.errors import ConfigError\n"
        "try:\n"
        "    Apprise()\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert b"pip install 'saxaul[apprise]'" in said.stdout
