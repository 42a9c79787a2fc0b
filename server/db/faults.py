"""Tells whose fault a database error is: the data's, or the database's."""

import sqlite3

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_DATA_FAULTS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
)
# SQLSTATE 53200 (locks or memory used up) and class 54 (limits exceeded): PostgreSQL 17 manual,
# appendix A. One transaction of everyday size does not meet them, one absurd batch does.
_LIMITS = ("53200", "54")


def is_database_fault(error: Exception, *, alone: bool) -> bool:
    """Tell whether to try again later rather than to refuse the message.

    `alone`: nothing else ran in the transaction, so a limit was met because of this message.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, _DATA_FAULTS):
        return False
    if isinstance(cause, psycopg.Error) and (cause.sqlstate or "").startswith(_LIMITS):
        return not alone
    return isinstance(error, SQLAlchemyError | psycopg.Error | sqlite3.Error)
