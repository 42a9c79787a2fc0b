"""The embedded broker: amqtt on loopback, in a thread with an event loop of its own.

It speaks MQTT 3.1.1 and keeps nothing on disk: what it held when it stopped, and what a client did
not acknowledge within five seconds, it forgets. The receipts make that harmless. It lets anyone on
this machine in, and therefore listens nowhere else.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

import structlog
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

from server.errors import BrokerError

BROKER_CONNECTION_FAILED = "broker_connection_failed"
BROKER_STOPPED = "broker_stopped"

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0
_SETTLE_S = 0.01
_LISTENER = "default"
# Without its $SYS topics, which nobody here reads, and its packet log.
_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}

log = structlog.get_logger(__name__)


class EmbeddedBroker:
    """One broker; `port` 0 takes a free one, which `port` tells after the start."""

    def __init__(self, port: int = 1883, host: str = "127.0.0.1") -> None:
        """Choose where to listen; nothing is opened yet."""
        self.host = host
        self.port = port
        self._ask_to_stop: Callable[[], object] = _nothing
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def start(self) -> None:
        """Listen; raises BrokerError, naming the port, when that cannot be done."""
        # It reports each lost connection as an error with a traceback.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        self._thread.start()
        try:
            self.port = self._started.result(_START_TIMEOUT_S)
        except OSError as error:
            self._thread.join(_STOP_TIMEOUT_S)
            why = os.strerror(error.errno or 0)
            raise BrokerError(
                f"the embedded broker cannot listen on {self.host}:{self.port}: {why}; "
                "stop what uses that port, or choose another with mqtt.port"
            ) from error

    def stop(self) -> None:
        """Close all connections and end the thread; harmless when it never started."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # its loop ended in this very moment
                self._ask_to_stop()
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._started.done():
                log.exception(BROKER_STOPPED)
            else:
                self._started.set_exception(error)  # start() raises it

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_report)
        # The socket is ours, so that its port is known and a busy one is told apart.
        listener = ListenerConfig(type=ListenerType.EXTERNAL)
        broker = Broker(BrokerConfig(listeners={_LISTENER: listener}, plugins=dict(_PLUGINS)))
        await broker.start()

        connections: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = loop.create_task(broker.stream_connected(reader, writer, _LISTENER))
            connections.add(task)
            task.add_done_callback(connections.discard)
            # amqtt leaves a connection open that never said CONNECT.
            task.add_done_callback(lambda _: writer.transport.abort())

        try:
            server = await asyncio.start_server(connected, self.host, self.port)
            stopping = asyncio.Event()
            self._ask_to_stop = partial(loop.call_soon_threadsafe, stopping.set)
            listening = server.sockets[0]
            self._started.set_result(int(listening.getsockname()[1]))
            await stopping.wait()
            # Closing at once would leak what was accepted this instant and is no connection yet.
            loop.remove_reader(listening)
            await asyncio.sleep(_SETTLE_S)
            server.close()
        finally:
            await broker.shutdown()
            for task in connections:
                task.cancel()
            await asyncio.sleep(_SETTLE_S)  # transports close in the loop's next rounds


def _nothing() -> None:
    """Stand in until there is something to stop."""


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    log.info(BROKER_CONNECTION_FAILED, error=str(context.get("exception") or context["message"]))
