"""The series of one sensor: what its windows say becomes observations, and what is remembered."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from gateway.readings import Observation, Reading
from gateway.sampling import memory
from gateway.sampling.memory import Memo, Memory
from gateway.sampling.observations import observe
from gateway.sampling.plan import Plan
from gateway.sampling.windows import Counters, Outcome, counters_of


class Series:
    """Names and memos of one sensor's series; `place` is thing/sensor."""

    def __init__(self, place: str, plan: Plan, kept: Memory) -> None:
        """Recall where counters stood, and what was gathered but not reported."""
        self._place = place
        self._kept = kept
        self._plan = plan
        self._gathering = {
            one.field.property: one.key
            for one in plan.fields
            if one.keeps_all and not one.field.cumulative
        }
        self._unreported: set[str] = set()

    def counters(self) -> Counters:
        """Make the sensor's counters, which go on from where they stood."""
        counters = counters_of(self._plan)
        for key, counter in counters.items():
            memo = memory.read(self._kept.recall(self.name(key)))
            counter.past = memo.past(self._kept.boot_id) if memo else None
        return counters

    def left_over(self) -> list[Reading]:
        """Give what an earlier run took out of a gauge and had not reported when it ended."""
        found = []
        for key, reading_key in self._gathering.items():
            memo = memory.read(self._kept.recall(self.name(key)))
            if memo and memo.gathered:
                self._unreported.add(key)
                found.append(Reading(reading_key, memo.gathered))
        return found

    def gather(self, sums: Iterable[tuple[str, Decimal]], mono_ms: int) -> Mapping[str, str]:
        """Keep what is out of a gauge and not reported yet: a power cut would lose it.

        Gives the memos, by datastream.
        """
        memos = {}
        for key, gathered in sums:
            if key in self._gathering and gathered:
                self._unreported.add(key)
                memo = Memo(self._kept.boot_id, mono_ms, gathered=gathered)
                memos[self.name(key)] = memory.write(memo)
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
        if key in self._unreported:
            self._unreported.discard(key)
            return Memo(boot, slot_ms)
        return None
