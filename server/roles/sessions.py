"""Sessions of ingest workers that no longer run: a broker goes on giving them their share.

Mosquitto hands a shared subscription's messages to its members in turn, whether they are there or
not, and keeps what an absent one gets. So a session of which nobody takes anything is dropped. What
lay in it gateways send again, for it has no receipt.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from server.errors import BrokerError
from server.ingest.consumer import BrokerAddress, Part, new_client

SESSIONS_DROPPED = "sessions_dropped"

# Numbers are used without holes, but a worker that never came up may have left one.
_LOOK_AHEAD = 3
_ANSWER_S = 5.0
_KEEPALIVE_S = 10
_AGAIN_S = 5.0

log = structlog.get_logger(__name__)


class Dropper:
    """Drops such sessions once the broker answers, in a thread of its own."""

    def __init__(
        self, broker: BrokerAddress, beyond: int, on_dropped: Callable[[], object]
    ) -> None:
        """Prepare; `on_dropped` is called when there were any."""
        self._broker = broker
        self._beyond = beyond
        self._on_dropped = on_dropped
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sessions", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Give up what is not done yet: the next start does it."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                dropped = drop_sessions(self._broker, self._beyond)
            except BrokerError:  # the consumers themselves tell why
                self._stopping.wait(_AGAIN_S)
                continue
            if dropped:
                log.info(SESSIONS_DROPPED, beyond=self._beyond, sessions=dropped)
                self._on_dropped()
            return


def drop_sessions(broker: BrokerAddress, beyond: int) -> int:
    """Drop the sessions of workers with higher numbers; tells how many there were.

    Raises BrokerError while the broker does not answer.
    """
    number, absent, found = beyond, 0, 0
    while absent < _LOOK_AHEAD:
        number += 1
        is_present = _connect(broker, number, clean_session=False)
        found, absent = (found + 1, 0) if is_present else (found, absent + 1)
    # From the highest down: what an interruption leaves has no holes.
    for one in range(number, beyond, -1):
        _connect(broker, one, clean_session=True)
    return found


def _connect(broker: BrokerAddress, number: int, *, clean_session: bool) -> bool:
    """Connect and go; tells whether the broker had the session. A clean one it then forgets."""
    client = new_client(
        replace(broker, part=Part(number, shared=True)), clean_session=clean_session
    )
    answered = threading.Event()
    answer: list[tuple[bool, str]] = []

    def on_connect(
        _client: mqtt.Client,
        _userdata: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        answer.append((flags.session_present, str(reason) if reason.is_failure else ""))
        answered.set()

    client.on_connect = on_connect
    try:
        client.connect(broker.host, broker.port, _KEEPALIVE_S)
    except OSError as error:
        raise BrokerError(f"broker {broker.host}:{broker.port}: {error}") from error
    client.loop_start()
    try:
        if not answered.wait(_ANSWER_S) or answer[0][1]:
            why = answer[0][1] if answer else "it does not answer"
            raise BrokerError(f"broker {broker.host}:{broker.port}: {why}")
    finally:
        client.disconnect()
        client.loop_stop()
        client.reinitialise()  # closes its sockets now, not when the collector comes
    return answer[0][0]
