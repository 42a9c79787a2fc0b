"""The messages beside batches: inventory, status, receipt and command, as JSON."""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, TypeVar

import msgspec

from wire.errors import ContractError
from wire.topics import MAX_SEQ

# Limits that protect the server from a hostile or broken peer; a real inventory is a few kB.
MAX_MESSAGE_BYTES = 256 * 1024
# What one command may ask for: at 64 in flight some minutes of sending, a list of a few kB.
MAX_RANGES = 500
MAX_RESENT = 10_000
# Ranges in an answer: what does not fit in is asked for again.
MAX_GONE = 2_000
# What is compared at once: up to 4,096 batches, in an answer of at most 7 kB.
MAX_BLOCKS = 128
BLOCK_BATCHES = 32

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}\Z")]
DATASTREAM_NAME = r"^[a-z0-9][a-z0-9_.-]{0,62}/[a-z0-9][a-z0-9_.-]{0,62}/[a-z0-9_]{1,40}\Z"
DatastreamName = Annotated[str, msgspec.Meta(pattern=DATASTREAM_NAME)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Block = tuple[Seq, Seq, Digest]
Ranges = Annotated[list[tuple[Seq, Seq]], msgspec.Meta(max_length=MAX_RANGES)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]


class Message(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message; unknown keys are ignored, so that an older server understands a newer gateway."""


class ClockSource(StrEnum):
    """How a clock was known when it stamped."""

    GNSS = "gnss"
    NTP = "ntp"
    RTC = "rtc"
    FREE = "free"
    UNKNOWN = "unknown"


class GatewayInfo(Message, frozen=True, kw_only=True):
    """The gateway itself."""

    id: str
    software: Text = ""
    hardware: Text = ""


class ThingInfo(Message, frozen=True, kw_only=True):
    """A station: a place where sensors stand. Position in degrees WGS 84, elevation in metres."""

    id: Name
    name: Text
    site: Name
    lat: Latitude | None = None
    lon: Longitude | None = None
    elevation_m: float | None = None


class NoValueInfo(Message, frozen=True, kw_only=True):
    """A value that stands for none, and why."""

    value: float
    reason: Text


class FieldInfo(Message, frozen=True, kw_only=True):
    """What a catalogue says of a series; numbers are in the unit that the series is announced in.

    Outside `span` the instrument cannot have measured; `resolution` is its smallest step.
    """

    property: Text
    span: tuple[float, float] | None = None
    resolution: float | None = None
    no_values: Annotated[list[NoValueInfo], msgspec.Meta(max_length=16)] = []


class SensorInfo(Message, frozen=True, kw_only=True):
    """An instrument at a thing. `installed` is an ISO 8601 date.

    `reference_m` is the distance to the surface below it when it was put up. `since` (ms, UTC) is
    when it first stood there as it is described; left out where no clock could tell. `refused` says
    why the gateway does not read it, which then announces no series of it. `fields` are those of a
    model that only the gateway's own catalogue knows.
    """

    id: Name
    thing: Name
    model: Text
    serial: Text = ""
    firmware: Text = ""
    protocol: Text = ""
    address: Text = ""
    depth_m: float | None = None
    height_m: float | None = None
    installed: Text = ""
    reference_m: float | None = None
    since: int | None = None
    refused: Text = ""
    fields: Annotated[list[FieldInfo], msgspec.Meta(max_length=64)] = []


class DatastreamInfo(Message, frozen=True, kw_only=True):
    """One series: a property of a sensor. `sensor` is `thing/sensor`; unit is a UCUM code."""

    name: DatastreamName
    sensor: Text
    property: Text
    unit: Text
    interval_s: float
    statistic: Text = "last"


class InstallationStep(Message, frozen=True, kw_only=True):
    """One thing that was looked at before leaving; `verdict` is fine, look or failed."""

    about: Text
    verdict: Text
    said: Annotated[str, msgspec.Meta(max_length=1000)]


class Installation(Message, frozen=True, kw_only=True):
    """How a technician left a gateway; `at` is in ms, UTC, `photos` are SHA-256 in hex.

    `clock` says how far `at` can be believed. Photos stay on the gateway's disk: a link may be too
    thin for them.
    """

    at: int
    clock: ClockSource = ClockSource.UNKNOWN
    by: Text
    green: bool
    notes: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    steps: Annotated[list[InstallationStep], msgspec.Meta(max_length=50)] = []
    photos: Annotated[list[Sha256], msgspec.Meta(max_length=50)] = []


class Inventory(Message, frozen=True, kw_only=True):
    """What is attached to a gateway; `rev` grows with each change."""

    rev: int
    gateway: GatewayInfo
    things: Annotated[list[ThingInfo], msgspec.Meta(max_length=200)]
    sensors: Annotated[list[SensorInfo], msgspec.Meta(max_length=2000)]
    datastreams: Annotated[list[DatastreamInfo], msgspec.Meta(max_length=20000)]
    installation: Installation | None = None


class OutboxFigures(Message, frozen=True, kw_only=True):
    """Counts of one epoch: batches sealed, not yet confirmed, refused, and lost unconfirmed.

    `dropped` counts observations that gave way in memory while the disk took nothing: on this disk
    so far, a salvage takes the count along.

    `closed` says that its file was set aside: nothing more of it will be sent. The readings of
    `carried` go on under a newer epoch; above MAX_RANGES the longest ranges are named, for what is
    not named is looked for in the file that was set aside, and that is where it lies as well.
    """

    epoch: str
    sealed: Count = 0
    unconfirmed: Count = 0
    refused: Count = 0
    lost: Count = 0
    dropped: Count = 0
    closed: bool = False
    carried: Ranges = []


class CertificateInfo(Message, frozen=True, kw_only=True):
    """A certificate that a gateway's uplink depends on, and when it ends (ms, UTC).

    `of` is "broker", as the gateway saw it last, or "authority", of the file it trusts.
    """

    of: Text
    ends: int


class Status(Message, frozen=True, kw_only=True):
    """How a gateway is. `state` is "online", or "offline" in its last will; `at` is in ms, UTC.

    It comes every `heartbeat_s` while online. A gateway that keeps to hours or to a byte budget
    goes offline with `resting`, which says why, and `rests_until` (ms, UTC), when it will be back.
    `certificates` are there where its uplink speaks TLS.
    """

    state: str
    at: int | None = None
    software: Text = ""
    clock: ClockSource = ClockSource.UNKNOWN
    outbox: list[OutboxFigures] = []
    uptime_s: float | None = None
    rss_mb: float | None = None
    heartbeat_s: float | None = None
    resting: Text = ""
    rests_until: int | None = None
    certificates: Annotated[list[CertificateInfo], msgspec.Meta(max_length=8)] = []


class Refusal(Message, frozen=True, kw_only=True):
    """A batch that the server keeps but cannot use, and why.

    `taken`: under its number another batch is stored. The gateway sends it again under a new one.
    """

    seq: int
    reason: str
    taken: bool = False


class Receipt(Message, frozen=True, kw_only=True):
    """What the server has committed, as closed ranges of seq, and what it refused."""

    epoch: str
    stored: list[tuple[int, int]] = []
    refused: list[Refusal] = []


class CommandKind(StrEnum):
    """What the server may ask of a gateway."""

    RESEND = "resend"
    COMPARE = "compare"


class Command(Message, frozen=True, kw_only=True):
    """What the server asks of a gateway; a gateway says so when it does not know the kind.

    "resend" asks for the batches of an epoch that are named by closed ranges of seq, also for those
    that were confirmed. With no epoch and no ranges it asks the gateway to send again at once all
    that it has sent and got no receipt for: the broker may have dropped it.

    "compare" asks which batches it counts as unconfirmed among those that the server has stored,
    before it sends them: they may have been carried by hand.
    """

    kind: Text
    epoch: Text = ""
    ranges: Ranges = []


class CommandResult(Message, frozen=True, kw_only=True):
    """What a gateway made of a command; `reason` says why it did not do it.

    For "resend": `again` counts the batches that will be sent, `gone` names those that it no longer
    has. For "compare": `blocks` of consecutive unconfirmed batches, the lowest first, each with its
    first and last number and `block_digest`; `more` when there are others behind them.
    """

    kind: Text
    ok: bool
    reason: Text = ""
    epoch: Text = ""
    again: Count = 0
    gone: Annotated[list[tuple[Seq, Seq]], msgspec.Meta(max_length=MAX_GONE)] = []
    blocks: Annotated[list[Block], msgspec.Meta(max_length=MAX_BLOCKS)] = []
    more: bool = False


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """Write a message as JSON."""
    return msgspec.json.encode(message)


def decode(payload: bytes, kind: type[M]) -> M:
    """Read a message of the given kind; raises ContractError for anything else."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise ContractError(
            f"{kind.__name__.lower()} of {len(payload)} bytes is over {MAX_MESSAGE_BYTES}"
        )
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"not a valid {kind.__name__.lower()}: {error}") from None


def block_digest(digests: Iterable[bytes]) -> str:
    """Give the digest of a block from the SHA-256 of each batch's payload, in order: 32 hex."""
    return sha256(b"".join(digests)).hexdigest()[:32]


def check_ranges(found: list[tuple[int, int]]) -> None:
    """Raise ContractError for a range that names no batch."""
    for first, last in found:
        if not 1 <= first <= last <= MAX_SEQ:
            raise ContractError(f"{first} to {last} is no range of sequence numbers")


def ranges(seqs: list[int]) -> list[tuple[int, int]]:
    """Compress sequence numbers into closed ranges: [3, 1, 2, 7] gives [(1, 3), (7, 7)]."""
    out: list[tuple[int, int]] = []
    for seq in sorted(set(seqs)):
        if out and out[-1][1] == seq - 1:
            out[-1] = (out[-1][0], seq)
        else:
            out.append((seq, seq))
    return out


def joined(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Order closed ranges, those that overlap or touch made one: each number is named once."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(found):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out
