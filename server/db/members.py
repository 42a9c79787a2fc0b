"""Looks for rows by many keys in one question, whose text does not grow with their number."""

from collections.abc import Sequence

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    TableValuedAlias,
    Text,
    any_,
    func,
    literal,
)


def among(
    connection: Connection, column: ColumnElement[str], wanted: Sequence[str]
) -> ColumnElement[bool]:
    """Be one of some texts."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(wanted), ARRAY(Text)))
    return column.in_(wanted)


def pairs(wanted: Sequence[tuple[str, str]], first: str, second: str) -> TableValuedAlias:
    """Give pairs of texts as a table of two columns to join with, on PostgreSQL."""
    columns = ([one for one, _ in wanted], [other for _, other in wanted])
    arrays = [literal(column, ARRAY(Text)) for column in columns]
    return func.unnest(*arrays).table_valued(first, second).render_derived()
