"""The page of all warnings as data, sentences first. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS
from server.api.alerts.facts import Surroundings, fact_of
from server.watch.reading import Shown, Standing
from server.web.sentences import listed, plural
from server.words.saying import Saying, saying

_LANGUAGE = "en"
_STATES = {
    Severity.NORMAL: "fine",
    Severity.NOTICE: "suspect",
    Severity.WARNING: "suspect",
    Severity.CRITICAL: "failed",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A watch with what is said of it; `state` is the mark that stands beside."""

    shown: Shown
    said: Saying
    state: str
    is_shelved: bool

    @property
    def headline(self) -> str:
        """Say how it stands."""
        if self.shown.standing is Standing.NORMAL:
            return f"{self.said.name}, {self.said.spot}: nothing to warn of now."
        return self.said.headline

    @property
    def words(self) -> str:
        """Say what stands beside the mark."""
        if self.shown.standing is Standing.UNKNOWN:
            was = f"; was: {self.said.severity}" if self.shown.level else ""
            return f"cannot see{was}"
        return self.said.severity

    @property
    def place(self) -> str:
        """Its site, and whose clock its times are by."""
        place = self.said.fact.place
        return f"{place.site}, times of {place.zone}"


@dataclass(frozen=True, slots=True)
class Unseen:
    """A station, or a gateway, of which nothing is known now."""

    sentence: str
    since_ms: int
    watches: Sequence[Told]


@dataclass(frozen=True, slots=True)
class Overview:
    """Each watch stands in one of the lists, the worst first."""

    now: int
    active: Sequence[Told]
    seen_to: Sequence[Told]
    unseen: Sequence[Unseen]
    shelved: Sequence[Told]

    @property
    def sentence(self) -> str:
        """Say how it is in all, without a full stop."""
        said = _counted(self.active) or "Nothing new to warn of"
        if self.seen_to:
            said += f"; {plural(len(self.seen_to), 'warning')} seen to"
        if self.unseen:
            said += f"; cannot see {listed([_name(one) for one in self.unseen])}"
        return said


def tell(shown: Shown, around: Surroundings, now_ms: int) -> Told:
    """Put a watch into words."""
    said = saying(_LANGUAGE, fact_of(shown, around), now_ms)
    is_unknown = shown.standing is Standing.UNKNOWN
    state = "missing" if is_unknown else _STATES[Severity(shown.level)]
    is_shelved = shown.shelved_until_ms is not None and shown.shelved_until_ms > now_ms
    return Told(shown, said, state, is_shelved)


def arrange(found: Sequence[Shown], around: Surroundings, now_ms: int) -> Overview:
    """Sort watches into the lists of the page."""
    told = [tell(one, around, now_ms) for one in found]
    told.sort(key=lambda one: (-one.shown.level, -(one.shown.since_ms or 0), one.shown.id))
    shelved = [one for one in told if one.is_shelved]
    open_ = [one for one in told if not one.is_shelved]
    unknown = [one for one in open_ if one.shown.standing is Standing.UNKNOWN]
    active = [one for one in open_ if one.shown.standing is Standing.ACTIVE]
    return Overview(
        now_ms,
        [one for one in active if one.shown.acked_at_ms is None],
        [one for one in active if one.shown.acked_at_ms is not None],
        _unseen(unknown),
        shelved,
    )


def _unseen(told: Sequence[Told]) -> list[Unseen]:
    def key(one: Told) -> tuple[str, str, str]:
        subject = one.shown.subject
        return subject.site, subject.thing, subject.gateway

    groups = [list(group) for _, group in groupby(sorted(told, key=key), key=key)]
    return [_of_station(group) for group in groups]


def _of_station(told: Sequence[Told]) -> Unseen:
    """Say since when a station was not seen: since the last of its series fell silent."""
    since_ms = max(one.shown.silent_since_ms or 0 for one in told)
    place = told[0].said.fact.place
    name = place.thing or f"gateway {place.gateway}"
    kinds = sorted({KINDS[one.shown.subject.kind].label.lower() for one in told})
    return Unseen(f"We cannot see {listed(kinds)} at {name}", since_ms, told)


def _name(one: Unseen) -> str:
    place = one.watches[0].said.fact.place
    return place.thing or place.gateway


def _counted(told: Iterable[Told]) -> str:
    """Count by severity: "1 serious warning, 2 warnings"."""
    levels = [one.shown.level for one in told]
    words = ((3, "serious warning"), (2, "warning"), (1, "notice"))
    return ", ".join(plural(levels.count(of), word) for of, word in words if of in levels)
