"""Payloads that no gateway would send, and true ones sent again. Pure, given its chances.

Nothing here uses a sequence number that a gateway will use: far-away ones only, and those that are
stored already. What is well-formed carries instants before `FORGED_BEFORE_MS`, so that an audit can
tell it from readings.
"""

import bz2
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import NamedTuple

from benchmarks.chaos_suite.tally import FORGED_BEFORE_MS
from wire import batch, topics
from wire.batch import MAX_COMPRESSED_BYTES, MAX_JSON_BYTES, MAX_VALUES, Sample
from wire.messages import ClockSource

_FAR_SEQ = 10**15
_BURST = 40


class Message(NamedTuple):
    """Something to publish."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Victim:
    """A gateway whose name is abused: what can be learnt from its outbox.

    `confirmed` are batches the server has stored already, with their bytes. `may_forget`: it may
    lose them again, and then would take another batch that comes under such a number.
    """

    gateway: str
    epoch: str
    datastreams: Sequence[str]
    confirmed: Sequence[tuple[int, bytes]] = ()
    may_forget: bool = False


def burst(victim: Victim, rng: Random) -> list[Message]:
    """Make some dozens of bad messages, in any order."""
    return [_one(victim, rng) for _ in range(_BURST)]


def _one(victim: Victim, rng: Random) -> Message:
    make = rng.choice((_malformed, _malformed, _forged, _again, _twin, _misdirected, _babble))
    return make(victim, rng)


def _far(victim: Victim, rng: Random) -> str:
    return topics.batch(victim.gateway, victim.epoch, _FAR_SEQ + rng.getrandbits(40))


def _malformed(victim: Victim, rng: Random) -> Message:
    """Make no batch at all, under the gateway's own name and epoch."""
    return Message(_far(victim, rng), rng.choice(_BODIES)(rng))


def _forged(victim: Victim, rng: Random) -> Message:
    """Make a faultless batch that the gateway never sealed, with values of long ago."""
    name = rng.choice(victim.datastreams or ["dune-1/ghost/vwc_raw"])
    samples = [Sample(rng.randrange(FORGED_BEFORE_MS), Decimal(rng.randrange(10**6)).scaleb(-2))]
    return Message(_far(victim, rng), batch.encode(ClockSource.NTP, {name: samples}))


def _again(victim: Victim, rng: Random) -> Message:
    """Send a true batch once more, late and out of order, as a broker may deliver it."""
    if not victim.confirmed:
        return _forged(victim, rng)
    seq, payload = rng.choice(victim.confirmed)
    return Message(topics.batch(victim.gateway, victim.epoch, seq), payload)


def _twin(victim: Victim, rng: Random) -> Message:
    """Send another batch under the number of one that is stored."""
    if not victim.confirmed or victim.may_forget:
        return _malformed(victim, rng)
    seq, _ = rng.choice(victim.confirmed)
    forged = _forged(victim, rng)
    return Message(topics.batch(victim.gateway, victim.epoch, seq), forged.payload)


def _misdirected(victim: Victim, rng: Random) -> Message:
    """Send a faultless batch under names that are wrong: a stranger's, another epoch's, no name."""
    payload = _forged(victim, rng).payload
    topic = rng.choice(
        (
            topics.batch("stranger", "deadbeef01", 1 + rng.getrandbits(20)),
            topics.batch(victim.gateway, "deadbeef01", 1 + rng.getrandbits(20)),
            topics.batch(victim.gateway, victim.epoch, 0),
            topics.batch(victim.gateway, victim.epoch, 2**63),
            topics.batch(victim.gateway, "../../etc", 1),
            topics.batch("No-Gateway_", victim.epoch, 1),
            f"{topics.ROOT}/{victim.gateway}/batch/{victim.epoch}/first",
        )
    )
    return Message(topic, payload)


def _babble(victim: Victim, rng: Random) -> Message:
    """Send a status or inventory that cannot be read."""
    topic = rng.choice((topics.status(victim.gateway), topics.inventory(victim.gateway)))
    return Message(topic, rng.choice(_MESSAGES))


