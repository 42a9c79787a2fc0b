"""Ports to scan: those of the simulator, and ptys with something scripted at their end."""

import os
import select
import subprocess
import sys
import threading
import time
import tty

import pytest

from gateway.scan import Extent, Scanner
from wire.catalogue import bundled

MODELS = bundled()

# Ten sensors on each of two buses, and one instrument each on others.
SDI12 = [
    ("0", "METER TEROS 12"),
    ("1", "METER TEROS 11"),
    ("2", "METER TEROS 21"),
    ("3", "Campbell SR50A"),
    ("4", "METER TEROS 12"),
    ("5", "METER TEROS 12"),
    ("6", "METER TEROS 11"),
    ("7", "METER TEROS 12"),
    ("8", "METER TEROS 12"),
    ("a", "METER TEROS 12"),
]
ECTH = "RS485 soil probe ECTH (0x0000 family)"
MODBUS = [(str(number), ECTH) for number in range(1, 10)] + [("10", "Renke RS-FSXCS")]
ALONE = [
    ("nmea", "nmea0183", "NMEA 0183 weather station", ""),
    ("salt", "line", "Saltation counter, ASCII", ""),
    ("polled", "line", "Gill WindSonic, polled", "Q"),
    ("davis", "davis", "Davis Vantage Pro2", ""),
]


def _bus(name, protocol, devices):
    text = f'[[bus]]\nid = "{name}"\nprotocol = "{protocol}"\n'
    for number, (address, model) in enumerate(devices):
        text += f'[[bus.device]]\nid = "dune-1/{name}-{number}"\nmodel = "{model}"\n'
        text += f'address = "{address}"\nserial = "S{number}"\n'
    return text


def _scenario():
    buses = [_bus("sdi", "sdi12", SDI12), _bus("modbus", "modbus", MODBUS)]
    buses += [_bus(name, protocol, [(at, model)]) for name, protocol, model, at in ALONE]
    return 'seed = 7\norigin = "2026-09-01"\n' + "".join(buses)


@pytest.fixture(scope="session")
def ports(tmp_path_factory):
    """The simulator as its own process: port paths by bus id."""
    scenario = tmp_path_factory.mktemp("scan") / "scenario.toml"
    scenario.write_text(_scenario())
    command = [sys.executable, "-m", "firmware_sim", "run", str(scenario)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        found = {}
        while (line := simulator.stdout.readline().split()) and line != ["ready"]:
            found[line[0]] = line[1]
        yield found
        simulator.terminate()


@pytest.fixture(scope="session")
def simulated(ports):
    """All ports of the simulator, scanned at the same time: by bus id, each with its scanner.

    The waits for an answer are long, for the machine may be busy; the addresses those that are
    there, for each other one would cost such a wait.
    """
    wide = {"sdi12_s": 2.0, "modbus_s": 2.0, "line_s": 2.0}
    alone = {"listen_s": 0.1, "sdi12_addresses": "", "modbus_ids": []}
    extents = {
        "sdi": Extent(listen_s=0.1, sdi12_addresses="012345678a", **wide),
        "modbus": Extent(**(alone | wide | {"modbus_ids": range(1, 11)})),
        "nmea": Extent(listen_s=2.5),
        "salt": Extent(listen_s=2.5),
        "polled": Extent(**(alone | wide)),
        "davis": Extent(**(alone | wide | {"line_s": 0.2})),
    }
    scanners = {name: Scanner(MODELS, lambda _: None, extents[name]) for name in extents}
    threads = [
        threading.Thread(target=one.run, args=([ports[name]],)) for name, one in scanners.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return scanners


@pytest.fixture
def device():
    """Make a pty with something at its end that answers; `.asked` keeps what it was asked."""
    made = []

    def make(answer):
        made.append(Device(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Device:
    def __init__(self, answer):
        self._asked = []
        self._answer = answer
        self._quiet_turns = 0
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def asked(self):
        """What it was asked, once nothing more is under way: who asks may be ahead of who reads."""
        wanted, deadline = self._quiet_turns + 2, time.monotonic() + 25
        while self._quiet_turns < wanted:
            assert time.monotonic() < deadline, "it is asked without end"
            time.sleep(0.005)
        return list(self._asked)

    def say(self, data):
        os.write(self._master, data)

    def close(self):
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _serve(self):
        while not self._stop.is_set():
            if select.select([self._master], [], [], 0.02)[0]:
                asked = os.read(self._master, 4096)
                self._asked.append(asked)
                os.write(self._master, self._answer(asked))
            else:
                self._quiet_turns += 1


@pytest.fixture
def hasty():
    """Look at few addresses; wait long enough for a busy machine, for most of these answer."""

    def make(**more):
        usual = {
            "listen_s": 0.1,
            "sdi12_addresses": "1",
            "sdi12_s": 0.5,
            "modbus_ids": [1],
            "modbus_s": 0.2,
            "line_s": 0.2,
        }
        return Extent(**(usual | more))

    return make


@pytest.fixture
def scanned():
    """Scan one port, to its end."""

    def scan(port, extent, models=MODELS, ports=()):
        said = []
        scanner = Scanner(models, said.append, extent)
        scanner.run([port, *ports])
        scanner.said = said
        return scanner

    return scan
