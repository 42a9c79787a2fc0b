"""Warnings over MQTT: retained, with the topic a person chose."""

import json

import pytest
from paho.mqtt import subscribe

from server.ingest.consumer import BrokerAddress
from server.notify.channels.mqtt import BrokerLine, Mqtt
from server.notify.channels.port import Later, Sent
from tests.server.notify.channels.letter import envelope
from wire.errors import ConfigError


def test_it_is_left_at_the_broker_for_whoever_comes():
    left = []

    def publish(topic, payload, *, retain):
        left.append((topic, json.loads(payload), retain))
        return True

    assert Mqtt(publish).send(envelope("siren/dune-1", kind="dry_soil", level=2)) == Sent()
    ((topic, said, retain),) = left
    assert (topic, retain) == ("siren/dune-1", True)
    assert said["key"] == "notice-7:3"
    assert said["level"] == 2


@pytest.mark.parametrize("topic", ["saxaul/1/dune/status", "$SYS/x", "a/+/b", "a/#", "", "x" * 300])
def test_topics_of_others_are_refused(topic):
    with pytest.raises(ConfigError):
        Mqtt(lambda *_, **__: True).send(envelope(topic))


def test_a_real_broker_keeps_it_for_whoever_comes_later(mosquitto):
    line = BrokerLine(BrokerAddress("127.0.0.1", mosquitto.port))

    assert Mqtt(line).send(envelope("alerts/dune-1", kind="dry_soil")) == Sent()

    late = subscribe.simple("alerts/#", hostname="127.0.0.1", port=mosquitto.port)
    assert late.retain
    assert json.loads(late.payload)["kind"] == "dry_soil"


def test_a_broker_that_is_down_is_tried_again(mosquitto):
    mosquitto.stop()
    said = Mqtt(BrokerLine(BrokerAddress("127.0.0.1", mosquitto.port))).send(envelope("alerts/x"))
    assert isinstance(said, Later)
    assert "cannot be reached" in said.reason


def test_what_is_not_confirmed_is_tried_again():
    assert isinstance(Mqtt(lambda *_, **__: False).send(envelope("siren")), Later)


def test_a_broker_that_is_away_is_tried_again():
    def away(*_, **__):
        raise ConnectionRefusedError(111, "Connection refused")

    said = Mqtt(away).send(envelope("siren"))
    assert said == Later("the broker cannot be reached: Connection refused")
