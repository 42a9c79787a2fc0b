"""The series of one sensor: what its windows say becomes observations, and what is remembered."""

from collections.abc import Iterable, Mapping

from gateway.readings import Observation
from gateway.sampling import memory
from gateway.sampling.memory import Memo, Memory
from gateway.sampling.observations import observe
from gateway.sampling.plan import Plan
from gateway.sampling.windows import Asked, Counters, Gathered, Outcome, counters_of


class Series:
    """Names and memos of one sensor's series; `place` is thing/sensor."""

    def __init__(self, place: str, plan: Plan, kept: Memory) -> None:
        """Recall where counters stood, and what was gathered but not reported."""
        self._place = place
        self._kept = kept
        self._plan = plan
        self._gathering = {
            one.field.property for one in plan.fields if one.keeps_all and not one.field.cumulative
        }
        self._unreported: set[str] = set()

    def counters(self) -> Counters:
        """Make the sensor's counters, which go on from where they stood."""
        counters = counters_of(self._plan)
        for key, counter in counters.items():
            memo = memory.read(self._kept.recall(self.name(key)))
            counter.past = memo.past(self._kept.boot_id) if memo else None
        return counters

    def asked(self) -> Asked:
        """Tell when its gauges were last asked, where that was since the machine started."""
        found = {}
        for key in self._gathering:
            memo = memory.read(self._kept.recall(self.name(key)))
            if memo and memo.boot == self._kept.boot_id:
                found[key] = memo.mono_ms
        return found

    def left_over(self) -> list[Gathered]:
        """Give what an earlier run took out of a gauge and had not reported when it ended."""
        found = []
        for key in self._gathering:
            memo = memory.read(self._kept.recall(self.name(key)))
            if memo and memo.gathered:
                self._unreported.add(key)
                found.append(Gathered(key, memo.gathered, memo.covered_ms))
        return found

    def gather(self, sums: Iterable[Gathered], mono_ms: int) -> Mapping[str, str]:
        """Keep what is out of a gauge and not reported yet: a power cut would lose it.

        Gives the memos, by datastream.
        """
        memos = {}
        for one in sums:
            if one.property in self._gathering and one.value:
                self._unreported.add(one.property)
                asked_ms = mono_ms if one.asked_ms is None else one.asked_ms
                memo = Memo(self._kept.boot_id, asked_ms, None, one.value, one.covered_ms)
                memos[self.name(one.property)] = memory.write(memo)
        if memos:
            self._kept.keep(memos)
        return memos

    def observe(self, outcome: Outcome, slot_ms: int, reason: str = "") -> Observation:
        """Make the observation of a slot; `reason` goes before the window's own."""
        key = outcome.field.property
        why = reason or outcome.reason
        one = observe(self.name(key), slot_ms, outcome.value, why, outcome.flag)
        memo = self._memo(outcome, slot_ms)
        return one if memo is None else one.remembering(memory.write(memo))

    def name(self, key: str) -> str:
        """Name the datastream of a property."""
        return f"{self._place}/{key}"

    def _memo(self, outcome: Outcome, slot_ms: int) -> Memo | None:
        key, boot = outcome.field.property, self._kept.boot_id
        if outcome.past is not None:
            return Memo(boot, outcome.past.mono_ms or 0, reading=outcome.past.value)
        if key in self._gathering and outcome.asked_ms is not None:
            self._unreported.discard(key)
            return Memo(boot, outcome.asked_ms)
        if key in self._unreported:
            self._unreported.discard(key)
            return Memo("", slot_ms)  # this boot has not asked it yet
        return None
