"""What a gateway does when it is built, started and stopped."""

import sqlite3
import time
from dataclasses import dataclass
from threading import Event

import pytest
from msgspec.structs import replace

from gateway.app import (
    App,
    Step,
    build,
    check_ports,
    outbox_budget,
    uplink_settings,
)
from gateway.config import OutboxSection, UplinkSection, load
from gateway.errors import BusError, StoreError
from gateway.outbox import Budget
from gateway.outbox.schema import NoRoomError
from gateway.uplink import Plan
from wire.errors import ConfigError


def test_what_waits_is_kept_when_the_gateway_stops(config_of, observe, monkeypatch):
    """The disk has room again, but no bus had anything to say since."""
    app, kept = App(config_of(), None), []
    record = app._buses[0]._sink

    def full(*_):
        raise StoreError("outbox.db: database or disk is full")

    monkeypatch.setattr(app.outbox, "append", full)
    record([observe(1)])
    monkeypatch.setattr(app.outbox, "append", lambda rows, _: kept.extend(rows))
    app.stop()
    assert [one.mono_ms for one in kept] == [1]


def test_what_a_stop_left_is_counted_by_the_next_start(config_of, observe, monkeypatch):
    """So that it is in the status, on the page and on the server's board as other losses are."""
    app = App(config_of(), None)

    def full(*_):
        raise StoreError("outbox.db: database or disk is full")

    monkeypatch.setattr(app.outbox, "append", full)
    app._buses[0]._sink([observe(1), observe(2)])
    app.stop()
    app = App(config_of(), None)
    dropped = app.outbox.figures().dropped
    app.stop()

    assert dropped == 2


def test_a_port_that_is_not_there_names_itself_and_the_remedy(config_of):
    config = config_of(serial="/dev/ttyUSB77")
    with pytest.raises(BusError) as caught:
        check_ports(config.bus, "gateway.toml")
    told = str(caught.value)
    assert told.startswith("/dev/ttyUSB77 is not there; ports found: ")
    assert told.endswith("; plug it in or correct bus 'sdi' in gateway.toml")


def test_a_ca_file_that_is_not_there_is_named(config_of, tmp_path):
    config = config_of()
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace("[uplink]", '[uplink]\ntls = true\nca_file = "/no"'))
    config = load(path)
    with pytest.raises(
        ConfigError, match=r"gateway\.toml:10: uplink\.ca_file '/no' is not there: "
    ):
        build(config, str(path))


def test_a_page_that_anybody_could_use_is_told_with_its_line(config_of, tmp_path, monkeypatch):
    monkeypatch.delenv("SAXAUL_PAGE_PIN", raising=False)
    config_of()
    path = tmp_path / "gateway.toml"
    path.write_text('[page]\nlisten = "0.0.0.0:0"\n' + path.read_text())
    with pytest.raises(ConfigError, match=r"gateway\.toml:2: page\.listen '0\.0\.0\.0:0' can be"):
        build(load(path), str(path))


def test_two_gateways_cannot_share_a_data_folder(config_of):
    config = config_of()
    first = App(config, None)
    with pytest.raises(StoreError, match="is using this data folder"):
        App(config, None)
    first.stop()
    App(config, None).stop()


def test_a_build_that_fails_gives_the_data_folder_free(config_of, tmp_path):
    config = config_of()
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "outbox.db") as other:
        other.execute("CREATE TABLE weather (x)")
    other.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="this is no outbox"):
            App(config, None)


def test_stopping_goes_backwards_and_no_step_can_hold_it_up(config_of, capsys):
    app, order, never = App(config_of(), None), [], Event()
    app._steps += [
        Step("first", lambda: order.append("first"), 20),
        Step("broken", lambda: 1 / 0, 20),
        Step("stuck", lambda: never.wait(30), 0.05),
        Step("last", lambda: order.append("last"), 20),
    ]
    began = time.monotonic()
    app.stop()
    never.set()
    assert order == ["last", "first"]
    assert time.monotonic() - began < 15
    told = capsys.readouterr().out
    assert "stop_step_overrun" in told
    assert "ZeroDivisionError" in told


@dataclass
class Said:
    serial: str = "T12-00001"
    firmware: str = "3.06"


