"""The walk over the ports: listen first, then ask, and only for what changes nothing.

The order is the one that does least harm: who talks is not talked over; SDI-12 identification and
Modbus reads mean nothing to each other's sensors; instruments with questions of their own are last.
"""

from collections.abc import Mapping, Sequence

from serial.tools import list_ports

from gateway.buses.port_errors import serial_ports
from gateway.errors import BusError
from gateway.scan.asked import ask_davis, ask_lines
from gateway.scan.found import Finding
from gateway.scan.modbus import ask_modbus
from gateway.scan.ports import holder, lasting_name
from gateway.scan.sdi12 import ask_adapter, ask_bare
from gateway.scan.search import Extent, Say, Search, Stopping, Tally, never
from gateway.scan.talkers import FIRST_BAUD, listen, listen_on
from wire.catalogue import SensorModel


class Scanner:
    """Looks at ports one after the other.

    `findings` grows with each sensor, so that a scan may be broken off; `refused` says which ports
    could not be looked at, why, and what to do; `untried` what there was no time for.
    """

    def __init__(
        self,
        models: Mapping[str, SensorModel],
        say: Say,
        extent: Extent | None = None,
        stopping: Stopping = never,
    ) -> None:
        """Look for `models`; `say` hears what is being done."""
        self.findings: list[Finding] = []
        self.refused: list[str] = []
        self.untried: list[str] = []
        self.tally = Tally()
        self._models = models
        self._say = say
        self._extent = extent or Extent()
        self._stopping = stopping

    def run(self, ports: Sequence[str] = ()) -> None:
        """Look at these ports, or at all there are; raises StoppedError once told to stop."""
        present = list(list_ports.comports())
        for port in ports or serial_ports():
            try:
                self._look(lasting_name(port, present))
            except BusError as error:
                self.refused.append(str(error))
                self._say(str(error))

    def _look(self, port: str) -> None:
        if who := holder(port):
            raise BusError(f"{port}: in use by {who}; stop it, or name another port")
        search = Search(
            port,
            self._models,
            self._extent,
            self._say,
            self.findings,
            self.tally,
            stopping=self._stopping,
            untried=self.untried,
        )
        if self._is_found(search):
            return
        for doubt in search.doubts:
            search.note(*doubt)
        if not search.doubts:
            search.doing("nothing found")

    def _is_found(self, search: Search) -> bool:
        with search.open(FIRST_BAUD) as line:
            talks = listen(search, line)
            if not talks and ask_adapter(search, line, boots=talks is None):
                return True
        if talks:
            listen_on(search)
            return True
        return any(ask(search) for ask in (ask_bare, ask_modbus, ask_lines, ask_davis))
