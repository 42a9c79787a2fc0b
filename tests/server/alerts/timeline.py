"""A tiny language for what happens to a watch, and what must be told of it.

    10:00-16:00 dry             samples at each interval, both ends included, one after the other
    16:00 expect raised warning since 10:00
    16:10 gap                   nothing comes (a remark)
    17:00 dry suspect           flags: suspect, failed, missing, unevaluated, clock-unknown, future
    18:00 late 12:00-13:00 wet  what was measured earlier arrives now
    18:10 again 10:00-16:00     the same rows are delivered once more
    18:20 restart               all that was in memory is gone
    18:30 rule strict           from now on the rule is another one, by name
    18:40 expect normal         the state: normal, notice, warning, critical, unknown
    18:40 expect warning since 10:00
    day 2 06:00 wet             days count from 1; without one, it is the day of the line above
    06:00 expect cleared since 03:00     a transition, made at 06:00 (or: `at 05:00`)
    06:00 expect corrected cleared at 05:00     ... found by late data; or `superseded`
    06:00 expect nothing        no transition that was not expected yet

A number is a value itself; words are those of `WORDS`. Every transition must be expected, in order:
one that is not fails the timeline where the next expectation stands, or at its end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wire.quality import Flag, Test, pack

START_MS = 1_780_272_000_000  # 2026-06-01T00:00:00Z
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WORDS = {"dry": 0.4, "parched": 0.05, "moist": 0.55, "wet": 0.8}
STATES = ("normal", "notice", "warning", "critical", "unknown")
FLAGS = {
    "suspect": pack(Flag.SUSPECT, Test.GROSS_RANGE),
    "failed": pack(Flag.FAIL, Test.GROSS_RANGE),
    "missing": pack(Flag.MISSING),
    "unevaluated": pack(Flag.NOT_EVALUATED),
    "clock-unknown": pack(Flag.SUSPECT, Test.CLOCK_UNKNOWN),
    "future": pack(Flag.SUSPECT, Test.FUTURE_TIME),
}

_CLOCK = r"(\d\d):(\d\d)"
_LINE = re.compile(rf"(?:day (\d+) +)?({_CLOCK}(?:-{_CLOCK})?) +(.+)")
_SPAN = re.compile(rf"{_CLOCK}(?:-{_CLOCK})?")
_NEWS = re.compile(
    rf"(?:(corrected|superseded) )?(raised|risen|eased|cleared|ended|lost|found)(?: (\w+))??"
    rf"(?: at (?:day (\d+) )?({_CLOCK}))?(?: since (?:day (\d+) )?({_CLOCK}))?"
)
_STATE = re.compile(rf"({'|'.join(STATES)})(?: since (?:day (\d+) )?({_CLOCK}))?")


@dataclass(frozen=True)
class Row:
    """One observation as the store gets it; `value` is None when it is missing."""

    time_ms: int
    value: float | None
    quality: int


@dataclass(frozen=True)
class News:
    """A transition as it came into the record; `how` is "", corrected or superseded."""

    kind: str
    level_to: str
    at_ms: int
    since_ms: int
    how: str = ""

    def __str__(self) -> str:
        return (
            f"{self.how} {self.kind} {self.level_to} at {clock(self.at_ms)}"
            f" since {clock(self.since_ms)}".strip()
        )


@dataclass(frozen=True)
class State:
    """How a watch stands; `word` is one of STATES."""

    word: str
    since_ms: int | None = None


class Watched(Protocol):
    """What a timeline is played to: a watch on a real database, or the pure protocol."""

    def arrive(self, rows: Sequence[Row], now_ms: int) -> None: ...

    def restart(self, now_ms: int) -> None: ...

    def edit(self, rule: str, now_ms: int) -> None: ...

    def wait(self, now_ms: int) -> None:
        """Let timers run: nothing came until now."""

    def news(self) -> Sequence[News]:
        """Give the transitions that were recorded since this was asked last."""

    def state(self) -> State: ...


@dataclass(frozen=True)
class Event:
    """One line, with its instants; a span is many instants."""

    line: str
    times_ms: tuple[int, ...]
    words: str
    day: int


@dataclass
class Player:
    """Plays a timeline; `interval_ms` is the series' own, `batch` how many samples come at once."""

    watched: Watched
    interval_ms: int = HOUR_MS
    batch: int = 1
    restarts: bool = False  # lose the memory after every delivery
    sent: dict[int, Row] = field(default_factory=dict)
    unclaimed: list[News] = field(default_factory=list)

    def play(self, text: str) -> None:
        for event in read(text, self.interval_ms):
            try:
                self._do(event)
            except AssertionError as error:
                raise AssertionError(f"{event.line}: {error}") from None
        self._listen()
        assert self.unclaimed == [], f"told, but not expected: {listed(self.unclaimed)}"

    def _do(self, event: Event) -> None:
        verb, _, rest = event.words.partition(" ")
        now_ms = event.times_ms[-1]
        if verb == "expect":
            self._listen()
            self._expect(rest, event)
        elif verb == "restart":
            self.watched.restart(now_ms)
        elif verb == "rule":
            self.watched.edit(rest, now_ms)
        elif verb == "gap":
            self.watched.wait(now_ms)
        elif verb == "late":
            span, _, what = rest.partition(" ")
            self._deliver(rows(instants(span, event.day, self.interval_ms), what), now_ms)
        elif verb == "again":
            times = instants(rest, event.day, self.interval_ms)
            self._deliver([self.sent[one] for one in times if one in self.sent], now_ms)
        else:
            self._deliver(rows(event.times_ms, event.words))

    def _deliver(self, due: Sequence[Row], now_ms: int | None = None) -> None:
        for first in range(0, len(due), self.batch):
            some = due[first : first + self.batch]
            self.sent.update({row.time_ms: row for row in some if row.time_ms not in self.sent})
            arrived_ms = some[-1].time_ms if now_ms is None else now_ms
            self.watched.arrive(some, arrived_ms)
            if self.restarts:
                self.watched.restart(arrived_ms)

    def _listen(self) -> None:
        self.unclaimed += self.watched.news()

    def _expect(self, wanted: str, event: Event) -> None:
        if wanted == "nothing":
            assert self.unclaimed == [], f"told, but not expected: {listed(self.unclaimed)}"
        elif found := _STATE.fullmatch(wanted):
            self._expect_state(found, event)
        else:
            found = _NEWS.fullmatch(wanted)
            assert found, f"'{wanted}' is no expectation"
            self._expect_news(found, event)

    def _expect_state(self, found: re.Match[str], event: Event) -> None:
        state = self.watched.state()
        assert state.word == found[1], f"it is {state.word}"
        if found[3]:
            assert state.since_ms is not None, "it has not begun"
            since = clock(state.since_ms)
            wanted = clock(_instant(found[3], _day(found[2], event)))
            assert since == wanted, f"it is so since {since}"

    def _expect_news(self, found: re.Match[str], event: Event) -> None:
        how, kind, level, at_day, at, _, _, since_day, since = found.groups()[:9]
        assert self.unclaimed, "nothing was told"
        told = self.unclaimed.pop(0)
        at_ms = _instant(at, _day(at_day, event)) if at else event.times_ms[-1]
        said = f"told was: {told}"
        assert (told.how, told.kind) == (how or "", kind), said
        assert clock(told.at_ms) == clock(at_ms), said
        assert level is None or told.level_to == level, said
        if since:
            assert clock(told.since_ms) == clock(_instant(since, _day(since_day, event))), said


