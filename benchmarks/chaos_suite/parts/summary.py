"""Results added up: the figures, and whether every limit was kept. Pure."""

from collections.abc import Mapping, Sequence

from benchmarks.chaos_suite.parts.result import Result

# In the order in which they are told; the rest follows by name.
COUNTS = ("runs", "sent", "stored", "lost", "duplicated", "wrong")
PEAKS = ("backlog_s", "live_max_s", "gateway_growth_mb")

# What may be reached, and what must be stayed under.
AT_MOST = {"lost": 0, "duplicated": 0, "wrong": 0, "backlog_s": 60, "gateway_growth_mb": 5}
UNDER = {"live_max_s": 2}

_DIGITS = 2


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Add up counts; of times and memory take the most. A peak that nobody measured is absent."""
    counts = dict.fromkeys(COUNTS, 0.0)
    peaks: dict[str, float] = {}
    for one in results:
        for key, value in one.counts.items():
            counts[key] = counts.get(key, 0) + value
        for key, value in one.peaks.items():
            peaks[key] = max(peaks.get(key, value), value)
    told = {key: round(value, _DIGITS) for key, value in (*counts.items(), *peaks.items())}
    order = (*COUNTS, *PEAKS, *sorted(told))
    return {key: _whole(told[key]) for key in dict.fromkeys(order) if key in told}


def broken_limits(told: Mapping[str, float]) -> list[str]:
    """Say which limits the figures break."""
    return [
        *(
            f"{key} {told[key]:g} is over {most}"
            for key, most in AT_MOST.items()
            if told.get(key, 0) > most
        ),
        *(
            f"{key} {told[key]:g} is not under {end}"
            for key, end in UNDER.items()
            if told.get(key, 0) >= end
        ),
    ]


def has_held(results: Sequence[Result]) -> bool:
    """Tell whether there is something, all of it held, and every limit was kept."""
    held = all(one.held for one in results)
    return bool(results) and held and not broken_limits(figures(results))


def table(told: Mapping[str, float]) -> str:
    """Say the figures in one line."""
    return " ".join(f"{key} {value:g}" for key, value in told.items())


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value
