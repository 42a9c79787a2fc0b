"""How soon a mail goes out after its reading was sent, while 1,000 readings a second come.

Broker, server and database are programs of their own. Each of 200 stations sends a reading of 20
series every four seconds; once each is made to pass a line, and once to come back. Somebody wants
to hear of each station, so that each time makes a mail.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Engine, func, select

from benchmarks.alerts_suite import village
from benchmarks.alerts_suite.sink import Sink, sink
from benchmarks.chaos_suite.rig import program
from benchmarks.ingest_suite.station import gateway_names, inventory
from deploy.children import Child
from deploy.demo.page import Page
from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.ports import free_port, wait_until
from server.db.alert_tables import alert_rule, alert_watch
from server.db.engine import open_engine
from wire import topics

_EPOCH = "d1d2d3d4"
_READY_S = 60.0
# By station, and 0 for passing the line, 1 for coming back: seconds of time.time().
_Passed = dict[tuple[int, int], float]
_SETTINGS = """\
[http]
port = {http}
[mqtt]
embedded = false
port = {mqtt}
[notify]
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_tls = "none"
sender = "warnings@bench.example"
mails_per_minute = 100000
"""


@dataclass(frozen=True, slots=True)
class Course:
    """So many stations of 20 series send every `every_s`, so many times."""

    stations: int
    every_s: float
    rounds: int

    @property
    def first(self) -> int:
        """The round from which stations are loud, a part of them in each."""
        return 2

    @property
    def back(self) -> int:
        """The round from which they are calm again."""
        return (self.rounds + 1) // 2 + 1

    def is_loud(self, station: int, number: int) -> bool:
        """Tell whether a station is past the line in a round: each passes it in its own."""
        turn = station % max(1, self.back - self.first - 1)
        return self.first + turn <= number < self.back + turn


@dataclass(slots=True)
class Mailed:
    """Seconds from sending a reading to its mail, by order; mails too many, and that never came."""

    delays_s: list[float] = field(default_factory=list)
    duplicates: int = 0
    missed: int = 0


def measure(url: str, folder: Path, course: Course) -> Mailed:
    """Run it on a fresh database; raises SetupError when the programs do not start."""
    folder.mkdir()
    names = gateway_names(course.stations)
    with ExitStack() as stack:
        mails = stack.enter_context(sink())
        broker = LocalMosquitto(folder / "mosquitto")
        broker.start()
        stack.callback(broker.stop)
        server = _server(url, broker.port, mails.port, folder)
        stack.callback(server.stop)
        engine = open_engine(url)
        stack.callback(engine.dispose)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-stations")
        client.max_inflight_messages_set(5_000)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        stack.callback(client.loop_stop)
        stack.callback(client.disconnect)
        _settle(engine, client, names)
        passed_s = _play(client, names, course)
        wait_until(lambda: _count(mails) >= len(passed_s), 30.0)
        time.sleep(1.0)  # for one too many
    return compare(mails, passed_s)


def _server(url: str, mqtt_port: int, smtp_port: int, folder: Path) -> Child:
    page = Page(free_port())
    config = folder / "server.toml"
    config.write_text(
        _SETTINGS.format(http=page.port, mqtt=mqtt_port, smtp=smtp_port), encoding="utf-8"
    )
    command = [program("saxaul-server"), "run", "--config", str(config)]
    environment = {"SAXAUL_DATABASE_URL": url}
    server = Child("server", command, folder / "server.log", environment=environment)
    server.start()
    if not wait_until(page.is_ready, _READY_S):
        server.kill()
        raise SetupError(f"the server did not start: {server.tail(5)}")
    return server


def _settle(engine: Engine, client: mqtt.Client, names: Sequence[str]) -> None:
    """Announce the stations; wait until each is watched, and its people are entered."""
    for one in names:
        client.publish(topics.inventory(one), inventory(one), qos=1, retain=True)
    if not wait_until(lambda: len(village.things_of(engine, names)) == len(names), _READY_S):
        raise SetupError("the stations were not taken in")
    village.add_rule(engine)
    village.subscribe(engine, village.things_of(engine, names))
    watched = (
        select(func.count())
        .select_from(alert_watch.join(alert_rule, alert_rule.c.id == alert_watch.c.rule_id))
        .where(alert_rule.c.key == "bench-hot", alert_watch.c.refold_from.is_(None))
    )

    def is_watched() -> bool:
        with engine.connect() as connection:
            return connection.execute(watched).scalar_one() == len(names)

    if not wait_until(is_watched, _READY_S):
        raise SetupError("the stations are not watched")


def _play(client: mqtt.Client, names: Sequence[str], course: Course) -> _Passed:
    """Send all rounds evenly; give when each station passed the line, and when it came back."""
    passed_s: _Passed = {}
    began_s = time.monotonic()
    for number in range(course.rounds):
        for station, name in enumerate(names):
            due_s = began_s + course.every_s * (number + station / len(names))
            time.sleep(max(0.0, due_s - time.monotonic()))
            loud = course.is_loud(station, number)
            if number and loud != course.is_loud(station, number - 1):
                passed_s[station, 0 if loud else 1] = time.time()
            _publish(client, name, number + 1, village.LOUD if loud else village.CALM)
    return passed_s


def _publish(client: mqtt.Client, name: str, seq: int, value: Decimal) -> None:
    payload = village.payload(time.time_ns() // 1_000_000, value)
    client.publish(topics.batch(name, _EPOCH, seq), payload, qos=1)


def _count(mails: Sink) -> int:
    return sum(len(taken) for taken in list(mails.taken_s.values()))


def compare(mails: Sink, passed_s: _Passed) -> Mailed:
    """Put each mail to the time at which its station passed the line."""
    found = Mailed()
    for station in sorted({station for station, _ in passed_s}):
        wanted = [passed_s[station, turn] for turn in (0, 1) if (station, turn) in passed_s]
        taken = mails.taken_s[village.address_of(station)]
        found.duplicates += max(0, len(taken) - len(wanted))
        found.missed += max(0, len(wanted) - len(taken))
        found.delays_s += [at - sent for at, sent in zip(taken, wanted, strict=False)]
    found.delays_s.sort()
    return found
