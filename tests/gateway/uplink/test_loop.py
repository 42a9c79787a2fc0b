"""The uplink against a real Mosquitto, with the server's side played by the test."""

import json
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from gateway.app import uplink_settings
from gateway.clock import Clock
from gateway.config import load
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.readings import Observation
from gateway.uplink import Uplink, window
from gateway.uplink.inbox import check_receipt
from gateway.uplink.session import Link, Session, Will
from wire.batch import Sample, decode
from wire.errors import ContractError
from wire.messages import Receipt, Refusal

NAME = "dune-1/soil-10cm/vwc_raw"


@pytest.fixture
def gateway(tmp_path, config_of, broker):
    """An outbox and an uplink to the test's broker, not started."""
    config = config_of(port=broker.port)
    clock = Clock("assume")
    with Outbox(tmp_path, clock, 60) as outbox:
        book = InventoryBook(config, outbox)
        settings = uplink_settings(config, None)
        uplink = Uplink(settings, outbox, clock, book, Health(clock), Random(1))
        yield uplink, outbox, clock, book
        uplink.stop()


def measure(outbox, clock, value="1.5"):
    outbox.append([Observation(NAME, clock.mono_ms(), Decimal(value))])


def seqs(messages):
    return [int(one.topic.rsplit("/", 1)[1]) for one in messages]


def test_a_reading_arrives_and_its_receipt_confirms_it(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    ear.answer = True
    uplink.start()
    measure(outbox, clock, "2493.40")
    until(lambda: outbox.figures().sealed == 1 and outbox.figures().unconfirmed == 0)
    message = ear.on("batch")[0]
    assert message.topic == f"saxaul/1/kubuqi-dune/batch/{outbox.epoch}/1"
    assert message.qos == 1
    assert not message.retain
    row = next(decode(message.payload).series[0].samples())
    assert row.value == Decimal("2493.4")


def test_an_acknowledgement_by_the_broker_confirms_nothing(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: not uplink._window.wire_bytes and len(uplink._window) == 1)
    assert outbox.figures().unconfirmed == 1


def test_inventory_and_status_are_there_on_connecting(gateway, ear, until):
    uplink, outbox, _, book = gateway
    uplink.start()
    until(lambda: ear.on("inventory") and ear.on("status"))
    inventory = json.loads(ear.on("inventory")[0].payload)
    assert inventory["rev"] == book.current().rev == 1
    status = json.loads(ear.on("status")[0].payload)
    assert status["state"] == "online"
    assert status["clock"] == "ntp"
    assert status["outbox"] == [{"epoch": outbox.epoch}]
    assert status["rss_mb"] > 0


def test_the_heart_beats(gateway, ear, until):
    uplink, *_ = gateway
    uplink.start()
    until(lambda: len(ear.on("status")) >= 3)


def test_a_new_identity_is_announced(gateway, ear, until):
    uplink, _, _, book = gateway
    uplink.start()
    until(lambda: ear.on("inventory"))
    book.identified("dune-1", "soil-10cm", Known(serial="T12-00001", firmware="3.06"))
    uplink.announce()
    until(lambda: len(ear.on("inventory")) == 2)
    sensor = json.loads(ear.on("inventory")[1].payload)["sensors"][0]
    assert (sensor["serial"], sensor["firmware"]) == ("T12-00001", "3.06")


class Known:
    def __init__(self, serial, firmware):
        self.serial, self.firmware = serial, firmware


@pytest.fixture
def kick(broker):
    """Make the broker drop the gateway's connection: by MQTT 3.1.1, 3.1.4-2, a second one does."""

    def drop():
        client = Client(CallbackAPIVersion.VERSION2, client_id="kubuqi-dune", clean_session=False)
        client.connect("127.0.0.1", broker.port)
        while not client.is_connected():
            client.loop(0.1)
        client.disconnect()

    return drop


@pytest.fixture
def quick_retry(monkeypatch):
    """Re-send after half a second instead of half a minute."""
    monkeypatch.setattr(window, "FIRST_RETRY_MS", 500)


def test_without_a_receipt_a_batch_is_sent_again_after_a_reconnect(gateway, ear, kick, until):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: seqs(ear.on("batch")) == [1])
    kick()
    until(lambda: seqs(ear.on("batch")) == [1, 1])
    ear.answer = True
    kick()
    until(lambda: outbox.figures().unconfirmed == 0)


