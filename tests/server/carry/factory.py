"""Carried files of a gateway with soil sensors, of one reading a batch."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from wire import messages
from wire.batch import Sample, encode
from wire.carry import Manifest, Writer
from wire.messages import (
    ClockSource,
    DatastreamInfo,
    GatewayInfo,
    Inventory,
    SensorInfo,
    Status,
    ThingInfo,
    ranges,
)

NOW = 1_767_225_600_000  # 2026-01-01T00:00Z
HOUR = 3_600_000
GATEWAY = "kubuqi-dune"
EPOCH = "00c0ffee"


def inventory(*sensors: str, rev: int = 1, gateway: str = GATEWAY, **changes: object) -> Inventory:
    """List sensors such as "soil-10cm", each with one raw series."""
    fields = {
        "rev": rev,
        "gateway": GatewayInfo(id=gateway),
        "things": [ThingInfo(id="dune-1", name="Dune 1", site="kubuqi-north")],
        "sensors": [
            SensorInfo(id=one, thing="dune-1", model="METER TEROS 12", depth_m=0.1)
            for one in sensors
        ],
        "datastreams": [
            DatastreamInfo(
                name=f"dune-1/{one}/vwc_raw",
                sensor=f"dune-1/{one}",
                property="vwc_raw",
                unit="{raw}",
                interval_s=60,
            )
            for one in sensors
        ],
    }
    return Inventory(**(fields | changes))


def batch(seq: int, sensor: str = "soil-10cm") -> bytes:
    """One reading that tells its batch's number."""
    sample = Sample(NOW - HOUR + 60_000 * seq, Decimal(2000 + seq))
    return encode(ClockSource.NTP, {f"dune-1/{sensor}/vwc_raw": [sample]})


@dataclass
class Carried:
    """A file to be written: which batches, under whose name."""

    batches: Mapping[int, bytes]
    inventory: Inventory | None = None
    status: Status | None = None
    gateway: str = GATEWAY
    epoch: str = EPOCH
    at: int = NOW

    def written(self) -> bytes:
        stream = io.BytesIO()
        manifest = Manifest(
            format="saxaul-carry",
            version=1,
            gateway=self.gateway,
            epoch=self.epoch,
            ranges=ranges(list(self.batches)),
            exported_at=self.at,
            inventory_at=self.at,
        )
        writer = Writer(stream, manifest)
        if self.inventory is not None:
            writer.add_inventory(messages.encode(self.inventory))
        if self.status is not None:
            writer.add_status(messages.encode(self.status))
        for seq, payload in self.batches.items():
            writer.add_batch(seq, payload)
        writer.finish()
        return stream.getvalue()


def of(seqs: Iterable[int], *sensors: str, **more: object) -> Carried:
    """A file of batches of one reading each, with the inventory they need."""
    known = sensors or ("soil-10cm",)
    return Carried(
        **({"batches": {n: batch(n) for n in seqs}, "inventory": inventory(*known)} | more)
    )
