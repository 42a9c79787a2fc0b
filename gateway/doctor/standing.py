"""How far the server is behind, as the outbox tells: read beside whoever writes it."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.outbox.retention import read_dropped, read_lost
from gateway.outbox.schema import FILE_NAME, open_readonly, store_errors


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the server is behind, in batches; instants in ms since the Unix epoch.

    `oldest_ms` is when the oldest unconfirmed batch was sealed, `stored_at_ms` when the server last
    confirmed one; `pending` (not in a batch yet), `lost` and `dropped` count observations.
    """

    unconfirmed: int
    refused: int
    oldest_ms: int | None
    stored_at_ms: int | None
    pending: int
    lost: int
    dropped: int


_STANDING = """
SELECT count(*) FILTER (WHERE state = 'unconfirmed'), count(*) FILTER (WHERE state = 'refused'),
       min(sealed_at_ms) FILTER (WHERE state = 'unconfirmed'),
       max(settled_at_ms) FILTER (WHERE state = 'stored')
FROM batch
"""


def read_standing(data_dir: Path) -> Standing:
    """Read how far the server is behind; raises StoreError."""
    path = data_dir / FILE_NAME
    with closing(open_readonly(path)) as db, store_errors(path):
        unconfirmed, refused, oldest_ms, stored_at_ms = db.execute(_STANDING).fetchone()
        return Standing(
            unconfirmed,
            refused,
            oldest_ms,
            stored_at_ms,
            pending=db.execute("SELECT count(*) FROM pending").fetchone()[0],
            lost=read_lost(db).observations,
            dropped=read_dropped(db),
        )