def test_without_a_receipt_a_batch_is_sent_again_after_a_while(gateway, ear, until, quick_retry):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: seqs(ear.on("batch"))[:2] == [1, 1])  # and so on, each second


def test_a_batch_that_later_ones_have_overtaken_is_sent_again_soon(gateway, ear, until):
    """The broker took it and lost it; the receipt of the next one tells, long before 30 s."""
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: seqs(ear.on("batch")) == [1])
    measure(outbox, clock)
    until(lambda: seqs(ear.on("batch")) == [1, 2] and not uplink._window.wire_bytes)
    ear.send("kubuqi-dune", {"epoch": outbox.epoch, "stored": [[2, 2]]})
    until(lambda: seqs(ear.on("batch"))[:3] == [1, 2, 1], 20)


def test_a_server_that_lost_its_session_has_all_sent_again_at_once(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    for number in (1, 2):
        measure(outbox, clock)
        until(lambda number=number: len(ear.on("batch")) == number)
    until(lambda: not uplink._window.wire_bytes)
    command = b'{"kind":"resend"}'
    ear.client.publish("saxaul/1/kubuqi-dune/command/lost-1", command, qos=1)
    until(lambda: sorted(seqs(ear.on("batch"))) == [1, 1, 2, 2], 20)
    until(lambda: [one for one in ear.on("command") if one.topic.endswith("/result")])
    (result,) = [one for one in ear.on("command") if one.topic.endswith("/result")]
    assert json.loads(result.payload) == {"kind": "resend", "ok": True, "again": 2}


def test_a_broker_killed_and_restarted_loses_nothing(gateway, broker, ear, until, quick_retry):
    """Also not what a broker without a memory acknowledged before the server was back."""
    uplink, outbox, clock, _ = gateway
    ear.answer = True
    uplink.start()
    until(lambda: ear.on("status"))
    broker.kill()
    for number in range(3):
        measure(outbox, clock, str(number))
        outbox.seal()
    broker.start()
    until(lambda: outbox.figures().sealed == 3 and outbox.figures().unconfirmed == 0)
    values = {
        row.value
        for one in ear.on("batch")
        for series in decode(one.payload).series
        for row in series.samples()
    }
    assert values == {0, 1, 2}


def test_what_is_measured_while_the_broker_is_away_stays_together(gateway, broker, ear, until):
    """Not a batch every period: five periods without a link are one batch."""
    uplink, outbox, clock, _ = gateway
    ear.answer = True
    broker.kill()
    uplink.start()
    for number in range(1, 6):
        until_ms = clock.mono_ms() + 250
        measure(outbox, clock)
        until(lambda until_ms=until_ms: clock.mono_ms() >= until_ms)
        assert (outbox.figures().sealed, outbox.pending().count) == (0, number)
    broker.start()
    until(lambda: outbox.figures().sealed == 1 and outbox.figures().unconfirmed == 0)


def test_what_the_server_does_not_answer_stays_together_too(gateway, ear, until):
    """With all places in flight taken, a small batch more would only wait."""
    uplink, outbox, clock, _ = gateway
    for _ in range(64):
        measure(outbox, clock)
        outbox.seal()
    uplink.start()
    until(lambda: len(uplink._window) == 64)
    until_ms = clock.mono_ms() + 700
    measure(outbox, clock)
    until(lambda: clock.mono_ms() >= until_ms)
    assert (outbox.figures().sealed, outbox.pending().count) == (64, 1)
    ear.send("kubuqi-dune", {"epoch": outbox.epoch, "stored": [[1, 64]]})
    until(lambda: 65 in seqs(ear.on("batch")))


def test_live_batches_go_before_the_backlog(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    for second in (3, 1, 2):
        outbox.append_stamped([(NAME, Sample(second * 1000, Decimal(1)))])
        outbox.seal()
    measure(outbox, clock)
    outbox.seal()
    uplink.start()
    until(lambda: len(ear.on("batch")) == 4)
    assert seqs(ear.on("batch")) == [4, 2, 3, 1]


def test_a_backlog_larger_than_the_window_drains(gateway, ear, until):
    uplink, outbox, _, _ = gateway
    for second in range(150):
        outbox.append_stamped([(NAME, Sample(second * 1000, Decimal(1)))])
        outbox.seal()
    ear.answer = True
    uplink.start()
    until(lambda: outbox.figures().unconfirmed == 0)
    assert sorted(set(seqs(ear.on("batch")))) == list(range(1, 151))


def test_a_refused_batch_is_kept_and_not_sent_again(gateway, ear, kick, until):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: seqs(ear.on("batch")) == [1])
    ear.send(
        "kubuqi-dune",
        {"epoch": outbox.epoch, "refused": [{"seq": 1, "reason": "unknown unit 'furlong'"}]},
    )
    until(lambda: outbox.figures().refused == 1)
    kick()
    measure(outbox, clock)
    until(lambda: seqs(ear.on("batch")) == [1, 2])


@pytest.mark.parametrize(
    "receipt",
    [
        b"",
        b"\xff\xfe",
        b'{"epoch":',
        b'{"epoch":"x","stored":[[2,1]]}',
        b'{"epoch":"x","stored":[[0,1]]}',
        b'{"epoch":"x","stored":[[1,99999999999999999999]]}',
        b'{"epoch":"x","stored":"all"}',
        b"[" * 100_000,
    ],
)
def test_a_broken_receipt_is_counted_and_the_next_one_works(gateway, ear, until, receipt):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: ear.on("batch"))
    ear.send("kubuqi-dune", receipt)
    until(lambda: uplink.broken_receipts == 1)
    assert outbox.figures().unconfirmed == 1
    ear.send("kubuqi-dune", {"epoch": outbox.epoch, "stored": [[1, 1]]})
    until(lambda: outbox.figures().unconfirmed == 0)


