"""How ingest and the watchkeeper use the pure parts, without a database: the protocol to be proven.

Rows are stored; a group that is quiet costs nothing; one that is not is folded from where the stored
machine needs it, or, where some row is late, refolded from the last transition before it. All that
survives a restart is what would be in tables: rows, the machine as JSON, the record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from server.alerts.condition import Condition, Severity
from server.alerts.machine import (
    Machine,
    Transition,
    begin_anew,
    fold,
    machine_from_json,
    needs_from,
    to_json,
)
from server.alerts.quiet import band
from server.alerts.samples import Samples, is_good
from tests.server.alerts.timeline import News, Row, State


@dataclass(frozen=True)
class Entry:
    """A transition in the record; one that is no longer true is superseded, not removed."""

    transition: Transition
    superseded: bool = False


@dataclass
class LazyWatch:
    """One watch; `conditions` are the rules it may be edited to, `name` the one it begins with."""

    conditions: Mapping[str, Condition]
    name: str = "rule"
    stored: dict[int, Row] = field(default_factory=dict)
    machine: str = ""
    base: str = ""  # where a refold may begin at the earliest: the machine when the rule began
    record: list[Entry] = field(default_factory=list)
    told: list[News] = field(default_factory=list)
    folds: int = 0

    def __post_init__(self) -> None:
        self.machine = self.base = json.dumps(to_json(Machine()))

    @property
    def condition(self) -> Condition:
        return self.conditions[self.name]

    def arrive(self, rows: Sequence[Row], now_ms: int = 0) -> None:
        newest_ms = max(self.stored, default=None)
        new = [row for row in rows if row.time_ms not in self.stored]
        self.stored.update({row.time_ms: row for row in new})
        machine = machine_from_json(json.loads(self.machine))
        if all(self._is_quiet(machine, row) for row in new):
            return
        self.folds += 1
        first_ms = min(row.time_ms for row in new)
        if newest_ms is None or first_ms > newest_ms:
            self._fold(machine, first_ms)
        else:
            self._refold(first_ms)

    def restart(self, now_ms: int = 0) -> None:
        """Begin again with nothing but what the tables hold."""
        self.machine = json.dumps(to_json(machine_from_json(json.loads(self.machine))))

    def edit(self, name: str, now_ms: int = 0) -> None:
        self.name = name
        old = machine_from_json(json.loads(self.machine))
        machine, transitions = begin_anew(self.condition, old, self.samples())
        self._keep(machine, transitions)
        self.base = self.machine

    def wait(self, now_ms: int = 0) -> None:
        """Time alone changes nothing here."""

    def news(self) -> list[News]:
        told, self.told = self.told, []
        return told

    def state(self) -> State:
        machine = machine_from_json(json.loads(self.machine))
        return State(Severity(machine.level).name.lower(), machine.since_ms)

    def current(self) -> list[Transition]:
        """Give the record without what turned out not to be true."""
        found = [one.transition for one in self.record if not one.superseded]
        return sorted(found, key=lambda one: one.at_ms)

    def samples(self, from_ms: int | None = None) -> Samples:
        rows = [row for row in self.stored.values() if from_ms is None or row.time_ms >= from_ms]
        return samples_of(rows)

    def _is_quiet(self, machine: Machine, row: Row) -> bool:
        quiet = band(self.condition, machine)
        if not is_good(*_columns([row])[1:])[0]:
            return True
        within = quiet.lower <= float(row.value or 0.0) <= quiet.upper
        return within and quiet.from_ms <= row.time_ms < quiet.until_ms

    def _fold(self, machine: Machine, first_ms: int) -> None:
        samples = self.samples(needs_from(machine, first_ms))
        self._keep(*fold(self.condition, machine, samples))

    def _keep(self, machine: Machine, transitions: Sequence[Transition], how: str = "") -> None:
        self.machine = json.dumps(to_json(machine))
        self.record += [Entry(one) for one in transitions]
        self.told += [_news(one, how) for one in transitions]

    def _refold(self, first_ms: int) -> None:
        before = [one for one in self.current() if one.at_ms < first_ms]
        base = machine_from_json(json.loads(self.base))
        start = before[-1].machine if before else base
        if base.until_ms is not None and (start.until_ms or 0) < base.until_ms:
            start = base
        machine, transitions = fold(self.condition, start, self.samples())
        fresh = {_key(one): one for one in transitions}
        gone = []
        for at, entry in enumerate(self.record):
            mine = entry.transition
            if entry.superseded or mine.at_ms <= (start.until_ms or -1):
                continue
            if fresh.pop(_key(mine), None) is None:
                self.record[at] = replace(entry, superseded=True)
                gone.append(mine)
            else:
                found = next(one for one in transitions if _key(one) == _key(mine))
                self.record[at] = replace(entry, transition=found)
        self.told += [_news(one, "superseded") for one in gone]
        self._keep(machine, list(fresh.values()), "corrected")


def samples_of(rows: Sequence[Row]) -> Samples:
    """Make samples as from the store."""
    return Samples.observed(*_columns(rows))


def _columns(rows: Sequence[Row]):
    return (
        np.array([row.time_ms for row in rows], dtype=np.int64),
        np.array([np.nan if row.value is None else row.value for row in rows], dtype=np.float64),
        np.array([row.quality for row in rows], dtype=np.int32),
    )


def _key(one: Transition) -> tuple[int, str, int]:
    return one.at_ms, one.kind, one.level_to


def _news(one: Transition, how: str) -> News:
    return News(one.kind.value, Severity(one.level_to).name.lower(), one.at_ms, one.since_ms, how)
