"""Modbus RTU: which ids answer, and whose registers these are. Reads only, never a write.

Some probes keep silent where others refuse, so silence to one question proves nothing: an id is
asked for a register of every map that is usual at the rate, models that begin alike with one
question together.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from functools import partial

from gateway.buses.serial_port import DEFAULT_FRAME
from gateway.codecs import modbus_rtu
from gateway.drivers.conversation import Ask
from gateway.drivers.modbus import QUIET_S, REPLY_TIMEOUT_S, ModbusDriver, plan
from gateway.errors import FrameError, SensorError
from gateway.readings import Reading
from gateway.scan.candidates import convincing, live, plausible, ranked
from gateway.scan.found import Finding, FoundSensor
from gateway.scan.search import ScanLine, Search
from wire.catalogue import Modbus, Protocol, SensorModel

DAMAGED = "answers damaged: two sensors share this id, or it is set to another parity"
NOT_NAMED = "answers, but there was no time to name it: ask for it alone, --ids {}"
_FIRST = (modbus_rtu.Function.READ_HOLDING, 0)  # where most maps begin
# 9600 and 4800 are what cheap probes are set to; 19200 8E1 is the standard's own (v1.02, 2.5.1).
_USUAL_RATES = (
    (9600, DEFAULT_FRAME),
    (4800, DEFAULT_FRAME),
    (19200, DEFAULT_FRAME),
    (19200, "8E1"),
)


def ask_modbus(search: Search) -> bool:
    """Look at the usual rates and those of the catalogue, until one answers or time is up."""
    until_s = search.monotonic() + search.extent.modbus_limit_s
    rates = _rates(search)
    for at, (baud, frame) in enumerate(rates):
        if search.monotonic() >= until_s:
            left = ", ".join(f"{one} baud {form}" for one, form in rates[at:])
            search.leave_out(f"Modbus at {left}", "name fewer ids: --ids 1-3")
            break
        search.doing(f"asking for Modbus sensors at {baud} baud, {frame}")
        finding = Finding(search.port, Protocol.MODBUS, baud, frame)
        line = search.open_if_able(baud, frame)
        if line is None:
            continue
        with line:
            bus = _Bus(search, line, finding, until_s)
            bus.look_for(search.extent.modbus_ids)
        if finding.sensors:
            bus.tell_damaged()
            return True
        search.doubts += [(finding, _garbled(server)) for server in bus.damaged]
    return False


def _rates(search: Search) -> list[tuple[int, str]]:
    own = [(table.baud, table.frame) for _, table in _models(search)]
    return list(dict.fromkeys([*_USUAL_RATES[:2], *own, *_USUAL_RATES]))


def _models(search: Search) -> Iterator[tuple[SensorModel, Modbus]]:
    for one in search.of(Protocol.MODBUS):
        if one.modbus is not None:
            yield one, one.modbus


def _garbled(server: int) -> FoundSensor:
    return FoundSensor(str(server), (), "answers, and cannot be understood", "", DAMAGED)


class _Bus:
    """The servers that hear one rate."""

    def __init__(self, search: Search, line: ScanLine, finding: Finding, until_s: float) -> None:
        self.damaged: list[int] = []
        self._until_s = until_s
        self._search = search
        self._line = line
        self._finding = finding
        at_rate = [
            one
            for one, table in _models(search)
            if (table.baud, table.frame) == (finding.baud, finding.frame)
        ]
        self._usual = at_rate
        self._others = [one for one, _ in _models(search) if one not in at_rate]
        self._openings = _openings(at_rate)

    def look_for(self, servers: Sequence[int]) -> None:
        """Look for these ids, as long as there is time."""
        for at, server in enumerate(servers):
            if self._is_late():
                left = f"ids {server} to {servers[-1]}" if servers[at + 1 :] else f"id {server}"
                self._search.leave_out(
                    f"Modbus {left} at {self._finding.baud} baud",
                    f"ask for these alone: --ids {server}-{servers[-1]}",
                )
                return
            self._look(server)

    def _is_late(self) -> bool:
        return self._search.monotonic() >= self._until_s

    def _look(self, server: int) -> None:
        """Find out whether anyone has this id, and note which models fit."""
        self._search.doing(f"Modbus id {server} at {self._finding.baud} baud")
        answers: dict[bytes, bytes] = {}
        if any(self._is_there(server, *one) for one in self._openings):
            self._search.note(self._finding, self._named(server, answers))

    def tell_damaged(self) -> None:
        """Note the ids from which nothing but damaged answers came."""
        known = {one.address for one in self._finding.sensors}
        for server in self.damaged:
            if str(server) not in known:
                self._search.note(self._finding, _garbled(server))

    def _is_there(self, server: int, function: int, start: int, count: int) -> bool:
        """Ask for a register; a refusal is an answer too."""
        request = modbus_rtu.read_registers(server, function, start, count)
        until = partial(modbus_rtu.reply_length, request=request)
        begin_s = self._search.extent.modbus_s
        reply = self._line.ask(Ask(request, until, REPLY_TIMEOUT_S, QUIET_S, begin_s))
        try:
            modbus_rtu.parse_registers(reply, request)
        except SensorError:
            return True
        except FrameError:
            if reply and server not in self.damaged:
                self.damaged.append(server)
            return False
        return True

    def _named(self, server: int, answers: MutableMapping[bytes, bytes]) -> FoundSensor:
        """Try the models of this rate and those that cost no question more; else all others."""
        fits = list(self._fits(self._usual, server, answers))
        free = list(self._fits(self._others, server, answers, free=True))
        if not convincing([*fits, *free]):
            free = self._fits_of_others(server, answers)
        best = ranked([*fits, *free], self._finding.baud)
        if not best:
            trouble = NOT_NAMED.format(server) if self._is_late() else ""
            return FoundSensor(str(server), (), "answers by Modbus", "", trouble)
        model, readings = best[0]
        self._expect(model)
        names = tuple(one.model for one, _ in best)
        self._search.doing(f"Modbus id {server}: reads like {model.model}")
        return FoundSensor(str(server), names, "answers by Modbus", live(model, readings))

    def _fits_of_others(
        self, server: int, answers: MutableMapping[bytes, bytes]
    ) -> list[tuple[SensorModel, list[Reading]]]:
        """Try the models of other rates; once one explains the answers, what costs no question.

        Each question that a model has and the probe has not costs a wait: time may be up.
        """
        found: list[tuple[SensorModel, list[Reading]]] = []
        for model in self._others:
            is_free = convincing(found) or self._is_late()
            found += self._fits([model], server, answers, free=is_free)
        return found

    def _expect(self, model: SensorModel) -> None:
        """Try what was found first from here on: most buses have several of a kind."""
        if model in self._others:
            self._others = [model, *(one for one in self._others if one is not model)]

    def _fits(
        self,
        models: Sequence[SensorModel],
        server: int,
        answers: MutableMapping[bytes, bytes],
        *,
        free: bool = False,
    ) -> Iterator[tuple[SensorModel, list[Reading]]]:
        for model in models:
            if free and not all(one in answers for one in _requests(model, server)):
                continue
            driver = ModbusDriver(model, str(server))
            readings = self._line.poll_once(driver, answers, self._search.extent.modbus_s)
            if plausible(model, readings):
                yield model, readings


def _openings(models: Sequence[SensorModel]) -> list[tuple[int, int, int]]:
    """Give function, register and count that each map begins with; most maps begin at 0."""
    widest: dict[tuple[int, int], int] = {_FIRST: 1}
    for model in models:
        block = plan(model)[0]
        first = min(block.fields, key=lambda one: one.register or 0)
        place = block.function, block.start
        widest[place] = max(widest.get(place, 1), modbus_rtu.width(first.type))
    return [(function, start, count) for (function, start), count in widest.items()]


def _requests(model: SensorModel, server: int) -> Iterator[bytes]:
    for one in plan(model):
        yield modbus_rtu.read_registers(server, one.function, one.start, one.count)
