"""Brings a database to the schema of this program, by the migrations that ship with it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain, writing
from server.errors import StoreError

# Two servers that start at once must not both create the tables. Any fixed number does: "SAXA".
_LOCK_KEY = 0x53415841


def upgrade(engine: Engine) -> None:
    """Apply what is missing, in one transaction; raises StoreError and then changes nothing."""
    try:
        with writing(engine) as connection:
            _lock(connection)
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the database holds a schema this program does not know ({error}): "
            "start the newer program that wrote it, or restore a backup"
        ) from error
    except SQLAlchemyError as error:
        raise StoreError(explain(engine.url, error)) from error


def is_current(engine: Engine) -> bool:
    """Tell whether the schema is the one of this program; raises StoreError when it cannot."""
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_heads()
    except SQLAlchemyError as error:
        raise StoreError(explain(engine.url, error)) from error
    return set(found) == set(ScriptDirectory.from_config(_config()).get_heads())


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})


def _config() -> Config:
    config = Config()
    # ConfigParser reads % as the start of a reference.
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    return config
