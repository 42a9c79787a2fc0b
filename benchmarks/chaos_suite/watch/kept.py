"""What gateways have kept in a run, whatever has become of it since."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks.chaos_suite.evidence import Kept, open_outbox, sealed
from benchmarks.chaos_suite.watch.witness import Batches

_GONE = "removed since"


@dataclass(frozen=True, slots=True)
class Account:
    """All that a gateway has kept, and how many observations it says it has given up."""

    kept: Sequence[Kept]
    lost: int


def account(
    files: Iterable[Path], seen: Mapping[str, Batches], brought_in: Path | None = None
) -> Account:
    """Put together what outbox files hold and what was seen of them before.

    `brought_in` is a file of past values that were brought in, of which much may never have been
    seen in a batch.
    """
    outboxes = [open_outbox(path) for path in files]
    batches = {one.epoch: dict(one.batches) for one in outboxes}
    for epoch, bodies in seen.items():
        known = batches.setdefault(epoch, {})
        for seq, body in bodies.items():
            known.setdefault(seq, (_GONE, body))
    kept = [reading for epoch in batches.values() for reading in sealed(epoch)]
    kept += [reading for one in outboxes for reading in one.pending]
    if brought_in is not None:
        kept += _not_among(kept, brought_in)
    return Account(kept, sum(one.lost for one in outboxes))


def _not_among(kept: Iterable[Kept], history: Path) -> list[Kept]:
    known = {(one.datastream, one.time_ms) for one in kept}
    with history.open(encoding="utf-8", newline="") as file:
        rows = [
            Kept(row["datastream"], int(row["time_ms"]), Decimal(row["value"]), "brought in")
            for row in csv.DictReader(file)
        ]
    return [one for one in rows if (one.datastream, one.time_ms) not in known]
