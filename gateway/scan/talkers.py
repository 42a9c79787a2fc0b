"""Listening: who speaks by itself, at which rate, and which model's lines these are."""

from collections.abc import Iterable, Sequence

from gateway.buses.serial_port import DEFAULT_FRAME
from gateway.codecs.layouts import LineFormat
from gateway.codecs.lines import LineSplitter
from gateway.drivers.lines import ends_of, line_of
from gateway.drivers.talkers import LineTalker, NmeaTalker
from gateway.errors import GatewayError
from gateway.readings import Reading
from gateway.scan.candidates import live, values
from gateway.scan.found import Finding, FoundSensor
from gateway.scan.search import ScanLine, Search
from wire.catalogue import Protocol, SensorModel
from wire.catalogue.lines import UNIT_GROUP

FIRST_BAUD = 9600  # a talker at another rate is heard as noise
_MORE_BAUDS = (4800, 19200, 38400, 2400, 1200)
_SHOWN = 60  # characters of a line that nobody knows


def listen(search: Search, line: ScanLine) -> bool | None:
    """Listen on a port opened at FIRST_BAUD.

    True: who talks has been noted. None: something was said when the port was opened, and no more.
    """
    search.doing(f"listening at {FIRST_BAUD} baud")
    heard = line.listen(search.extent.listen_s)
    if not heard:
        return False
    if _note(search, heard, FIRST_BAUD, DEFAULT_FRAME):
        return True
    return True if line.listen(search.extent.listen_s) else None


def listen_on(search: Search) -> None:
    """Look for the rate of a talker that is not understood; note it even if there is none."""
    if any(one.port == search.port for one in search.findings):
        return
    said = b""
    for baud, frame in _rates(search):
        search.doing(f"listening at {baud} baud, {frame}")
        heard = _heard_at(search, baud, frame, search.extent.listen_s)
        if _note(search, heard, baud, frame):
            return
        said = max(said, heard, key=_legible)
    finding = Finding(search.port, Protocol.LINE, FIRST_BAUD)
    says = f"talks by itself: {said[:_SHOWN].decode('ascii', 'replace').strip()}"
    search.note(finding, FoundSensor("", (), says))


def _heard_at(search: Search, baud: int, frame: str, seconds: float) -> bytes:
    line = search.open_if_able(baud, frame)
    if line is None:
        return b""
    with line:
        return line.listen(seconds)


def _rates(search: Search) -> Iterable[tuple[int, str]]:
    """Give the rates of the catalogue's talkers and the usual ones, each once."""
    own = [
        (one.line.baud, one.line.frame)
        for one in search.of(Protocol.LINE)
        if one.talks and one.line is not None
    ]
    usual = [(baud, DEFAULT_FRAME) for baud in _MORE_BAUDS]
    return dict.fromkeys([usual[0], *own, *usual, (FIRST_BAUD, DEFAULT_FRAME), (FIRST_BAUD, "7E1")])


def _note(search: Search, heard: bytes, baud: int, frame: str) -> bool:
    """Note the models whose lines these are; False where they are nobody's."""
    fits = [
        (model, readings)
        for model in search.of(Protocol.NMEA0183, Protocol.LINE)
        if model.talks and values(readings := _read(model, heard))
    ]
    if not fits:
        return False
    most = max(values(readings) for _, readings in fits)
    alike = [one for one in fits if values(one[1]) == most]
    alike.sort(key=lambda one: len(one[0].field))  # the one that makes something of all its fields
    model, readings = alike[0]
    finding = Finding(search.port, model.protocol, baud, frame)
    names = tuple(one.model for one, _ in alike)
    for unit in _units(model, heard):
        search.note(finding, FoundSensor(unit, names, "talks by itself", live(model, readings)))
    return True


def _read(model: SensorModel, heard: bytes) -> list[Reading]:
    talker = NmeaTalker(model) if model.protocol is Protocol.NMEA0183 else LineTalker(model, "")
    readings: list[Reading] = []
    for line in _lines(model, heard):
        try:
            readings += talker.read(line)
        except GatewayError:
            continue
    return readings


def _units(model: SensorModel, heard: bytes) -> Sequence[str]:
    """Find whose lines these are: the units where several speak, else one without a number."""
    if model.protocol is not Protocol.LINE:
        return [""]
    form, units = LineFormat(line_of(model)), set()
    for line in _lines(model, heard):
        try:
            units.add(form.decode(line).get(UNIT_GROUP, ""))
        except GatewayError:
            continue
    return sorted(units) if len(units) > 1 else [""]


def _lines(model: SensorModel, heard: bytes) -> list[bytes]:
    return LineSplitter(ends=ends_of([model])).feed(heard)


def _legible(heard: bytes) -> int:
    return sum(32 <= byte < 127 for byte in heard)
