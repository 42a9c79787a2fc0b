"""What is measured: a Mosquitto and the server, as they are run at a site, and who they are."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.chaos_suite.programs import family
from benchmarks.chaos_suite.rig import program
from benchmarks.ingest_suite import station
from deploy.children import Child
from deploy.demo.page import Page
from deploy.demo.plan import Layout, ServerPlan, server_text
from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.ports import free_port, is_open, wait_until
from wire import topics

_READY_S = 60.0
_ANNOUNCED_S = 60.0
# A site's broker (deploy/mosquitto/saxaul.conf) queues 5,000 messages; here gateways by the hundred
# have up to 64 in flight each, and one that is dropped would only be sent again after 30 s.
_QUEUE = "max_queued_messages 20000\nautosave_interval 60\n"


@dataclass(frozen=True, slots=True)
class Rig:
    """A running server, its broker's port, and the database it writes to."""

    database_url: str
    port: int
    server: Child
    broker: Child

    def announce(self, gateways: Sequence[str]) -> None:
        """Publish the gateways' inventories, retained; raises SetupError."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-announcer")
        client.max_inflight_messages_set(200)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            told = [
                client.publish(topics.inventory(one), station.inventory(one), qos=1, retain=True)
                for one in gateways
            ]
            for one in told:
                one.wait_for_publish(_ANNOUNCED_S)
            if not all(one.is_published() for one in told):
                raise SetupError("the broker did not take the inventories")
        finally:
            client.disconnect()
            client.loop_stop()


@contextmanager
def running(database_url: str, folder: Path, *options: str) -> Iterator[Rig]:
    """Start broker and server on an empty database; raises SetupError. Both end with the block.

    `options` are for `saxaul-server run`.
    """
    folder.mkdir()
    with ExitStack() as stack:
        broker = LocalMosquitto(folder / "mosquitto")
        broker.start()
        stack.callback(broker.stop)
        child = broker.child
        if child is None:
            raise SetupError("mosquitto is not running")
        _lengthen_queue(broker, child)
        server = _server(database_url, broker.port, Layout(folder), options)
        stack.callback(server.stop)
        yield Rig(database_url, broker.port, server, child)


def _lengthen_queue(broker: LocalMosquitto, child: Child) -> None:
    """Start it once more with another setting: told by a signal, it goes on with the old one."""
    child.stop()
    with (broker.folder / "mosquitto.conf").open("a", encoding="utf-8") as config:
        config.write(_QUEUE)
    child.start()
    if not wait_until(lambda: is_open(broker.port), _READY_S):
        raise SetupError(f"mosquitto did not start again: {child.tail(3)}")


def _server(
    database_url: str, mqtt_port: int, layout: Layout, options: Sequence[str] = ()
) -> Child:
    page = Page(free_port())
    plan = ServerPlan(page.port, mqtt_port, embedded=False)
    layout.server.write_text(server_text(plan, layout), encoding="utf-8")
    # In any role: one that serves no pages says at another port how it is.
    at = ("--http-port", str(page.port))
    command = [program("saxaul-server"), "run", "--config", str(layout.server), *at, *options]
    environment = {"SAXAUL_DATABASE_URL": database_url, "STATE_DIRECTORY": str(layout.folder)}
    server = Child("server", command, layout.log("server"), environment=environment)
    server.start()
    if not wait_until(lambda: page.is_ready() or not server.is_running, _READY_S) or (
        not server.is_running
    ):
        server.kill()
        raise SetupError(f"the server did not start: {server.tail(5)}")
    return server


# ---------------------------------------------------------------- what processes take


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a program with all its processes, in MB: now, and each at its most."""

    now_mb: float
    most_mb: float


def memory_of(pid: int) -> Memory:
    """Read it (proc(5), status: VmRSS and VmHWM)."""
    found = [_status(one) for one in family(pid)]
    return Memory(
        sum(one.get("VmRSS", 0) for one in found) / 1024,
        sum(one.get("VmHWM", 0) for one in found) / 1024,
    )


def cpu_s(pid: int) -> float:
    """Tell the processor time of a program with all its processes that run (proc(5), stat)."""
    return sum(_ticks(one) for one in family(pid)) / os.sysconf("SC_CLK_TCK")


def _status(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


def _ticks(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
