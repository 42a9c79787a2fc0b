"""What the API answers with. Instants are ISO 8601 UTC; a missing number is null, never NaN."""

from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from server.api.instants import Instant
from server.api.problems import Problem
from wire.quality import FLAG_MASK, Test

Item = TypeVar("Item")


class QualityFlag(StrEnum):
    """QARTOD's primary flags, as words."""

    PASS = "pass"  # noqa: S105 - a quality flag
    NOT_EVALUATED = "not_evaluated"
    SUSPECT = "suspect"
    FAIL = "fail"
    MISSING = "missing"


_FLAG_WORDS = {
    1: QualityFlag.PASS,
    3: QualityFlag.SUSPECT,
    4: QualityFlag.FAIL,
    9: QualityFlag.MISSING,
}


def flag_word(quality: int) -> QualityFlag:
    """Read the flag out of a packed quality; what is no flag of ours was never evaluated."""
    return _FLAG_WORDS.get(quality & FLAG_MASK, QualityFlag.NOT_EVALUATED)


def failing_tests(quality: int) -> list[str]:
    """Name the tests that did not pass, such as gross_range."""
    return [str(test.name).lower() for test in Test if quality & test]


class Items(BaseModel, Generic[Item]):
    """A list of resources."""

    items: list[Item]


class Paged(Items[Item], Generic[Item]):
    """A part of a long list."""

    next: str | None = Field(description="Address of the next part; null at the end")


class Site(BaseModel):
    """A restoration site: a group of things."""

    id: int
    key: str
    name: str
    things: int = Field(description="How many things stand there")


class Location(BaseModel):
    """A position: degrees WGS 84, metres."""

    lat: float
    lon: float
    elevation_m: float | None


class Thing(BaseModel):
    """A station: a place where sensors stand."""

    id: int
    key: str
    name: str
    description: str
    site: str = Field(description="The site's key")
    gateway: str
    location: Location | None
    properties: dict[str, Any]


class Datastream(BaseModel):
    """One series: a property of a sensor at a thing, at a fixed interval."""

    id: int
    name: str = Field(description="thing/sensor/property", examples=["dune-1/soil-10cm/vwc"])
    gateway: str
    site: str = Field(description="The site's key")
    thing: int = Field(description="The thing's id")
    thing_key: str
    thing_name: str
    sensor: str = Field(description="The sensor's name at its thing")
    model: str | None = Field(description="The sensor's model")
    depth_m: float | None = Field(description="Depth below ground in metres")
    height_m: float | None = Field(description="Height above ground in metres")
    property: str = Field(description="The observed property's key")
    label: str
    cf_name: str | None = Field(description="CF standard name")
    unit: str = Field(description="UCUM code")
    statistic: str = Field(description="What a value stands for over its interval")
    aggregate: str = Field(description="How values combine over time")
    interval_s: float
    source: int | None = Field(description="The datastream this one is computed from")
    transform: str | None = Field(description="How it is computed, with version")
    unknown: str = Field(
        "", description="Why it cannot be told what it measures: it is stored as it comes"
    )


class Completeness(BaseModel):
    """How much of what was to be expected is there, from an instant to before another."""

    percent: float = Field(description="Rounded down: only what is whole makes 100")
    values: int
    expected: int
    from_: Instant = Field(alias="from")
    to: Instant


class ListedDatastream(Datastream):
    """A datastream, and how complete it is; null where nothing was to be expected yet.

    Counted every minute from what is rolled up; null also for a sensor that has left.
    """

    complete_24h: Completeness | None = Field(None, description="The last 24 whole hours")
    complete_30d: Completeness | None = Field(
        None, description="The last 30 whole days of the site's time zone"
    )


class Latest(Datastream):
    """A datastream and its newest observation; nulls where none has arrived yet."""

    time: Instant | None
    value: float | None = Field(description="Null when missing: reason says why")
    quality: int | None = Field(description="QARTOD flag in the low 4 bits, a bit a test above")
    flag: QualityFlag | None
    tests: list[str] = Field(description="Tests that did not pass")
    reason: str
    received_at: Instant | None


class Reason(BaseModel):
    """Why the value at an index of the columns is missing."""

    index: int
    reason: str


