"""Whose fault an error is: real errors of both databases."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.db.faults import is_database_fault


def error_of(engine, statement):
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except SQLAlchemyError as error:
            return error
    raise AssertionError("it did not fail")


def test_a_row_that_the_table_does_not_take_is_the_data_s_fault(engine):
    error = error_of(engine, "INSERT INTO site (key) VALUES ('a')")

    assert not is_database_fault(error, alone=False)


def test_a_table_that_is_not_there_is_the_database_s_fault(engine):
    assert is_database_fault(error_of(engine, "SELECT * FROM nowhere"), alone=True)


def test_a_number_too_large_is_the_data_s_fault(timescale_engine):
    error = error_of(timescale_engine, "SELECT 1000000 * 1000000")

    assert not is_database_fault(error, alone=False)


@pytest.mark.parametrize("code", ["53200", "54000", "54001"])
def test_a_limit_is_the_message_s_fault_when_it_is_alone(code):
    error = psycopg.errors.lookup(code)("limit")

    assert is_database_fault(error, alone=False)
    assert not is_database_fault(error, alone=True)


@pytest.mark.parametrize("code", ["53100", "57P01", "40001"])
def test_a_full_disk_a_shutdown_and_a_conflict_are_the_database_s_fault(code):
    assert is_database_fault(psycopg.errors.lookup(code)("down"), alone=True)


def test_a_defect_of_ours_is_not_the_database_s_fault():
    assert not is_database_fault(ZeroDivisionError("boom"), alone=True)