def test_a_receipt_for_another_sd_card_changes_nothing(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: ear.on("batch"))
    ear.send("kubuqi-dune", {"epoch": "0ther0ne", "stored": [[1, 1]]})
    ear.send("kubuqi-dune", b"not a receipt, but it comes after the other one")
    until(lambda: uplink.broken_receipts == 1)
    assert outbox.figures().unconfirmed == 1


def test_a_receipt_that_waits_for_a_new_start_is_not_believed(
    gateway, ear, until, config_of, broker
):
    """The file may have gone back in time, and its numbers may be other batches' now."""
    uplink, outbox, clock, book = gateway
    uplink.start()
    measure(outbox, clock)
    until(lambda: ear.on("batch"))
    uplink.stop()
    sent = ear.send("kubuqi-dune", {"epoch": outbox.epoch, "stored": [[1, 1]]})
    sent.wait_for_publish(20)
    settings = uplink_settings(config_of(port=broker.port), None)
    again = Uplink(settings, outbox, clock, book, Health(clock), Random(2))
    again.start()
    until(lambda: seqs(ear.on("batch")) == [1, 1])
    assert outbox.figures().unconfirmed == 1
    ear.send("kubuqi-dune", {"epoch": outbox.epoch, "stored": [[1, 1]]})
    until(lambda: outbox.figures().unconfirmed == 0)
    again.stop()


@pytest.mark.parametrize(
    ("is_forgetful", "expected"), [(False, [b"waited", b"new"]), (True, [b"new"])]
)
def test_what_waits_at_the_broker_comes_unless_it_is_to_be_forgotten(
    broker, ear, until, is_forgetful, expected
):
    heard = []
    link = Link(client_id="kubuqi-dune", host="127.0.0.1", port=broker.port)

    def visit(marker, **options):
        will = Will("will", b"gone")
        session = Session(link, will, None, lambda _topic, body: heard.append(body), **options)
        session.open("to/us")
        session.publish("to/us", marker)
        until(lambda: session.pump(0.05) is not None and marker in heard)
        session.close()

    visit(b"first")
    heard.clear()
    ear.client.publish("to/us", b"waited", qos=1).wait_for_publish(10)
    visit(b"new", is_forgetful=is_forgetful)

    assert heard == expected