class Observations(BaseModel):
    """Observations of one datastream in columns of equal length, in time order."""

    datastream: int
    name: str
    unit: str
    time: list[Instant]
    value: list[float | None]
    quality: list[int] = Field(description="QARTOD flag in the low 4 bits, a bit a test above")
    reason: list[Reason] = Field(description="Only where a value is missing")
    next: str | None = Field(description="Address of what follows; null when the range is told")


class OutboxFigures(BaseModel):
    """Counts of a gateway's outbox."""

    epoch: str
    sealed: int = 0
    unconfirmed: int = 0
    refused: int = 0
    lost: int = 0
    dropped: int = Field(
        0, description="Observations that gave way in memory while the disk took nothing"
    )


class Certificate(BaseModel):
    """A certificate that a gateway's uplink depends on."""

    of: str = Field(description="broker, or authority: of the gateway's own file")
    ends: Instant


class GatewayStatus(BaseModel):
    """What a gateway last said of itself."""

    software: str = ""
    clock: str = "unknown"
    uptime_s: float | None = None
    rss_mb: float | None = None
    heartbeat_s: float | None = Field(None, description="How often it says so while online")
    resting: str = Field("", description="Why it is offline on purpose: its hours, its byte budget")
    rests_until: Instant | None = None
    certificates: list[Certificate] = Field(
        [], description="What its uplink depends on, where that speaks TLS"
    )
    outbox: list[OutboxFigures] = []


class InstallationStep(BaseModel):
    """One thing that was looked at before leaving."""

    about: str
    verdict: str = Field(description="fine, look or failed")
    said: str


class Installation(BaseModel):
    """How a technician left a gateway; the photos are on its disk, named by their SHA-256."""

    at: Instant
    clock: str = Field("unknown", description="How the gateway's clock was known then")
    by: str
    green: bool = Field(description="Nothing had failed")
    notes: str = ""
    steps: list[InstallationStep] = []
    photos: list[str] = []


class RemarkKind(StrEnum):
    """What became of a series or a sensor that cannot be as its gateway describes it."""

    UNKNOWN = "unknown"
    LEFT_OUT = "left_out"
    NOT_READ = "not_read"
    NOTED = "noted"


class Remark(BaseModel):
    """What there is to say of an inventory."""

    about: str = Field(description="thing/sensor or thing/sensor/property")
    kind: RemarkKind = Field(
        description="unknown: stored as it comes; left_out: its readings stay in the journal; "
        "not_read: by its gateway; noted: taken but for this"
    )
    reason: str


class Gateway(BaseModel):
    """A program at a site that reads sensors and sends batches."""

    id: str
    state: str = Field(description="online, offline or unknown")
    status_at: Instant | None
    status: GatewayStatus
    inventory_rev: int | None
    inventory_at: Instant | None
    first_seen_at: Instant
    sites: list[str] = Field(description="Keys of the sites its things stand at")
    installation: Installation | None = None
    remarks: list[Remark] = Field([], description="What of its inventory cannot be used as told")


class JournalStatus(StrEnum):
    """What became of a batch."""

    STORED = "stored"
    REFUSED = "refused"
    WAITING = "waiting"


class JournalEntry(BaseModel):
    """A batch as it was received; its bytes are under `payload`."""

    id: int
    gateway: str
    topic: str
    epoch: str | None
    seq: int | None
    received_at: Instant
    size: int = Field(description="Bytes of the payload")
    digest: str = Field(description="SHA-256 of the payload, in hex")
    status: JournalStatus
    reason: str
    observations: int = Field(description="How many observations it brought")
    first_time: Instant | None
    last_time: Instant | None
    payload: str = Field(description="Address of the bytes")


class Alive(BaseModel):
    """The process answers."""

    alive: bool = True


class Part(BaseModel):
    """One part that the server needs, and how it is."""

    name: str
    ready: bool
    detail: str


class Readiness(BaseModel):
    """Whether the server can do its work now."""

    ready: bool
    parts: list[Part]


class NotReady(Problem):
    """The server cannot do its work now; `parts` says what is missing."""

    parts: list[Part]
