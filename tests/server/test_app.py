"""The server as a whole: a batch published is a value shown; starting and stopping are clean."""

import json
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import httpx
import paho.mqtt.client as mqtt
import pytest
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from deploy.ports import free_port, is_open, wait_until
from server.app import App, Step, Teardown, build
from server.errors import BrokerError
from server.settings import DatabaseSection, HttpSection, MqttSection, Settings
from wire import messages, topics
from wire.batch import Sample, encode
from wire.messages import ClockSource

GATEWAY, EPOCH = "kubuqi-dune", "a1b2c3d4"
RAW = "dune-1/soil-10cm/vwc_raw"


def settings(url, **mqtt_values):
    return Settings(
        database=DatabaseSection(url=url),
        http=HttpSection(port=0),
        mqtt=MqttSection(**({"port": 0} | mqtt_values)),
    )


@pytest.fixture
def app(database_url) -> Iterator[App]:
    running = build(settings(database_url))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(app) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.address, timeout=20) as found:
        yield found


@pytest.fixture
def gateway(app) -> Iterator[mqtt.Client]:
    """A peer that speaks MQTT by itself, connected to the server's broker."""
    peer = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=GATEWAY)
    peer.connect("127.0.0.1", app.mqtt_port)
    peer.loop_start()
    yield peer
    peer.disconnect()
    peer.loop_stop()
    peer.reinitialise()  # closes its sockets now, not when the collector comes


def inventory():
    return messages.Inventory(
        rev=1,
        gateway=messages.GatewayInfo(id=GATEWAY),
        things=[messages.ThingInfo(id="dune-1", name="Dune 1", site="kubuqi-north")],
        sensors=[
            messages.SensorInfo(id="soil-10cm", thing="dune-1", model="METER TEROS 12", depth_m=0.1)
        ],
        datastreams=[
            messages.DatastreamInfo(
                name=RAW,
                sensor="dune-1/soil-10cm",
                property="vwc_raw",
                unit="{raw}",
                interval_s=10,
            )
        ],
    )


def newest(client):
    return {row["property"]: row["value"] for row in client.get("/api/v1/latest").json()["items"]}


def test_a_batch_published_by_hand_is_stored_derived_shown_and_announced(client, gateway):
    assert wait_until(lambda: client.get("/readyz").status_code == 200, timeout_s=20)
    now = int(time.time() * 1000)
    gateway.publish(topics.inventory(GATEWAY), messages.encode(inventory()), qos=1, retain=True)
    assert wait_until(lambda: "vwc" in newest(client), timeout_s=20)

    with client.stream("GET", "/api/v1/live") as response:
        lines = response.iter_lines()
        assert "event: resync" in [next(lines) for _ in range(4)]
        batch = encode(ClockSource.NTP, {RAW: [Sample(now, Decimal("2150.3"))]})
        gateway.publish(topics.batch(GATEWAY, EPOCH, 1), batch, qos=1)
        data = next(line for line in lines if line.startswith("data: ["))

    assert {row["value"] for row in json.loads(data.removeprefix("data: "))} >= {2150.3}
    # VWC = 3.879e-4 x RAW - 0.6956 (TEROS 12, mineral soil)
    # Relative to sand, which is assumed: (VWC - 0.028) / (0.0742 - 0.028)
    assert newest(client) == {
        "vwc_raw": 2150.3,
        "vwc": pytest.approx(0.1385, abs=1e-4),
        "relative_extractable_water": pytest.approx(2.392, abs=1e-3),
    }
    page = client.get("/").text
    assert "13.9" in page
    assert "10 cm deep" in page


def test_a_malformed_batch_is_kept_with_its_reason_and_the_next_one_is_stored(client, gateway):
    assert wait_until(lambda: client.get("/readyz").status_code == 200, timeout_s=20)
    gateway.publish(topics.inventory(GATEWAY), messages.encode(inventory()), qos=1, retain=True)
    assert wait_until(lambda: "vwc" in newest(client), timeout_s=20)
    good = encode(ClockSource.NTP, {RAW: [Sample(int(time.time() * 1000), Decimal(2000))]})

    gateway.publish(topics.batch(GATEWAY, EPOCH, 1), b"no batch at all", qos=1)
    gateway.publish(topics.batch(GATEWAY, EPOCH, 2), good, qos=1)
    assert wait_until(lambda: newest(client)["vwc_raw"] == 2000.0, timeout_s=20)

    (refused,) = client.get("/api/v1/journal", params={"status": "refused"}).json()["items"]
    assert (refused["seq"], bool(refused["reason"])) == (1, True)
    assert client.get(refused["payload"]).content == b"no batch at all"


def test_a_name_from_elsewhere_is_not_answered(client):
    """Only --insecure-listen changes that: the command line's tests show it."""
    answer = client.get("/api/v1/latest", headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_stopping_closes_every_port_and_may_be_repeated(tmp_path):
    app = build(settings(f"sqlite:///{tmp_path}/saxaul.db"))
    app.start()
    http_port = int(httpx.URL(app.address).port)
    assert is_open(http_port)
    assert is_open(app.mqtt_port)

    app.stop()
    app.stop()

    assert not is_open(http_port)
    assert not is_open(app.mqtt_port)


def test_a_start_that_fails_leaves_nothing_running(tmp_path):
    before = set(threading.enumerate())
    taken = build(settings(f"sqlite:///{tmp_path}/a.db"))
    taken.start()
    second = build(settings(f"sqlite:///{tmp_path}/b.db", port=taken.mqtt_port))

    with pytest.raises(BrokerError):
        second.start()

    taken.stop()
    assert wait_until(lambda: set(threading.enumerate()) <= before, timeout_s=30)


def test_stopping_what_never_started_is_harmless(tmp_path):
    build(settings(f"sqlite:///{tmp_path}/saxaul.db", port=free_port())).stop()


def test_teardown_undoes_in_reverse():
    done = []
    teardown = Teardown()
    for name in "abc":
        teardown.add(Step(name, lambda name=name: done.append(name), 20))

    teardown.run()
    teardown.run()

    assert done == ["c", "b", "a"]


def test_a_step_that_hangs_or_fails_is_logged_and_holds_nothing_up():
    done = []
    hang = threading.Event()
    teardown = Teardown()
    teardown.add(Step("last", lambda: done.append("last"), 20))
    teardown.add(Step("fails", lambda: 1 / 0, 20))
    teardown.add(Step("hangs", lambda: hang.wait(30), 0.05))

    with structlog.testing.capture_logs() as logs:
        teardown.run()
    hang.set()

    assert done == ["last"]
    assert {(one["event"], one["step"]) for one in logs} == {
        ("stop_late", "hangs"),
        ("stop_failed", "fails"),
    }
