"""The state of a watch, and the fold that makes it out of samples. This is the specification.

`fold` goes through good samples in order of time. What it returns depends on these alone: folding
in one go, in any pieces, or a piece again gives the same. Samples that are not good are no
evidence: they neither raise nor clear. Silence is none of its states.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from server.alerts.condition import Condition, Level, Severity, Side
from server.alerts.samples import Samples


class Change(StrEnum):
    """What a transition is. `lost` and `found` are made by timers, the others by samples."""

    RAISED = "raised"
    RISEN = "risen"
    EASED = "eased"
    CLEARED = "cleared"
    ENDED = "ended"  # out of season, or by another rule: never told as recovered
    LOST = "lost"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class Pending:
    """A run of good samples that want one level entered (above the machine's) or left.

    `good` counts them, `worst` is the value furthest on the rule's side.
    """

    level: Severity
    since_ms: int
    last_ms: int
    good: int
    worst: float


@dataclass(frozen=True, slots=True)
class Machine:
    """The state of a watch after the good sample at `until_ms` (None: before any).

    `since_ms`: where the run began that raised the present episode. `changed_ms`: when the level
    last changed.
    """

    level: Severity = Severity.NORMAL
    since_ms: int | None = None
    changed_ms: int | None = None
    until_ms: int | None = None
    pending: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why the level changed: the sample that completed it, and the run that led there.

    `threshold` and `leave` are those of the level entered or left; `share` is good samples to
    expected ones over the run; `worst` is the run's value furthest on the rule's side.
    """

    value: float
    threshold: float
    leave: float
    since_ms: int
    at_ms: int
    share: float
    samples: int
    worst: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """The level changed, by the sample at `at_ms`, after a run since `since_ms`.

    `began_ms`: where the episode began. `machine` is the state just after: a fold of all later
    samples goes on from it.
    """

    kind: Change
    at_ms: int
    since_ms: int
    level_from: Severity
    level_to: Severity
    began_ms: int
    evidence: Evidence
    machine: Machine


def to_json(state: Machine | Evidence) -> dict[str, Any]:
    """Turn a machine or an evidence into what a JSON column takes."""
    built: dict[str, Any] = msgspec.to_builtins(state)
    return built


def machine_from_json(stored: Mapping[str, Any] | None) -> Machine:
    """Read a machine that was stored (None: a new one)."""
    return Machine() if stored is None else msgspec.convert(stored, Machine)


def fold(
    condition: Condition, machine: Machine, samples: Samples
) -> tuple[Machine, list[Transition]]:
    """Take the samples that are later than the machine's own, one by one."""
    transitions = []
    for time_ms, value in samples.after(machine.until_ms):
        machine, transition = step(condition, machine, time_ms, value)
        if transition is not None:
            transitions.append(transition)
    return machine, transitions


def needs_from(machine: Machine, first_new_ms: int) -> int:
    """Give from when on `fold` needs the samples, for a machine that was stored at an edge.

    While nothing was pending, what was quiet in between is of no account (`server.alerts.quiet`).
    """
    if not machine.pending or machine.until_ms is None:
        return first_new_ms
    return min(machine.until_ms + 1, first_new_ms)


def without_broken(condition: Condition, machine: Machine, now_ms: int) -> Machine:
    """Forget runs that no sample from now on could go on with.

    `fold` does so at the next good sample; where none comes for months (the soil is frozen), what
    it needs would be longer and longer.
    """
    pending = tuple(run for run in machine.pending if now_ms - run.last_ms <= condition.silence_ms)
    return machine if pending == machine.pending else replace(machine, pending=pending)


def step(
    condition: Condition, machine: Machine, time_ms: int, value: float
) -> tuple[Machine, Transition | None]:
    """Take one good sample, later than all before."""
    if not condition.in_season(time_ms):
        return _out_of_season(condition, machine, time_ms, value)
    pending = _runs(condition, machine, time_ms, value)
    machine = replace(machine, until_ms=time_ms, pending=pending)
    complete = [run for run in pending if _is_complete(condition, machine.level, run)]
    if not complete:
        return machine, None
    entered = [run for run in complete if run.level > machine.level]
    if entered:
        return _move(condition, machine, entered[-1], entered[-1].level, value)
    return _move(condition, machine, complete[0], _below(condition, complete[0].level), value)


def _runs(
    condition: Condition, machine: Machine, time_ms: int, value: float
) -> tuple[Pending, ...]:
    """Go on with each level's run that this sample supports; the others are broken."""
    before = {run.level: run for run in machine.pending}
    return tuple(
        _longer(condition, before.get(level.severity), level, time_ms, value)
        for level in condition.levels
        if _supports(condition, machine.level, level, value)
    )


def _supports(condition: Condition, current: Severity, level: Level, value: float) -> bool:
    """Tell whether a sample wants a level entered, or left when we are in it."""
    if level.severity > current:
        return condition.is_beyond(level, value)
    return condition.is_past_leave(level, value)


def _longer(
    condition: Condition, run: Pending | None, level: Level, time_ms: int, value: float
) -> Pending:
    if run is None or time_ms - run.last_ms > condition.silence_ms:
        return Pending(level.severity, time_ms, time_ms, 1, value)
    worse = min if condition.side is Side.BELOW else max
    return replace(run, last_ms=time_ms, good=run.good + 1, worst=worse(run.worst, value))


def _is_complete(condition: Condition, current: Severity, run: Pending) -> bool:
    delay_ms = condition.on_delay_ms if run.level > current else condition.off_delay_ms
    return run.last_ms - run.since_ms >= delay_ms and share(condition, run) >= condition.min_share


def share(condition: Condition, run: Pending) -> float:
    """Give how many of the samples that the interval promises were good in a run, at most 1."""
    if condition.interval_ms <= 0:
        return 1.0
    expected = (run.last_ms - run.since_ms) // condition.interval_ms + 1
    return min(1.0, run.good / expected)


def _below(condition: Condition, severity: Severity) -> Severity:
    """Give the level next below one."""
    milder = [level.severity for level in condition.levels if level.severity < severity]
    return max(milder, default=Severity.NORMAL)


def _move(
    condition: Condition, machine: Machine, run: Pending, target: Severity, value: float
) -> tuple[Machine, Transition]:
    """Change the level by a run that is complete; runs that the new level makes idle end."""
    before = machine.level
    rises = target > before
    began_ms = machine.since_ms
    if began_ms is None:
        began_ms = min(one.since_ms for one in machine.pending)
    kept = tuple(one for one in machine.pending if (one.level > target) == rises)
    after = replace(
        machine,
        level=target,
        since_ms=began_ms if target else None,
        changed_ms=run.last_ms,
        pending=kept,
    )
    evidence = _evidence(condition, run, value)
    return after, Transition(
        kind=_kind(before, target),
        at_ms=run.last_ms,
        since_ms=run.since_ms,
        level_from=before,
        level_to=target,
        began_ms=began_ms,
        evidence=evidence,
        machine=after,
    )


def _kind(before: Severity, target: Severity) -> Change:
    if target > before:
        return Change.RISEN if before else Change.RAISED
    return Change.EASED if target else Change.CLEARED


def _evidence(condition: Condition, run: Pending, value: float, reason: str = "") -> Evidence:
    level = _level_like(condition, run.level)
    return Evidence(
        value=value,
        threshold=level.threshold,
        leave=level.leave,
        since_ms=run.since_ms,
        at_ms=run.last_ms,
        share=share(condition, run),
        samples=run.good,
        worst=run.worst,
        reason=reason,
    )


def _level_like(condition: Condition, severity: Severity) -> Level:
    """Find a level; of an edited rule that has it no longer, the mildest."""
    found = (level for level in condition.levels if level.severity == severity)
    return next(found, condition.levels[0])


def _out_of_season(
    condition: Condition, machine: Machine, time_ms: int, value: float
) -> tuple[Machine, Transition | None]:
    """Forget what was pending, and end an episode silently."""
    idle = replace(machine, until_ms=time_ms, pending=())
    if machine.level == Severity.NORMAL:
        return idle, None
    return end(condition, idle, time_ms, value, "out of season")


def end(
    condition: Condition, machine: Machine, at_ms: int, value: float, reason: str
) -> tuple[Machine, Transition]:
    """End an episode without saying that it is over: the rule no longer asks."""
    run = Pending(machine.level, at_ms, at_ms, 1, value)
    after = Machine(changed_ms=at_ms, until_ms=at_ms)
    return after, Transition(
        kind=Change.ENDED,
        at_ms=at_ms,
        since_ms=at_ms,
        level_from=machine.level,
        level_to=Severity.NORMAL,
        began_ms=at_ms if machine.since_ms is None else machine.since_ms,
        evidence=_evidence(condition, run, value, reason),
        machine=after,
    )


def begin_anew(
    condition: Condition, old: Machine, samples: Samples, reason: str = "rule changed"
) -> tuple[Machine, list[Transition]]:
    """Judge the record anew after the rule was edited; at most one transition comes of it.

    `samples` go back to before the present episode began. Where the level stays, so does the
    episode. One that the new rule does not see is ended, not cleared.
    """
    machine, made = fold(condition, Machine(), samples)
    if machine.level == old.level:
        return replace(machine, since_ms=old.since_ms, changed_ms=old.changed_ms), []
    if machine.level == Severity.NORMAL:
        return _ended_anew(condition, old, machine, samples, reason)
    last = next(one for one in reversed(made) if one.level_to == machine.level)
    began_ms = last.began_ms if old.since_ms is None else old.since_ms
    machine = replace(machine, since_ms=began_ms)
    return machine, [
        replace(
            last,
            kind=_kind(old.level, machine.level),
            level_from=old.level,
            began_ms=began_ms,
            evidence=replace(last.evidence, reason=reason),
            machine=machine,
        )
    ]


def _ended_anew(
    condition: Condition, old: Machine, machine: Machine, samples: Samples, reason: str
) -> tuple[Machine, list[Transition]]:
    """End an episode at the newest good sample; what the new rule has pending goes on."""
    at_ms, value = samples.newest_good() or (old.changed_ms or 0, condition.levels[0].leave)
    _, transition = end(condition, old, at_ms, value, reason)
    after = replace(machine, changed_ms=at_ms)
    return after, [replace(transition, machine=after)]