_MESSAGES = (
    b"",
    b"\xff\xfe\x00",
    b"[]",
    b"{",
    b'{"state":"on fire"}',
    b'{"state":"online","at":99999999999999999999}',
    b'{"state":"online","at":1e400}',
    b'{"rev":1,"gateway":{"id":"x"},"things":[{"id":"../x"}],"sensors":[],"datastreams":[]}',
    b'{"rev":1,"gateway":{"id":"a\\u0000b"},"things":[],"sensors":[],"datastreams":[]}',
    b"[" * 100_000,
)


def _ready(payload: bytes) -> Callable[[Random], bytes]:
    return lambda _: payload


def _packed(text: str) -> Callable[[Random], bytes]:
    return _ready(zlib.compress(text.encode("utf-8", "surrogatepass")))


def _series(fields: str) -> Callable[[Random], bytes]:
    return _packed(f'{{"v":1,"clock":"ntp","s":[{{"n":"dune-1/soil-10cm/vwc_raw",{fields}}}]}}')


def _noise(rng: Random) -> bytes:
    return rng.randbytes(rng.randrange(1, 2000))


def _torn(rng: Random) -> bytes:
    whole = batch.encode(ClockSource.NTP, {"a/b/c": [Sample(1, Decimal(1)), Sample(2, None)]})
    return whole[: rng.randrange(len(whole))]


def _flipped(rng: Random) -> bytes:
    whole = bytearray(batch.encode(ClockSource.NTP, {"a/b/c": [Sample(1, Decimal(1))]}))
    whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    return bytes(whole)


def _too_large(rng: Random) -> bytes:
    return rng.randbytes(MAX_COMPRESSED_BYTES + 1)


_BODIES: tuple[Callable[[Random], bytes], ...] = (
    lambda _: b"",
    lambda _: b"no batch at all",
    _noise,
    _torn,
    _flipped,
    _too_large,
    _packed(" " * (MAX_JSON_BYTES + 1)),  # a bomb: 4 kB that would unpack to over 4 MB
    _ready(bz2.compress(bytes(2 * MAX_JSON_BYTES))),  # 48 bytes, to 8 MB
    lambda rng: b"BZh9" + rng.randbytes(60),
    lambda rng: bz2.compress(b'{"v":1,"s":[]}' * 9)[: rng.randrange(3, 40)],
    _packed("null"),
    _packed("[" * 100_000),
    _packed('{"v":1}'),
    _packed('{"v":99,"s":[]}'),
    _packed('{"v":1,"s":[],"clock":"sundial"}'),
    _packed('{"v":1,"s":[{"n":"\\u0000/b/c","t":[1,1,1],"d":[1]}]}'),
    _packed('{"v":1,"s":[{"n":"a/b/c; DROP TABLE journal","t":[1,1,1],"d":[1]}]}'),
    _packed('{"v":1,"s":[{"n":"\ud800/b/c","t":[1,1,1],"d":[1]}]}'),
    _series('"t":[1,1,2],"d":[1]'),
    _series('"t":[1,[0]],"d":[1,2]'),
    _series('"t":[-1,1,1],"d":[1]'),
    _series('"t":[9223372036854775807,1,2],"d":[1,2]'),
    _series('"t":[1,1,1],"d":[NaN]'),
    _series('"t":[1,1,1],"d":[1e999]'),
    _series('"t":[1,1,1],"d":[9007199254740993]'),
    _series('"t":[1,1,1],"e":400,"d":[1]'),
    _series('"t":[1,1,1],"d":[1],"q":[[7,1]]'),
    _series('"t":[1,1,1],"d":[1],"q":[[1,-1],[1,2]]'),
    _series('"t":[1,1,1],"d":[1],"m":[[0,"x"]]'),
    _series('"t":[1,1,1],"d":[null],"m":[[5,"x"]]'),
    _series('"t":[1,1,1],"d":[null],"m":[[0,"\\u0000"]]'),
    _series(f'"t":[1,1,{MAX_VALUES + 1}],"d":[{"0," * MAX_VALUES}0]'),
)
