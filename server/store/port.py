"""What every store can do, and the columns it takes and gives. Knows no engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Observations as columns of one length; a missing value is NaN.

    `reasons` maps the index of a missing value to why it is missing. `quality` is packed as in
    `wire.quality`.
    """

    datastream_id: Int32s
    time_ms: Int64s
    value: Floats
    quality: Int32s
    reasons: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the observations."""
        return len(self.time_ms)


def take(columns: Columns, indices: NDArray[np.integer]) -> Columns:
    """Choose observations by their indices."""
    reasons = enumerate(indices.tolist()) if columns.reasons else ()
    return Columns(
        columns.datastream_id[indices],
        columns.time_ms[indices],
        columns.value[indices],
        columns.quality[indices],
        {new: columns.reasons[old] for new, old in reasons if old in columns.reasons},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """One datastream's observations in order of time; a missing value is NaN."""

    time_ms: Int64s
    value: Floats
    quality: Int32s


@dataclass(frozen=True, slots=True)
class LatestRow:
    """The newest observation of a datastream; `value` is None when missing, for `reason`."""

    datastream_id: int
    time_ms: int
    value: float | None
    quality: int
    reason: str
    received_at: int


class Store(Protocol):
    """Where observations live. All calls run inside the caller's transaction.

    Whatever changes observations also marks their hours, for the rollups; see server.rollup.marks.
    """

    def append(self, connection: Connection, columns: Columns) -> int:
        """Add what is not there yet and return how many that were; an observation is never changed.

        Fewer than given is normal: a batch is sent again until its receipt arrives.
        """
        ...

    def replace(self, connection: Connection, columns: Columns) -> None:
        """Write each observation and its reason, in the place of what is there; no key twice."""
        ...

    def remove(self, connection: Connection, datastream_id: Int32s, time_ms: Int64s) -> None:
        """Take out the observations with these keys, and their reasons."""
        ...

    def read_range(
        self, connection: Connection, datastream_id: int, from_ms: int, to_ms: int, limit: int
    ) -> Range:
        """Read the first `limit` observations with from_ms <= time < to_ms, oldest first."""
        ...
