"""Loopback ports."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from random import SystemRandom

from deploy.errors import SetupError

# Below what Linux hands out to outgoing connections (ip_local_port_range): a server that was down
# for a moment finds its port free when it comes back.
_PORTS = range(10_000, 32_000)
_ATTEMPTS = 100


def free_port() -> int:
    """Name a loopback port that nothing listens on now, by chance. Another may still take it."""
    chance = SystemRandom()
    for _ in range(_ATTEMPTS):
        port = chance.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise SetupError(f"{_ATTEMPTS} loopback ports, chosen by chance, are all in use")


def is_open(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], timeout_s: float, every_s: float = 0.05) -> bool:
    """Poll until `condition` holds; tells whether it came to hold in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
