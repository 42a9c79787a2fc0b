"""What a backlog costs a gateway in memory: one with weeks unsent beside one with nothing.

Both read the same number of sensors and try to send; both are killed and started again on the way,
so that the outbox is checked as after a power cut.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import product
from pathlib import Path

from benchmarks.chaos_suite.programs import TIES, Programs
from benchmarks.chaos_suite.recovery.site import LATE
from deploy.children import Child
from deploy.demo.plan import Layout, Pace, gateway_text, scenario_text
from deploy.demo.runner import program
from deploy.demo.sites import Station
from deploy.errors import SetupError
from deploy.local_mosquitto import LocalMosquitto
from deploy.ports import free_port, wait_until

# Often, so that all that a gateway does is done while it is looked at.
_PACE = Pace(interval_s=10, batch_every_s=5)
# The share of the time after which they are killed and started again.
_FIRST_LIFE = 1 / 4
_LOOK_EVERY_S = 0.25
_READY_TIMEOUT_S = 60.0
_SETTLE_DAYS = 10
_STOP_S = 6.0


class Link(StrEnum):
    """What the gateways find where the broker should be."""

    NONE = "nothing"
    DEAF = "a broker without a server"


class Load(StrEnum):
    """What the outbox holds at the start."""

    EMPTY = "empty"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resident memory of a gateway in MB: the most it ever held, and what it held at the end."""

    most: float
    last: float

    def beyond(self, other: "Footprint") -> float:
        """Tell how much more this is, by the one or the other."""
        return max(self.most - other.most, self.last - other.last)

    def after(self, earlier: "Footprint") -> "Footprint":
        """Take in an earlier life."""
        return Footprint(max(self.most, earlier.most), self.last)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the gateways held, and what went wrong otherwise."""

    footprints: Mapping[tuple[Link, Load], Footprint]
    complaints: Sequence[str]

    @property
    def growth_mb(self) -> float:
        """The most that a full outbox took more than an empty one, in MB."""
        return max(self.growth_at(link) for link in Link)

    @property
    def most_mb(self) -> float:
        """The most that any of them ever held, in MB."""
        return max(one.most for one in self.footprints.values())

    def growth_at(self, link: Link) -> float:
        """Tell it for one kind of link."""
        return self.footprints[link, Load.FULL].beyond(self.footprints[link, Load.EMPTY])

    def __str__(self) -> str:
        """Say it in one line."""
        told = ", ".join(
            f"{self.growth_at(link):+.1f} MB with {link}"
            f" (of {self.footprints[link, Load.EMPTY].most:.1f})"
            for link in Link
        )
        return f"memory of a full outbox: {told}"


def perform(outbox: Path, seconds: float, folder: Path) -> Cost:
    """Watch gateways for so long in an empty folder; `outbox` is a data folder that is full."""
    with ExitStack() as stack:
        programs = Programs(time.monotonic)
        stack.callback(programs.kill_all)
        broker = stack.enter_context(_broker(folder / "mosquitto"))
        ports = {Link.NONE: free_port(), Link.DEAF: broker.port}
        ours = _start(programs, ports, outbox, Layout(folder))
        first = _watch(programs, ours, seconds * _FIRST_LIFE)
        for one in ours:
            programs.kill(_name(*one))
            programs.raise_again(_name(*one))
        second = _watch(programs, ours, seconds * (1 - _FIRST_LIFE))
        for one in ours:
            programs.stop(_name(*one), _STOP_S)
        return Cost({one: second[one].after(first[one]) for one in ours}, programs.complaints)


def _start(
    programs: Programs, ports: Mapping[Link, int], outbox: Path, layout: Layout
) -> Sequence[tuple[Link, Load]]:
    """Start the sensors and a gateway for each kind of link and load."""
    stations = {one: _twin(number, _name(*one)) for number, one in enumerate(product(Link, Load))}
    origin = datetime.now(UTC) - timedelta(days=_SETTLE_DAYS)
    scenario = scenario_text(list(stations.values()), layout, origin.date().isoformat())
    layout.scenario.write_text(scenario, encoding="utf-8")
    _run(programs, "simulator", [program("saxaul-sim"), "run", str(layout.scenario)], layout)
    lines = [layout.port(bus) for station in stations.values() for bus in station.buses]
    if not wait_until(lambda: all(line.exists() for line in lines), _READY_TIMEOUT_S):
        raise SetupError(f"the simulator did not start: see {layout.log('simulator')}")
    for (link, load), station in stations.items():
        if load is Load.FULL:
            shutil.copytree(outbox, layout.gateway_data(station))
        config = layout.gateway(station)
        config.write_text(gateway_text(station, layout, ports[link], _PACE), encoding="utf-8")
        command = [program("saxaul-gateway"), "run", "--config", str(config)]
        _run(programs, _name(link, load), command, layout)
    return list(stations)


def _run(programs: Programs, name: str, command: Sequence[str], layout: Layout) -> None:
    programs.start(name, Child(name, command, layout.log(name), ties=TIES))


def _twin(number: int, gateway: str) -> Station:
    """Make a station like the late one, with lines of its own."""
    buses = tuple(replace(bus, name=f"{bus.name}-{number}") for bus in LATE.buses)
    return replace(LATE, gateway=gateway, thing=f"profile-{number}", buses=buses)


def _name(link: Link, load: Load) -> str:
    return f"{load.value}-{link.name.lower()}"


def _watch(
    programs: Programs, ours: Sequence[tuple[Link, Load]], seconds: float
) -> Mapping[tuple[Link, Load], Footprint]:
    """Let them live for so long, and measure each at the end."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        programs.look_after()
        time.sleep(_LOOK_EVERY_S)
    pids = dict(programs.pids())
    gone = [_name(*one) for one in ours if _name(*one) not in pids]
    if gone:
        raise SetupError(f"{gone[0]} does not run: {'; '.join(programs.complaints)}")
    return {one: _footprint(pids[_name(*one)]) for one in ours}


def _footprint(pid: int) -> Footprint:
    """Read resident memory, the most and the present; proc(5), VmHWM and VmRSS."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    return Footprint(kb["VmHWM"] / 1024, kb["VmRSS"] / 1024)


@contextmanager
def _broker(folder: Path) -> Iterator[LocalMosquitto]:
    broker = LocalMosquitto(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