def read(text: str, interval_ms: int) -> Iterator[Event]:
    """Read the lines of a timeline; what begins with # is a remark."""
    day = 1
    for line in (one.strip() for one in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        assert found, f"'{line}' is no line of a timeline"
        day = int(found[1] or day)
        yield Event(line, instants(found[2], day, interval_ms), found[7], day)


def instants(span: str, day: int, interval_ms: int) -> tuple[int, ...]:
    """Give the instants of `10:00` or `10:00-16:00`."""
    first, _, last = span.partition("-")
    begin_ms = _instant(first, day)
    end_ms = _instant(last, day) if last else begin_ms
    return tuple(range(begin_ms, end_ms + 1, interval_ms))


def rows(times_ms: Sequence[int], words: str) -> list[Row]:
    """Make rows such as `dry`, `0.31 suspect` or `missing`."""
    value: float | None = None
    quality = pack(Flag.PASS)
    for word in words.split():
        if word in FLAGS:
            quality = FLAGS[word]
        else:
            value = WORDS[word] if word in WORDS else float(word)
    return [Row(one, value, quality) for one in times_ms]


def clock(time_ms: int) -> str:
    """Write an instant as timelines do."""
    day, within = divmod(time_ms - START_MS, DAY_MS)
    return f"day {day + 1} {within // HOUR_MS:02}:{within % HOUR_MS // MINUTE_MS:02}"


def listed(news: Sequence[News]) -> str:
    return "; ".join(str(one) for one in news)


def _instant(text: str, day: int) -> int:
    hours, minutes = text.split(":")
    return START_MS + (day - 1) * DAY_MS + int(hours) * HOUR_MS + int(minutes) * MINUTE_MS


def _day(text: str | None, event: Event) -> int:
    return int(text) if text else event.day
