"""SDI-12: is there a bus behind this port, who is at which address, and which model is it.

One thing a scan does change: a rain gauge that is asked for a value hands over the rain that it had
collected.
"""

from collections.abc import Iterator
from functools import partial

from gateway.codecs import sdi12
from gateway.codecs.sdi12 import Identity
from gateway.drivers.conversation import Ask
from gateway.drivers.sdi12 import ADAPTERS, AdapterKind, Sdi12Driver
from gateway.drivers.sdi12.asking import QUIET_S
from gateway.errors import FrameError
from gateway.readings import Reading
from gateway.scan.candidates import hands_over, live, values
from gateway.scan.found import Finding, FoundSensor
from gateway.scan.search import ScanLine, Search
from wire.catalogue import Protocol, SensorModel

USUAL = "0123456789"
COLLISION = "two sensors share this address: unplug one and give it another"
_IDENTITY_S = 1.2  # takes 0.4 s at 1200 baud, and the adapter adds its own
_IDENTITY_TRIES = 3
_GREETINGS = 2  # the first command after a pause may go unheard (PITFALLS: ModularSensors#276)
_BEGIN_S = 0.15  # where the break is ours, a sensor answers within 15 ms (v1.4, 7.0)


def ask_adapter(search: Search, line: ScanLine, *, boots: bool) -> bool:
    """Look for a bus behind an adapter that works by lines; `boots`: it said a banner."""
    search.doing("asking for SDI-12 sensors")
    plain = AdapterKind.LINE_BOOTS if boots else AdapterKind.LINE
    for kind in (plain, AdapterKind.LINE_CR):
        bus = _Bus(search, line, kind)
        if bus.is_greeted():
            return bus.look(search.extent.sdi12_addresses)
    # Old sensors do not know `?!`: ask the usual addresses all the same.
    usual = "".join(one for one in USUAL if one in search.extent.sdi12_addresses)
    return _Bus(search, line, plain).look(usual)


def ask_bare(search: Search) -> bool:
    """Look for a bus whose line we drive ourselves, break and all."""
    adapter = ADAPTERS[AdapterKind.UART]
    search.doing(f"asking for SDI-12 sensors at {adapter.baud} baud")
    line = search.open_if_able(adapter.baud, adapter.frame)
    if line is None:
        return False
    with line:
        bus = _Bus(search, line, AdapterKind.UART)
        return bus.is_greeted() and bus.look(search.extent.sdi12_addresses)


class _Bus:
    """A bus behind an adapter of one kind."""

    def __init__(self, search: Search, line: ScanLine, kind: AdapterKind) -> None:
        self._search = search
        self._line = line
        self._adapter = ADAPTERS[kind]
        self._begin_s = _BEGIN_S if self._adapter.host_breaks else None
        self._finding = Finding(
            search.port, Protocol.SDI12, self._adapter.baud, self._adapter.frame, kind
        )

    def is_greeted(self) -> bool:
        """Tell whether anyone answers `?!`; several at once may come out as anything."""
        for _ in range(_GREETINGS):
            if b"\n" in self._ask(sdi12.ANY, "", self._search.extent.sdi12_s):
                return True
        return False

    def look(self, addresses: str) -> bool:
        """Find who is at these addresses; the usual ones are asked twice."""
        done: set[str] = set()
        for turn in (addresses, [one for one in addresses if one in USUAL]):
            for address in (one for one in turn if one not in done):
                for there in self._there(address) - done:
                    done.add(there)
                    self._note(there)
        return bool(self._finding.sensors)

    def _there(self, address: str) -> set[str]:
        """Ask one address; who answers names itself, be it late and on the question to another."""
        self._search.doing(f"SDI-12 address {address}")
        reply = self._ask(address, "", self._search.extent.sdi12_s)
        try:
            return {sdi12.parse_address(reply)}
        except FrameError:
            return {address} if _is_garbled(reply) else set()

    def _note(self, address: str) -> None:
        identity, raw = self._identify(address)
        if identity is None:
            sensor = FoundSensor(address, (), "answers, and cannot be understood", "", COLLISION)
            self._search.note(self._finding, sensor)
            return
        words = (identity.vendor, identity.model, identity.firmware, identity.serial)
        says = " ".join(" ".join(words).split())
        self._search.doing(f"SDI-12 address {address}: {says}")
        known = {self._request(address, "I"): raw}
        names, shown = [], ""
        for model in self._candidates(identity):
            names.append(model.model)
            if not (self._search.extent.spares_gauges and hands_over(model)):
                shown = shown or live(model, self._poll(model, address, known))
        self._search.note(self._finding, FoundSensor(address, tuple(names), says, shown))

    def _poll(self, model: SensorModel, address: str, known: dict[bytes, bytes]) -> list[Reading]:
        readings = self._line.poll(Sdi12Driver(model, address, self._adapter), known)
        return readings if values(readings) else []

    def _identify(self, address: str) -> tuple[Identity | None, bytes]:
        for _ in range(_IDENTITY_TRIES):
            reply = self._ask(address, "I", _IDENTITY_S)
            try:
                return sdi12.parse_identity(reply, address), reply
            except FrameError:
                continue
        return None, b""

    def _candidates(self, identity: Identity) -> Iterator[SensorModel]:
        """Give the models that identify like this, and whose firmware this can be."""
        for model in self._search.of(Protocol.SDI12):
            table = model.sdi12
            if table is None or not table.identify or not identity.is_a(table.identify):
                continue
            if not table.layout or any(
                identity.firmware.startswith(one.firmware) for one in table.layout
            ):
                yield model

    def _ask(self, address: str, body: str, timeout_s: float) -> bytes:
        until = partial(sdi12.reply_length, address=sdi12.ANY if not body else address)
        request = self._request(address, body)
        wakes = self._adapter.host_breaks
        return self._line.ask(Ask(request, until, timeout_s, QUIET_S, self._begin_s, wakes=wakes))

    def _request(self, address: str, body: str) -> bytes:
        return sdi12.command(address, body) + self._adapter.ending


def _is_garbled(reply: bytes) -> bool:
    """Tell whether a line came that nobody sent: two that speak at once sound so."""
    line = reply.partition(b"\r\n")[0].strip(b"\x00\xff")
    return b"\n" in reply and any(not 32 <= byte < 127 for byte in line)
