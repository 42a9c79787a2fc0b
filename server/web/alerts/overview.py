"""The page of all warnings as data, sentences first. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from server.alerts.condition import Severity
from server.api.alerts.facts import Surroundings, fact_of
from server.watch.reading import Shown, Standing
from server.web.alerts.texts import Tongue
from server.web.sentences import plural
from server.words.languages import DEFAULT
from server.words.legible import legible
from server.words.phrases import PHRASES
from server.words.saying import Saying, saying

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
    tongue: Tongue

    @property
    def headline(self) -> str:
        """Say how it stands."""
        if self.shown.standing is Standing.NORMAL:
            return self.tongue("fine", name=self.said.name, place=self.said.spot)
        return self.said.headline

    @property
    def words(self) -> str:
        """Say what stands beside the mark."""
        if self.shown.standing is not Standing.UNKNOWN:
            return self.said.severity
        words = [self.tongue("unseen")]
        if self.shown.level:
            words.append(self.tongue("was", severity=self.said.severity))
        return "; ".join(words)

    @property
    def place(self) -> str:
        """Its site, and whose clock its times are by."""
        place = self.said.fact.place
        return f"{place.site}, {self.tongue('times_of', zone=place.zone)}"

    @property
    def rule(self) -> str:
        """Name its rule; the server's own are named after their kind."""
        subject = self.shown.subject
        return self.tongue("rule", rule=legible(self.tongue.say(subject.rule_name) or subject.rule))

    @property
    def zone(self) -> str:
        """Give the time zone of its site."""
        return self.said.fact.place.zone

    def care(self, now_ms: int) -> str:
        """Say who sees to it; "" where nobody does."""
        if self.shown.acked_at_ms is None or not self.shown.level:
            return ""
        ago = self.tongue.ago(now_ms - self.shown.acked_at_ms)
        return self.tongue("sees_to", who=legible(self.shown.acked_by), ago=ago)

    @property
    def aside(self) -> str:
        """Say who put it aside, and until when; "" where nobody did."""
        if not self.is_shelved or self.shown.shelved_until_ms is None:
            return ""
        until = self.tongue.clock(self.shown.shelved_until_ms, self.zone)
        return self.tongue("put_aside", who=legible(self.shown.shelved_by), until=until)


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
    tongue: Tongue

    @property
    def sentence(self) -> str:
        """Say how it is in all, without a full stop."""
        t = self.tongue
        said = [_counted(self.active, t) or t("none_new")]
        places = t.listed(dict.fromkeys(_name(one) for one in self.unseen))
        seen_to, is_english = len(self.seen_to), t.language.code == DEFAULT
        if seen_to:
            counted = t("count_seen_to", count=str(seen_to))
            said.append(f"{plural(seen_to, 'warning')} seen to" if is_english else counted)
        if self.unseen:
            said.append(f"cannot see {places}" if is_english else t("count_unseen", places=places))
        return "; ".join(said)

    @property
    def state(self) -> str:
        """Give the mark that stands for all: the worst that nobody sees to, else what is unseen."""
        if self.active:
            return self.active[0].state
        return "missing" if self.unseen else "fine"


def tell(shown: Shown, around: Surroundings, now_ms: int, tongue: Tongue) -> Told:
    """Put a watch into words."""
    said = saying(tongue.language.code, fact_of(shown, around), now_ms)
    is_unknown = shown.standing is Standing.UNKNOWN
    state = "missing" if is_unknown else _STATES[Severity(shown.level)]
    is_shelved = shown.shelved_until_ms is not None and shown.shelved_until_ms > now_ms
    return Told(shown, said, state, is_shelved, tongue)


def arrange(found: Sequence[Shown], around: Surroundings, now_ms: int, tongue: Tongue) -> Overview:
    """Sort watches into the lists of the page."""
    told = [tell(one, around, now_ms, tongue) for one in found]
    told.sort(key=lambda one: (-one.shown.level, -(one.shown.since_ms or 0), one.shown.id))
    shelved = [one for one in told if one.is_shelved]
    open_ = [one for one in told if not one.is_shelved]
    unknown = [one for one in open_ if one.shown.standing is Standing.UNKNOWN]
    active = [one for one in open_ if one.shown.standing is Standing.ACTIVE]
    return Overview(
        now_ms,
        [one for one in active if one.shown.acked_at_ms is None],
        [one for one in active if one.shown.acked_at_ms is not None],
        _unseen(unknown, tongue),
        shelved,
        tongue,
    )


def _unseen(told: Sequence[Told], tongue: Tongue) -> list[Unseen]:
    def key(one: Told) -> tuple[str, str, str]:
        subject = one.shown.subject
        return subject.site, subject.thing, subject.gateway

    groups = [list(group) for _, group in groupby(sorted(told, key=key), key=key)]
    return [_of_station(group, tongue) for group in groups]


def _of_station(told: Sequence[Told], tongue: Tongue) -> Unseen:
    """Say since when a station was not seen: since the last of its series fell silent."""
    since_ms = max(one.shown.silent_since_ms or 0 for one in told)
    place = told[0].said.fact.place
    name = place.thing or told[0].said.spot
    kinds = sorted({tongue.say(PHRASES[one.shown.subject.kind].name) for one in told})
    listed = tongue.listed(one.lower() for one in kinds)
    return Unseen(tongue("unseen_at", place=name, kinds=listed), since_ms, told)


def _name(one: Unseen) -> str:
    place = one.watches[0].said.fact.place
    return place.thing or place.gateway


_SERIOUS_FIRST = ((3, "serious warning"), (2, "warning"), (1, "notice"))


def _counted(told: Iterable[Told], tongue: Tongue) -> str:
    """Count by severity: "1 serious warning, 2 warnings"; other languages have other plurals."""
    levels = [one.shown.level for one in told]
    there = [(of, word, levels.count(of)) for of, word in _SERIOUS_FIRST if of in levels]
    if tongue.language.code == DEFAULT:
        return ", ".join(plural(count, word) for _, word, count in there)
    return "; ".join(tongue(f"count_{of}", count=str(count)) for of, _, count in there)
