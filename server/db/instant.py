"""How an instant lies in a database column: integer milliseconds UTC in Python on every engine."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_datetime(time_ms: int) -> datetime:
    """Turn milliseconds since 1970 into an aware UTC datetime, exactly."""
    return _EPOCH + time_ms * _MILLISECOND


def to_ms(instant: datetime) -> int:
    """Turn an aware datetime into milliseconds since 1970, rounded down."""
    return (instant - _EPOCH) // _MILLISECOND


class Instant(TypeDecorator[int]):
    """`timestamptz` on PostgreSQL, BIGINT milliseconds on SQLite; int milliseconds in Python."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the engine."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> object:
        """Write milliseconds as the engine stores them."""
        if value is None or dialect.name != "postgresql":
            return value
        return to_datetime(value)

    def process_result_value(self, value: object, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Read what the engine stores as milliseconds."""
        if isinstance(value, datetime):
            return to_ms(value)
        return value if isinstance(value, int) else None
