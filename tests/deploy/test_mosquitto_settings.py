"""deploy/mosquitto under a real Mosquitto: who may say and hear what, and over TLS only."""

import subprocess
from pathlib import Path
from queue import Empty, Queue

import paho.mqtt.client as mqtt
import pytest

from deploy.children import Child
from deploy.ports import free_port, is_open, wait_until

SETTINGS = Path(__file__).parent.parent.parent / "deploy" / "mosquitto"
USERS = ("saxaul-server", "kubuqi-dune", "kubuqi-control")
DENIED = 0x80
TIMEOUT_S = 20


class Broker:
    """Mosquitto with our settings, moved from /etc/mosquitto to a folder of the test."""

    def __init__(self, folder):
        self.ca = folder / "certs" / "saxaul.crt"
        self.plain, self.tls = free_port(), free_port()
        self._folder = folder
        self._make_certificate()
        self._make_passwords()
        text = (SETTINGS / "saxaul.conf").read_text()
        text = text.replace("/etc/mosquitto", str(folder)).replace("listener 8883", self._listener)
        text = text.replace("listener 1883", f"listener {self.plain}")
        (folder / "saxaul.acl").write_text((SETTINGS / "saxaul.acl").read_text())
        (folder / "test.conf").write_text(f"user root\nlog_dest stderr\n{text}")
        self.child = Child(
            "mosquitto",
            ["/usr/sbin/mosquitto", "-c", str(folder / "test.conf")],
            folder / "log",
        )

    @property
    def _listener(self):
        return f"listener {self.tls} 127.0.0.1"

    def _make_certificate(self):
        self.ca.parent.mkdir()
        key, subject = self.ca.with_suffix(".key"), ["-subj", "/CN=saxaul test"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1"]
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        files = ["-nodes", "-days", "2", "-keyout", str(key), "-out", str(self.ca)]
        subprocess.run([*made, *files, *subject, *names], check=True, capture_output=True)

    def _make_passwords(self):
        file = self._folder / "saxaul.passwd"
        file.touch(mode=0o600)
        for user in USERS:
            command = ["mosquitto_passwd", "-b", str(file), user, f"{user}!"]
            subprocess.run(command, check=True, capture_output=True)

    def start(self):
        self.child.start()
        assert wait_until(lambda: is_open(self.plain) and is_open(self.tls), 30), self.child.tail()


class Client:
    """An MQTT client that waits for its answers."""

    def __init__(self, broker, user, password=None):
        self._heard, self._answers = Queue(), Queue()
        self._mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"test-{user}")
        self._mqtt.username_pw_set(user, password or f"{user}!")
        self._mqtt.on_message = lambda _c, _u, message: self._heard.put(message.topic)
        self._mqtt.on_subscribe = lambda _c, _u, _m, codes, _p: self._answers.put(codes[0].value)
        self._mqtt.on_connect = lambda _c, _u, _f, code, _p: self._answers.put(code.value)
        self._mqtt.connect("127.0.0.1", broker.plain)
        self._mqtt.loop_start()
        self.connected = self._answers.get(timeout=TIMEOUT_S) == 0

    def may_hear(self, topic):
        self._mqtt.subscribe(topic, qos=1)
        return self._answers.get(timeout=TIMEOUT_S) != DENIED

    def say(self, *topics):
        for topic in topics:
            self._mqtt.publish(topic, b"x", qos=1).wait_for_publish(TIMEOUT_S)

    def heard(self, until):
        """All topics heard, in order, up to one that surely arrives."""
        topics = []
        while until not in topics:
            try:
                topics.append(self._heard.get(timeout=TIMEOUT_S))
            except Empty:
                pytest.fail(f"only heard {topics}")
        return topics

    def close(self):
        self._mqtt.disconnect()
        self._mqtt.loop_stop()
        self._mqtt.reinitialise()  # closes its sockets now, not when the collector comes


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    one = Broker(tmp_path_factory.mktemp("mosquitto"))
    one.start()
    yield one
    one.child.stop()


