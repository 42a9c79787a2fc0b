"""The messages beside batches: inventory, status and receipt, as JSON."""

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from wire.errors import ContractError

# Limits that protect the server from a hostile or broken peer; a real inventory is a few kB.
MAX_MESSAGE_BYTES = 256 * 1024

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}\Z")]
DatastreamName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}/[a-z0-9][a-z0-9_.-]{0,62}/[a-z0-9_]{1,40}\Z"),
]
Text = Annotated[str, msgspec.Meta(max_length=200)]
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


class SensorInfo(Message, frozen=True, kw_only=True):
    """An instrument at a thing. `installed` is an ISO 8601 date."""

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


class DatastreamInfo(Message, frozen=True, kw_only=True):
    """One series: a property of a sensor. `sensor` is `thing/sensor`; unit is a UCUM code."""

    name: DatastreamName
    sensor: Text
    property: Text
    unit: Text
    interval_s: float
    statistic: Text = "last"


class Inventory(Message, frozen=True, kw_only=True):
    """What is attached to a gateway; `rev` grows with each change."""

    rev: int
    gateway: GatewayInfo
    things: Annotated[list[ThingInfo], msgspec.Meta(max_length=200)]
    sensors: Annotated[list[SensorInfo], msgspec.Meta(max_length=2000)]
    datastreams: Annotated[list[DatastreamInfo], msgspec.Meta(max_length=20000)]


class OutboxFigures(Message, frozen=True, kw_only=True):
    """Counts of one epoch: batches sealed, not yet confirmed, refused, and observations lost."""

    epoch: str
    sealed: int = 0
    unconfirmed: int = 0
    refused: int = 0
    lost: int = 0


class Status(Message, frozen=True, kw_only=True):
    """How a gateway is. `state` is "online", or "offline" in its last will; `at` is in ms, UTC."""

    state: str
    at: int | None = None
    software: Text = ""
    clock: ClockSource = ClockSource.UNKNOWN
    outbox: list[OutboxFigures] = []
    uptime_s: float | None = None
    rss_mb: float | None = None


class Refusal(Message, frozen=True, kw_only=True):
    """A batch that the server keeps but cannot use, and why."""

    seq: int
    reason: str


class Receipt(Message, frozen=True, kw_only=True):
    """What the server has committed, as closed ranges of seq, and what it refused."""

    epoch: str
    stored: list[tuple[int, int]] = []
    refused: list[Refusal] = []


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


def ranges(seqs: list[int]) -> list[tuple[int, int]]:
    """Compress sequence numbers into closed ranges: [3, 1, 2, 7] gives [(1, 3), (7, 7)]."""
    out: list[tuple[int, int]] = []
    for seq in sorted(set(seqs)):
        if out and out[-1][1] == seq - 1:
            out[-1] = (out[-1][0], seq)
        else:
            out.append((seq, seq))
    return out
