"""Rows that several programs may want at once, entered by whoever comes first."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def enter_missing(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert rows, except those whose keys are there; waits for another program that enters them.

    A look beforehand would not do: what another transaction has entered shows when it commits.
    """
    if rows:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(table).on_conflict_do_nothing(), rows)
