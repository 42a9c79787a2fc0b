"""Where experiments take place: folders of their own, and a database server once one is needed."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos_suite.rig import clean_up
from benchmarks.chaos_suite.schedule import Profile
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

REPORT = "outcome.txt"


class Services:
    """A database server that is started when it is first needed; durable, for it is killed."""

    def __init__(self) -> None:
        """Start nothing."""
        self._postgres: LocalPostgres | None = None

    def database_for(self, profile: Profile) -> LocalPostgres | None:
        """Give the server that a profile needs, running; raises SetupError."""
        if profile is Profile.EMBEDDED:
            return None
        if self._postgres is None:
            install = need()
            self._postgres = LocalPostgres(install.scratch_folder(), install)
            self._postgres.start()
        return self._postgres

    def close(self) -> None:
        """Remove what was started. May be called twice."""
        if self._postgres is not None:
            self._postgres.remove()
            self._postgres = None


@dataclass(slots=True)
class Place:
    """A folder; it is left there, with its report, if what happened in it has not `held`."""

    folder: Path
    held: bool = False


@contextmanager
def place(name: str, *, keep: bool) -> Iterator[Place]:
    """Give an empty folder, deleted afterwards: when `held` was set, or when interrupted."""
    # Named before it is made: whoever is interrupted in between knows what to delete.
    here = Place(Path(tempfile.gettempdir()) / f"saxaul-chaos-{name}-{secrets.token_hex(4)}")
    try:
        here.folder.mkdir(mode=0o700)
        yield here
    except (KeyboardInterrupt, GeneratorExit):  # the latter: before its user had it in hand
        clean_up(here.folder)
        raise
    if here.held and not keep:
        clean_up(here.folder)