def test_stopping_sends_the_last_readings_and_says_offline(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    uplink.start()
    until(lambda: ear.on("status"))
    measure(outbox, clock)
    uplink.stop()
    until(lambda: ear.on("batch"))
    until(lambda: json.loads(ear.on("status")[-1].payload)["state"] == "offline")
    last = json.loads(ear.on("status")[-1].payload)
    assert last["outbox"][0]["sealed"] == 1, "said by the gateway itself, not by its last will"


def test_a_broker_that_is_away_is_told_of_once(tmp_path, config_of, until, capsys):
    """Not a line every second for a week."""
    config, clock = config_of(port=9), Clock("assume")
    with Outbox(tmp_path, clock, 60) as outbox:
        book, health = InventoryBook(config, outbox), Health(clock)
        uplink = Uplink(uplink_settings(config, None), outbox, clock, book, health, Random(1))
        uplink.start()
        until(lambda: uplink._failures >= 2)
        uplink.stop()
    assert capsys.readouterr().out.count("uplink_unavailable") == 1


def test_a_broker_that_refuses_the_password_is_named_with_the_remedy(
    tmp_path, config_of, broker, until, capsys
):
    broker.kill()
    broker.config.write_text(
        broker.config.read_text().replace("allow_anonymous true", "allow_anonymous false")
    )
    broker.start()
    config, clock = config_of(port=broker.port), Clock("assume")
    with Outbox(tmp_path, clock, 60) as outbox:
        book, health = InventoryBook(config, outbox), Health(clock)
        uplink = Uplink(uplink_settings(config, "wrong"), outbox, clock, book, health, Random(1))
        uplink.start()
        until(lambda: uplink._failures >= 1)
        uplink.stop()
    told = capsys.readouterr().out
    assert "refuses 'kubuqi-dune'" in told
    assert "SAXAUL_MQTT_PASSWORD" in told
    assert "wrong" not in told


def test_a_bug_in_the_thread_is_logged_and_does_not_end_it(
    gateway, ear, until, monkeypatch, capsys
):
    uplink, outbox, clock, _ = gateway
    real = outbox.figures

    def broken_once():
        monkeypatch.setattr(outbox, "figures", real)
        raise RuntimeError("a bug")

    monkeypatch.setattr(outbox, "figures", broken_once)
    ear.answer = True
    uplink.start()
    measure(outbox, clock)
    until(lambda: real().sealed == 1 and real().unconfirmed == 0)
    assert "RuntimeError: a bug" in capsys.readouterr().out


def test_a_bug_while_the_broker_is_away_does_not_end_the_thread(
    gateway, broker, ear, until, monkeypatch, capsys
):
    uplink, outbox, clock, _ = gateway
    real, bugs = outbox.pending, []

    def broken_once():
        monkeypatch.setattr(outbox, "pending", real)
        bugs.append(1)
        raise RuntimeError("a bug")

    monkeypatch.setattr(outbox, "pending", broken_once)
    ear.answer = True
    broker.kill()
    measure(outbox, clock)
    uplink.start()
    until(lambda: bugs)
    broker.start()
    until(lambda: outbox.figures().sealed == 1 and outbox.figures().unconfirmed == 0)
    assert "RuntimeError: a bug" in capsys.readouterr().out


def test_a_disk_that_refuses_does_not_end_the_connection(gateway, ear, until, capsys):
    uplink, outbox, clock, book = gateway
    ear.answer = True
    measure(outbox, clock)
    book.current()
    outbox._db.execute("PRAGMA query_only = ON")
    uplink.start()
    until(lambda: len(ear.on("status")) >= 3)
    assert outbox.figures().sealed == 0
    outbox._db.execute("PRAGMA query_only = OFF")
    until(lambda: outbox.figures().sealed == 1 and outbox.figures().unconfirmed == 0)
    told = capsys.readouterr().out
    assert "outbox_failed" in told
    assert told.count("uplink_connected") == 1


@pytest.fixture
def over_tls(tmp_path, config_of, tls_broker):
    """Make an uplink over TLS that trusts the certificates in a file."""
    opened = []

    def make(ca_file):
        clock, config = Clock("assume"), config_of(port=tls_broker.port)
        outbox = Outbox(tmp_path, clock, 60)
        settings = uplink_settings(config, None)
        link = replace(settings.link, tls=True, ca_file=str(ca_file))
        settings = replace(settings, link=link)
        book, health = InventoryBook(config, outbox), Health(clock)
        uplink = Uplink(settings, outbox, clock, book, health, Random(1))
        opened.append((uplink, outbox))
        uplink.start()
        return uplink

    yield make
    for uplink, outbox in opened:
        uplink.stop()
        outbox.close()


def test_tls_with_a_trusted_broker(over_tls, certificate, until, capsys):
    over_tls(certificate[0])
    until(lambda: "uplink_connected" in capsys.readouterr().out)


def test_tls_with_a_broker_nobody_vouches_for_sends_nothing(over_tls, until, capsys):
    uplink = over_tls("")
    until(lambda: uplink._failures >= 1)
    told = capsys.readouterr().out
    assert "certificate verify failed" in told
    assert "uplink_connected" not in told


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(epoch="x", stored=[(5, 4)]),
        Receipt(epoch="x", stored=[(0, 4)]),
        Receipt(epoch="x", stored=[(1, 2**63)]),
        Receipt(epoch="x", refused=[Refusal(seq=-1, reason="")]),
    ],
)
def test_check_receipt(receipt):
    with pytest.raises(ContractError, match="receipt names the range"):
        check_receipt(receipt)


