"""The specification a second time, by brute force: each sample looks back over all before it.

Written from the prose of docs/decisions/0031, sharing no code with `server.alerts.machine`: no state
is carried from sample to sample but the level itself.
"""

from dataclasses import dataclass

from server.alerts.condition import Condition, Side


@dataclass(frozen=True)
class Verdict:
    """What must have happened: compare with a Transition by `of`."""

    kind: str
    at_ms: int
    since_ms: int
    level_from: int
    level_to: int
    began_ms: int
    samples: int
    worst: float


def of(transition) -> Verdict:
    return Verdict(
        str(transition.kind),
        transition.at_ms,
        transition.since_ms,
        int(transition.level_from),
        int(transition.level_to),
        transition.began_ms,
        transition.evidence.samples,
        transition.evidence.worst,
    )


def verdicts(condition: Condition, good: list[tuple[int, float]]) -> list[Verdict]:
    """Judge good samples (instant, value), in any order and with repetitions."""
    samples = sorted(dict(reversed(good)).items())
    found, level, began = [], 0, None
    for at, (time_ms, value) in enumerate(samples):
        past = samples[: at + 1]
        if condition.season and not condition.season.holds(time_ms):
            if level:
                found.append(Verdict("ended", time_ms, time_ms, level, 0, began, 1, value))
            level, began = 0, None
            continue
        new, run = target(condition, past, level)
        if new == level:
            continue
        start = began
        if level == 0:
            runs = [run_of(condition, past, one, enter=True) for one in condition.levels]
            start = began = min(one[0][0] for one in runs if one)
        kind = {(True, True): "raised", (True, False): "risen"}.get((new > level, level == 0))
        kind = kind or ("eased" if new else "cleared")
        values = [one for _, one in run]
        worst = min(values) if condition.side is Side.BELOW else max(values)
        found.append(Verdict(kind, time_ms, run[0][0], level, new, start, len(run), worst))
        level, began = new, began if new else None
    return found


def target(condition, past, level):
    """The level after the newest sample, and the run that decided it."""
    for one in reversed(condition.levels):
        run = run_of(condition, past, one, enter=True)
        if one.severity > level and holds_long_enough(condition, run, condition.on_delay_ms):
            return int(one.severity), run
    below = 0
    for one in condition.levels:
        run = run_of(condition, past, one, enter=False)
        if one.severity <= level and holds_long_enough(condition, run, condition.off_delay_ms):
            return below, run
        below = int(one.severity)
    return level, []


def run_of(condition, past, one, *, enter):
    """The unbroken samples up to the newest that are beyond a line, or past where it is left."""
    run = []
    for time_ms, value in reversed(past):
        if condition.season and not condition.season.holds(time_ms):
            break
        if run and run[0][0] - time_ms > condition.silence_ms:
            break
        sign = 1 if condition.side is Side.BELOW else -1
        beyond = sign * value <= sign * one.threshold
        left = sign * value > sign * one.leave
        if not (beyond if enter else left):
            break
        run.insert(0, (time_ms, value))
    return run


def holds_long_enough(condition, run, delay_ms):
    if not run or run[-1][0] - run[0][0] < delay_ms:
        return False
    if condition.interval_ms == 0:
        return True
    expected = (run[-1][0] - run[0][0]) // condition.interval_ms + 1
    return min(1.0, len(run) / expected) >= condition.min_share