@pytest.fixture
def client(broker):
    made = []

    def make(user, password=None):
        made.append(Client(broker, user, password))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_gateway_writes_its_own_up_topics_only(client):
    server, gateway = client("saxaul-server"), client("kubuqi-dune")
    for topic in ("batch/+/+", "inventory", "status", "senml", "command/+/result"):
        assert server.may_hear(f"saxaul/1/+/{topic}")
    gateway.say(
        "saxaul/1/kubuqi-control/batch/ab12cd34/1",
        "saxaul/1/kubuqi-control/status",
        "saxaul/1/kubuqi-dune/receipt",
        "saxaul/1/kubuqi-dune/batch/ab12cd34/1",
        "saxaul/1/kubuqi-dune/inventory",
        "saxaul/1/kubuqi-dune/command/7/result",
        "saxaul/1/kubuqi-dune/status",
    )

    assert server.heard(until="saxaul/1/kubuqi-dune/status") == [
        "saxaul/1/kubuqi-dune/batch/ab12cd34/1",
        "saxaul/1/kubuqi-dune/inventory",
        "saxaul/1/kubuqi-dune/command/7/result",
        "saxaul/1/kubuqi-dune/status",
    ]


def test_a_gateway_reads_its_own_down_topics(client):
    server, gateway = client("saxaul-server"), client("kubuqi-dune")

    assert gateway.may_hear("saxaul/1/kubuqi-dune/receipt")
    assert gateway.may_hear("saxaul/1/kubuqi-dune/command/+")
    server.say("saxaul/1/kubuqi-dune/command/7", "saxaul/1/kubuqi-dune/receipt")
    assert gateway.heard(until="saxaul/1/kubuqi-dune/receipt") == [
        "saxaul/1/kubuqi-dune/command/7",
        "saxaul/1/kubuqi-dune/receipt",
    ]


def test_workers_of_the_server_share_the_batches(client):
    shared = "$share/saxaul/saxaul/1/+/batch/+/+"
    server, gateway = client("saxaul-server"), client("kubuqi-dune")
    assert server.may_hear(shared)
    assert server.may_hear("saxaul/1/+/status")
    gateway.say("saxaul/1/kubuqi-dune/batch/ab12cd34/1", "saxaul/1/kubuqi-dune/status")

    assert server.heard(until="saxaul/1/kubuqi-dune/status") == [
        "saxaul/1/kubuqi-dune/batch/ab12cd34/1",
        "saxaul/1/kubuqi-dune/status",
    ]


@pytest.mark.parametrize(
    "topic",
    [
        "$share/saxaul/saxaul/1/+/batch/+/+",
        "saxaul/1/kubuqi-control/receipt",
        "saxaul/1/kubuqi-control/batch/+/+",
        "saxaul/1/kubuqi-control/command/+",
    ],
)
def test_a_gateway_hears_nothing_of_another(client, topic):
    """Mosquitto 2.0 grants such a subscription or not; either way nothing must come of it."""
    server, gateway, other = (client(user) for user in USERS)
    gateway.may_hear(topic)
    assert gateway.may_hear("saxaul/1/kubuqi-dune/receipt")
    other.say("saxaul/1/kubuqi-control/batch/ab12cd34/1")
    server.say("saxaul/1/kubuqi-control/receipt", "saxaul/1/kubuqi-control/command/7")
    server.say("saxaul/1/kubuqi-dune/receipt")

    heard = gateway.heard(until="saxaul/1/kubuqi-dune/receipt")
    assert heard == ["saxaul/1/kubuqi-dune/receipt"]


def test_the_server_does_not_speak_for_a_gateway(client):
    server, gateway = client("saxaul-server"), client("kubuqi-dune")
    assert server.may_hear("saxaul/1/+/batch/+/+")
    server.say("saxaul/1/kubuqi-dune/batch/ab12cd34/1")
    gateway.say("saxaul/1/kubuqi-dune/batch/ab12cd34/2")

    assert server.heard(until="saxaul/1/kubuqi-dune/batch/ab12cd34/2") == [
        "saxaul/1/kubuqi-dune/batch/ab12cd34/2"
    ]


def test_a_wrong_password_is_refused(client):
    assert not client("kubuqi-dune", "kubuqi-control!").connected


def test_without_a_password_nobody_gets_in(broker):
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.plain), "-t", "a", "-m", "b"]

    assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode != 0


def publish_over_network_port(broker, *tls):
    user = ["-u", "kubuqi-dune", "-P", "kubuqi-dune!"]
    what = ["-t", "saxaul/1/kubuqi-dune/status", "-m", "x", "-q", "1"]
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.tls), *user, *what, *tls]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode


def test_gateways_connect_over_tls(broker):
    assert publish_over_network_port(broker, "--cafile", str(broker.ca)) == 0


def test_the_network_port_speaks_nothing_but_tls(broker):
    assert publish_over_network_port(broker) != 0