def test_the_back_off_is_full_jitter_up_to_half_a_minute(gateway):
    """From a small floor to a ceiling that doubles: gateways that fell together come back apart."""
    uplink, *_ = gateway
    waits_s = [uplink._backoff_ms() / 1000 for _ in range(400)]
    for wait_s, ceiling_s in zip(waits_s[:7], [1, 2, 4, 8, 16, 30, 30], strict=True):
        assert 0.25 <= wait_s <= ceiling_s
    late = waits_s[7:]
    assert min(late) < 1
    assert max(late) > 29
    assert 13 < sum(late) / len(late) < 17


def test_a_confirmed_batch_goes_out_again_when_the_server_asks_for_it(gateway, ear, until):
    uplink, outbox, clock, _ = gateway
    ear.answer = True
    uplink.start()
    measure(outbox, clock)
    until(lambda: outbox.figures().sealed == 1 and outbox.figures().unconfirmed == 0)
    command = {"kind": "resend", "epoch": outbox.epoch, "ranges": [[1, 1]]}
    for payload in (b"garbage", json.dumps(command)):
        ear.client.publish("saxaul/1/kubuqi-dune/command/resend-7", payload, qos=1)
    until(lambda: seqs(ear.on("batch")) == [1, 1] and outbox.figures().unconfirmed == 0)
    until(lambda: [one for one in ear.on("command") if one.topic.endswith("/result")])
    (result,) = [one for one in ear.on("command") if one.topic.endswith("/result")]
    assert result.topic == "saxaul/1/kubuqi-dune/command/resend-7/result"
    assert json.loads(result.payload) == {
        "kind": "resend",
        "ok": True,
        "epoch": outbox.epoch,
        "again": 1,
    }


@pytest.fixture
def deeper(tmp_path, config_of, broker, hand, clock_of):
    """An uplink whose sensor was put deeper, in a new boot whose clock is not known yet."""
    hand.synchronised = True
    with Outbox(tmp_path, clock_of(hand), 60) as outbox:
        config = config_of(port=broker.port)
        InventoryBook(config, outbox, clock=clock_of(hand)).current()
        path = tmp_path / "gateway.toml"
        path.write_text(path.read_text().replace("depth_m = 0.1", "depth_m = 0.3"))
        hand.synchronised = False
        clock = clock_of(hand, boot_id="boot-b")
        book = InventoryBook(load(path), outbox, clock=clock)
        book.current()
        settings = uplink_settings(config, None)
        uplink = Uplink(settings, outbox, clock, book, Health(clock), Random(1))
        yield uplink
        uplink.stop()


def test_a_change_is_announced_once_the_clock_that_comes_with_the_network_says_when_it_was(
    deeper, hand, ear, until
):
    """Announced without it, it would begin at the server when that heard of it."""
    began_ms = hand.mono_ms
    deeper.start()
    until(lambda: ear.on("status"))
    hand.advance(30_000)
    hand.synchronised = True
    until(lambda: ear.on("inventory"))
    told = [json.loads(one.payload)["sensors"][0].get("since") for one in ear.on("inventory")]

    assert set(told) == {began_ms + hand.offset_ms}


def test_a_clock_that_stays_unknown_is_not_waited_for_for_ever(deeper, hand, ear, until):
    deeper.start()
    until(lambda: ear.on("status"))
    hand.advance(120_000)
    until(lambda: ear.on("inventory"))

    assert "since" not in json.loads(ear.on("inventory")[0].payload)["sensors"][0]
