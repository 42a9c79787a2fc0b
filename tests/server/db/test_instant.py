"""Instants: integer milliseconds in Python on every engine."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from server.db.instant import Instant, to_datetime, to_ms

LAST = 253_402_300_799_999


@given(st.integers(-62_135_596_800_000, LAST))
def test_every_millisecond_of_the_calendar_comes_back(time_ms):
    assert to_ms(to_datetime(time_ms)) == time_ms


def test_known_instants():
    assert to_datetime(1_767_225_600_123) == datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)
    east = timezone(timedelta(hours=8))
    assert to_ms(datetime(2026, 1, 1, 8, tzinfo=east)) == 1_767_225_600_000
    assert to_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@pytest.mark.parametrize("time_ms", [None, 0, -1, 1_767_225_600_123, LAST])
def test_a_column_of_instants_keeps_them_and_orders_by_them(engine, time_ms):
    table = Table("tried", MetaData(), Column("id", Integer), Column("at", Instant))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(insert(table), [{"id": 1, "at": time_ms}, {"id": 2, "at": 5}])
        read = connection.execute(select(table.c.at).where(table.c.id == 1)).scalar_one()
        later = connection.execute(select(table.c.id).where(table.c.at > 5)).scalars().all()
        table.drop(connection)

    assert read == time_ms
    assert later == ([1] if time_ms is not None and time_ms > 5 else [])
