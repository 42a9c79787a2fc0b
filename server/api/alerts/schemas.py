"""Warnings as programs read them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from server.alerts.condition import Severity
from server.alerts.kinds import KINDS
from server.alerts.machine import Change
from server.api.alerts.facts import Surroundings, fact_of, fact_of_change
from server.api.instants import Instant
from server.watch.acting import Act
from server.watch.reading import Acted, Happened, Shown, Standing
from server.words.saying import saying


class SeverityWord(StrEnum):
    """How bad it is."""

    NORMAL = "normal"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


class Soil(BaseModel):
    """The soil that water was reckoned with."""

    texture: str = Field(description="Class of the USDA")
    assumed: bool = Field(description="Nobody has said what the soil is")


class Evidence(BaseModel):
    """Why a level changed; what does not apply is null. Values are in `unit`."""

    model_config = ConfigDict(extra="ignore")

    value: float | None = Field(default=None, description="Of the sample that completed it")
    unit: str | None = Field(default=None, description="UCUM code")
    threshold: float | None = Field(default=None, description="Of the level entered or left")
    leave: float | None = Field(default=None, description="Where that level is left")
    worst: float | None = Field(default=None, description="Furthest on the rule's side")
    share: float | None = Field(default=None, description="Good samples of those expected")
    samples: int | None = Field(default=None, description="Good samples in the run")
    input: str | None = Field(default=None, description="What is judged, such as sample or rise")
    datastream: str | None = None
    datastream_id: int | None = None
    sensor: str | None = None
    property: str | None = None
    depth_m: float | None = None
    height_m: float | None = None
    soil: Soil | None = None
    reason: str | None = Field(default=None, description="Why it ended, where no sample did it")


class Alert(BaseModel):
    """A watch of a rule as it stands; `sentence` says it in English."""

    id: int
    sentence: str
    rule: str = Field(description="The rule's key")
    kind: str
    gateway: str
    site: str | None = Field(description="The site's key; null for what concerns a gateway")
    thing: str | None = Field(description="The thing's key")
    state: Standing = Field(description="Unknown: nothing was measured lately, so nobody can say")
    severity: SeverityWord
    since: Instant | None = Field(description="Since when it is active")
    silent_since: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str | None
    shelved_until: Instant | None
    shelved_by: str | None
    suppressed_by: int | None = Field(description="The warning that explains it: it is not told")
    evidence: Evidence


class AlertChange(BaseModel):
    """A change on record; one with `superseded_at` turned out not to be true by late data."""

    id: int
    sentence: str
    change: Change
    at: Instant = Field(description="Of the sample that completed it")
    since: Instant = Field(description="Of the first sample of the run")
    recorded_at: Instant
    severity_from: SeverityWord
    severity_to: SeverityWord
    corrected: bool = Field(description="Recorded later, because of late data")
    superseded_at: Instant | None
    evidence: Evidence


class AlertAct(BaseModel):
    """What somebody did about a warning."""

    at: Instant
    who: str
    act: Act
    note: str
    until: Instant | None


class AlertDetail(Alert):
    """A warning with what became of it, the newest first, and what people did."""

    history: list[AlertChange]
    acts: list[AlertAct]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


Name = Field(min_length=1, max_length=100, description="Who does it", pattern=r"\S")
Note = Field(default="", max_length=1000, description="Why")


class Acknowledging(_Body):
    """That somebody sees to it."""

    who: str = Name
    note: str = Note


class Commenting(_Body):
    """A remark."""

    who: str = Name
    note: str = Field(min_length=1, max_length=1000, pattern=r"\S")


class Shelving(_Body):
    """That nobody is to be told of it for a while."""

    who: str = Name
    note: str = Note
    until: str = Field(description="An instant within the next 180 days, ISO 8601")


def severity_word(level: int) -> SeverityWord:
    """Give the word of a level."""
    return SeverityWord(Severity(level).name.lower())


def present(shown: Shown, around: Surroundings, now_ms: int) -> Alert:
    """Write a watch as its schema."""
    return Alert(**_standing(shown, around, now_ms))


def present_all(
    shown: Shown, history: list[Happened], acts: list[Acted], around: Surroundings, now_ms: int
) -> AlertDetail:
    """Write a watch with its record."""
    return AlertDetail(
        **_standing(shown, around, now_ms),
        history=[_change(shown, one, around, now_ms) for one in history],
        acts=[
            AlertAct(at=one.at_ms, who=one.who, act=Act(one.act), note=one.note, until=one.until_ms)
            for one in acts
        ],
    )


def _standing(shown: Shown, around: Surroundings, now_ms: int) -> Mapping[str, Any]:
    subject = shown.subject
    is_shelved = shown.shelved_until_ms is not None and shown.shelved_until_ms > now_ms
    return {
        "id": shown.id,
        "sentence": sentence(shown, around, now_ms),
        "rule": subject.rule,
        "kind": subject.kind,
        "gateway": subject.gateway,
        "site": subject.site or None,
        "thing": subject.thing or None,
        "state": shown.standing,
        "severity": severity_word(shown.level),
        "since": shown.since_ms if shown.level else None,
        "silent_since": shown.silent_since_ms,
        "acknowledged_at": shown.acked_at_ms,
        "acknowledged_by": shown.acked_by or None,
        "shelved_until": shown.shelved_until_ms if is_shelved else None,
        "shelved_by": shown.shelved_by if is_shelved else None,
        "suppressed_by": shown.suppressed_by,
        "evidence": Evidence.model_validate(shown.evidence),
    }


def sentence(shown: Shown, around: Surroundings, now_ms: int) -> str:
    """Say how a watch stands; that all is well where it does."""
    if shown.standing is Standing.NORMAL:
        return f"{KINDS[shown.subject.kind].label}: nothing to warn of."
    return saying("en", fact_of(shown, around), now_ms).headline


def _change(shown: Shown, one: Happened, around: Surroundings, now_ms: int) -> AlertChange:
    return AlertChange(
        id=one.id,
        sentence=saying("en", fact_of_change(shown, one, around), now_ms).headline,
        change=one.kind,
        at=one.at_ms,
        since=one.since_ms,
        recorded_at=one.recorded_at_ms,
        severity_from=severity_word(one.level_from),
        severity_to=severity_word(one.level_to),
        corrected=one.corrected,
        superseded_at=one.superseded_at_ms,
        evidence=Evidence.model_validate(one.evidence),
    )