def test_a_sensor_that_names_itself_is_announced_once(config_of):
    app = App(config_of(), None)
    app._identified("dune-1", "soil-10cm", Said())
    assert app._uplink._changed.is_set()
    app._uplink._changed.clear()
    app._identified("dune-1", "soil-10cm", Said())
    assert not app._uplink._changed.is_set()
    app.stop()


def test_a_note_that_cannot_be_kept_does_not_disturb_the_bus(config_of, capsys):
    app = App(config_of(), None)
    app.outbox.close()
    app._identified("dune-1", "soil-10cm", Said())
    assert "identity_not_kept" in capsys.readouterr().out
    app.stop()


def test_the_outbox_is_given_its_budget_in_its_own_units():
    section = OutboxSection(keep_days=0.5, max_mb=1.5)
    assert outbox_budget(section) == Budget(keep_ms=43_200_000, max_bytes=1_500_000)


def test_a_gateway_starts_on_an_outbox_that_cannot_be_opened_now(config_of, monkeypatch, observe):
    """Readings wait in memory, the inventory in peace, until the disk has room."""
    config = config_of()
    App(config, None).stop()
    with monkeypatch.context() as patch:

        def full(path, *_):
            raise NoRoomError(f"{path}: disk I/O error")

        patch.setattr("gateway.outbox.store.open_or_salvage", full)
        app = App(config, None)
        record = app._buses[0]._sink
        app._relay.start()
        record([observe(1)])
        app._identified("dune-1", "soil-10cm", Said())
    app.outbox._reopen_at_ms = 0
    record([observe(2)])
    app._relay.stop(10)
    assert app.outbox.seal() == 2
    app.stop()


def test_the_user_name_defaults_to_the_gateways_id_given_a_password(config_of):
    assert uplink_settings(config_of(), "secret").link.username == "kubuqi-dune"
    assert uplink_settings(config_of(), None).link.username == ""


def test_a_budget_makes_what_is_said_for_its_own_sake_rarer(config_of):
    """A heartbeat a minute and a ping every half would take 1 MB a day."""
    found = uplink_settings(replace(config_of(), uplink=UplinkSection(daily_mb=5)), None)
    assert (found.heartbeat_s, found.link.keepalive_s) == (900, 240)
    found = uplink_settings(replace(config_of(), uplink=UplinkSection()), None)
    assert (found.heartbeat_s, found.link.keepalive_s) == (60, 30)


def test_a_heartbeat_that_is_given_holds_with_a_budget_too(config_of):
    section = UplinkSection(daily_mb=5, heartbeat_s=120, send_between=["22:00-01:30"])
    found = uplink_settings(replace(config_of(), uplink=section), None)
    assert found.heartbeat_s == 120
    assert found.plan == Plan(daily_bytes=5_000_000, hours=((1320, 90),))


def test_the_password_is_not_in_what_is_printed_of_the_settings(config_of):
    assert "secret" not in repr(uplink_settings(config_of(), "secret"))


@pytest.fixture
def stalled(config_of):
    """A gateway whose disk does not answer until it is told to."""
    app, held = App(config_of(), None), Event()
    lock = app.outbox._lock
    lock.acquire()

    def release():
        if not held.is_set():
            held.set()
            lock.release()

    yield app, release
    release()
    app.stop()
    app.await_end(Event())


def test_no_restart_while_the_disk_stalls(stalled, config_of, monkeypatch):
    app, release = stalled
    app._absent_ports = "retry"
    with monkeypatch.context() as patch:
        patch.setattr("gateway.app.DISK_S", 0.1)
        with pytest.raises(StoreError, match="disk does not answer, so the gateway is not started"):
            app._restart(config_of())
    assert not app.restart_wanted.is_set()
    release()
    app._restart(config_of())

    assert app.restart_wanted.is_set()


def test_the_old_gateway_has_ended_before_another_has_its_files(stalled):
    """Its outbox, closed late, would mark as whole the file that the new one has open."""
    app, release = stalled
    app.stop()
    with pytest.raises(StoreError, match="this does not end: outbox "):
        app.await_end(Event(), 0.1)
    release()
    app.await_end(Event())

    with pytest.raises(StoreError, match="closed"):
        app.outbox.pending()


def test_who_is_told_to_stop_waits_for_nothing(stalled):
    app, _ = stalled
    stop = Event()
    app.stop()
    stop.set()
    app.await_end(stop)
    assert app._hanging[0].is_alive()
