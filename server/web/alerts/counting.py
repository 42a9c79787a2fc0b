"""How many warnings there are, for the page of stations."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from server.alerts.condition import Severity
from server.db.alert_tables import alert_watch
from server.web.sentences import plural


@dataclass(frozen=True, slots=True)
class Counts:
    """What nobody sees to yet: serious warnings, and others; shelved ones are not counted."""

    serious: int
    others: int

    @property
    def state(self) -> str:
        """Give the state that the mark shows."""
        if self.serious:
            return "failed"
        return "suspect" if self.others else "fine"

    @property
    def sentence(self) -> str:
        """Say it, without a full stop."""
        said = [plural(self.serious, "serious warning")] if self.serious else []
        said += [plural(self.others, "warning")] if self.others else []
        return ", ".join(said) or "No new warning"


def read_counts(connection: Connection, now_ms: int) -> Counts:
    """Count what is active and can be seen."""
    of = alert_watch.c
    rows = connection.execute(
        select(of.level, func.count().label("watches"))
        .where(
            of.level > 0,
            of.retired_at.is_(None),
            of.silent_since.is_(None),
            of.acked_at.is_(None),
            or_(of.shelved_until.is_(None), of.shelved_until <= now_ms),
        )
        .group_by(of.level)
    )
    counts = {row.level: int(row.watches) for row in rows}
    serious = counts.pop(int(Severity.CRITICAL), 0)
    return Counts(serious, sum(counts.values()))
