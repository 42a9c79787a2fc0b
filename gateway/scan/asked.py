"""Instruments that answer in lines when they are asked, and Davis consoles.

They are asked last, what their catalogue entry asks anyway at every reading, once.
"""

from gateway.drivers.davis import DavisDriver
from gateway.drivers.lines import LineAsker, line_of
from gateway.readings import Reading
from gateway.scan.candidates import live, values
from gateway.scan.found import Finding, FoundSensor
from gateway.scan.search import ScanLine, Search
from wire.catalogue import Protocol, SensorModel

DAVIS_BAUD = 19200  # Davis serial manual, "RS-232 Serial Communication"
_CHANNELS = "1234"
_CHANNEL_PLACE = "{address}"


def ask_lines(search: Search) -> bool:
    """Ask each model's question at its own rate, rates that are shared together."""
    asked = [one for one in search.of(Protocol.LINE) if not one.talks]
    rates = dict.fromkeys((line_of(one).baud, line_of(one).frame) for one in asked)
    return any(_ask_at(search, baud, frame, asked) for baud, frame in rates)


def ask_davis(search: Search) -> bool:
    """Look for a Davis console: it is woken by a line feed, and gives one packet."""
    models = search.of(Protocol.DAVIS)
    if not models:
        return False
    search.doing("asking for a Davis console")
    finding = Finding(search.port, Protocol.DAVIS, DAVIS_BAUD)
    answers: dict[bytes, bytes] = {}
    with search.open(DAVIS_BAUD) as line:
        for address in ("", *_CHANNELS):
            own = [one for one in models if _has_channel(one) is bool(address)]
            _note_best(search, finding, address, _davis(line, own, address, answers))
    return bool(finding.sensors)


def _ask_at(search: Search, baud: int, frame: str, asked: list[SensorModel]) -> bool:
    search.doing(f"asking instruments that answer in lines at {baud} baud")
    finding = Finding(search.port, Protocol.LINE, baud, frame)
    own = [one for one in asked if (line_of(one).baud, line_of(one).frame) == (baud, frame)]
    answers: dict[bytes, bytes] = {}
    line = search.open_if_able(baud, frame)
    if line is None:
        return False
    with line:
        fits = [
            (one, readings)
            for one in own
            if values(readings := line.poll_once(LineAsker(one, ""), answers, search.extent.line_s))
        ]
    address = line_of(fits[0][0]).address if fits else ""
    _note_best(search, finding, address, fits)
    return bool(finding.sensors)


def _davis(
    line: ScanLine, models: list[SensorModel], address: str, answers: dict[bytes, bytes]
) -> list[tuple[SensorModel, list[Reading]]]:
    return [
        (one, readings)
        for one in models
        if values(readings := line.poll_once(DavisDriver(one, address), answers))
    ]


def _note_best(
    search: Search, finding: Finding, address: str, fits: list[tuple[SensorModel, list[Reading]]]
) -> None:
    """Note those that make the most of the answer."""
    if not fits:
        return
    most = max(values(readings) for _, readings in fits)
    best = [one for one in fits if values(one[1]) == most]
    model, readings = best[0]
    names = tuple(one.model for one, _ in best)
    search.note(finding, FoundSensor(address, names, "answers in lines", live(model, readings)))


def _has_channel(model: SensorModel) -> bool:
    return any(_CHANNEL_PLACE in (one.key or "") for one in model.field)
