"""The database server that is measured on: one of our own, or the one that was named.

Each use gets a fresh database, which is dropped afterwards. Ours is durable: what it calls
committed is on the disk.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg.errors import InsufficientPrivilege

from deploy.errors import SetupError
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

_AS_IT_COMES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Databases:
    """A database server: `url` leads to a database of it, `own` is set when it is ours."""

    url: str
    own: LocalPostgres | None = None

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Make an empty database and give its address; it goes with the block."""
        name = f"saxaul_bench_{secrets.token_hex(4)}"
        self._do(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _do(self, statement: str) -> None:
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as admin:
                admin.execute(statement.encode())
        except psycopg.Error as error:
            raise SetupError(
                f"the database server does not do '{statement}': {str(error).strip()};"
                " --database-url must lead to a server on which its user may create databases"
            ) from error


@contextmanager
def serving(url: str | None, settings: Mapping[str, str] = _AS_IT_COMES) -> Iterator[Databases]:
    """Give the server that was named, or start one of our own with some settings of its.

    Raises SetupError.
    """
    if url is not None:
        yield Databases(url)
        return
    install = need()
    postgres = LocalPostgres(install.scratch_folder(), install, settings=settings)
    try:
        postgres.start()
        yield Databases(postgres.url, postgres)
    finally:
        postgres.remove()


def settle(url: str) -> None:
    """Have written out what was done so far, so that it is not paid for later."""
    with psycopg.connect(url, autocommit=True) as connection, suppress(InsufficientPrivilege):
        connection.execute("CHECKPOINT")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Let nobody write observations within the block."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE observation IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def now_ms() -> int:
    """Tell the time in milliseconds UTC."""
    return time.time_ns() // 1_000_000
