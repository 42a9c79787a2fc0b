"""The page of a whole gateway: its own buses, its own outbox, an address that is taken at first."""

import socket
import subprocess
import sys
from http.client import HTTPException

import pytest

from gateway.app import build
from gateway.codecs.sdi12.lines import crc_text
from gateway.config import load
from tests.gateway.page.conftest import Browser

VALUES = b"1+2400.5+18.5+12"
ANSWERS = {
    b"1I!": b"113METER   TER12 400T12-7\r\n",
    b"1MC!": b"10003\r\n",
    b"1D0!": VALUES + crc_text(VALUES) + b"\r\n",
}


@pytest.fixture
def gateway(tmp_path, config_of, device, monkeypatch):
    """Run a gateway whose only sensor is due in an hour; its page's port is taken."""
    monkeypatch.delenv("SAXAUL_PAGE_PIN", raising=False)
    soil = device(lambda asked: ANSWERS.get(asked, b""))
    config_of(serial=soil.port, interval_s=86_400)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    path = tmp_path / "gateway.toml"
    path.write_text(f'[page]\nlisten = "127.0.0.1:{port}"\n' + path.read_text())
    app = build(load(path), str(path))
    app.start()
    yield app, taken, port
    taken.close()
    app.stop()


def test_a_sensor_due_tomorrow_is_read_now_over_the_page(gateway, until):
    app, taken, port = gateway
    taken.close()
    until(lambda: app._page.port == port)
    browser = Browser(port)
    assert browser.ask("/api/ask", {"sensors": []})[0] == 200
    until(lambda: not browser.ask("/api/view")[1]["sensors"][0]["asking"])

    (sensor,) = browser.ask("/api/view")[1]["sensors"]
    values = {one["label"]: (one["now"], one["value"], one["state"]) for one in sensor["values"]}
    assert values["Soil water, raw"] == ("2400.5", None, "fine")
    assert values["Soil water"] == ("0.236", None, "fine")
    assert app.outbox.pending().count == 0  # shown, not stored


@pytest.fixture
def process(tmp_path, config_of, device):
    """Run the command on settings without any bus; gives the page, and what would be added."""
    soil = device(lambda asked: ANSWERS.get(asked, b""))
    config_of(serial=soil.port)
    path = tmp_path / "gateway.toml"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    head, mark, bus = path.read_text().partition("[[bus]]")
    path.write_text(f'[page]\nlisten = "127.0.0.1:{port}"\n{head}')
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", "--config", path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        yield Browser(port), path, mark + bus, running
        running.terminate()


def test_a_fresh_gateway_has_a_page_and_reads_what_was_added_after_a_restart_on_it(process, until):
    browser, path, bus, running = process

    def sensors():
        try:
            return [one["place"] for one in browser.ask("/api/view")[1]["sensors"]]
        except (OSError, HTTPException):  # it does not answer yet, or not again
            return None

    until(lambda: sensors() == [])
    path.write_text(path.read_text() + bus)
    assert browser.ask("/api/restart", {})[0] == 200
    until(lambda: sensors() == ["dune-1/soil-10cm"])

    assert running.poll() is None  # the same process, which any service manager may keep


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[uplink]", '[uplink]\ntls = true\nca_file = "/no"'), "ca_file '/no' is not there"),
        (('"127.0.0.1:', '"0.0.0.0:'), "can be reached from elsewhere"),
        (('"/dev/pts/', '"/dev/gone/'), "is not there; ports found"),
    ],
)
def test_settings_that_nothing_could_start_with_are_refused_and_it_goes_on(
    gateway, tmp_path, until, change, told
):
    """A station where nothing is read any more is worse than one with its old settings."""
    app, taken, port = gateway
    taken.close()
    until(lambda: app._page.port == port)
    path = tmp_path / "gateway.toml"
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    status, answer = Browser(port).ask("/api/restart", {})

    assert (status, app.restart_wanted.is_set()) == (422, False)
    assert told in answer["error"]
