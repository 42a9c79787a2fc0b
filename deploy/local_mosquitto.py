"""A Mosquitto of our own on a free loopback port, for the demo and the tests.

Anonymous clients may do everything, which is why it listens on loopback only. The broker of a real
site is set up by deploy/mosquitto/.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from deploy.children import Child
from deploy.errors import SetupError
from deploy.ports import free_port, wait_until

_START_TIMEOUT_S = 30.0
_READY = b" running\n"  # it has opened its listener: "mosquitto version 2.0.21 running"
_ATTEMPTS = 3  # another process may take the port that was free a moment ago

# `user root` means "stay who you are": it runs as whoever started us, like all processes beside it.
_CONFIG = """\
persistence true
persistence_location {folder}/
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
user root
max_inflight_messages 5000
max_inflight_bytes 33554432
max_packet_size 1048576

listener {port} 127.0.0.1
allow_anonymous true
"""


@dataclass(slots=True)
class LocalMosquitto:
    """A broker whose configuration, log and persistent sessions live in `folder`."""

    folder: Path
    port: int = 0
    child: Child | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it listens; the port stays the same over stop and start.

        Raises SetupError when it cannot listen there.
        """
        given = self.port
        for _ in range(1 if given else _ATTEMPTS):
            self.port = given or free_port()
            self.child = self._launch()
            if self._wait(self.child):
                return
            self.child.kill()
        said = self.child.tail(3) if self.child else ""
        raise SetupError(f"mosquitto did not start on port {self.port}: {said}")

    def stop(self) -> None:
        """Stop it politely: it writes its sessions to disk."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """Stop it as a power cut would: what it held only in memory is lost."""
        if self.child is not None:
            self.child.kill()

    def _launch(self) -> Child:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise SetupError("mosquitto is not installed: run bin/prepare full")
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        config.write_text(_CONFIG.format(folder=self.folder.resolve(), port=self.port))
        child = Child("mosquitto", [program, "-c", str(config)], self.folder / "mosquitto.log")
        child.start()
        return child

    def _wait(self, child: Child) -> bool:
        wait_until(lambda: _READY in child.said() or not child.is_running, _START_TIMEOUT_S, 0.02)
        return child.is_running and _READY in child.said()
