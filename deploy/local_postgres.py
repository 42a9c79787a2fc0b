"""A PostgreSQL with TimescaleDB of our own on a free loopback port, for the demo and the tests.

It runs as an unprivileged user and keeps everything in one folder. The password is made up at the
first start. Nothing is mounted outside of a mount namespace that ends with the server.

`python -m deploy.local_postgres --while PID --note FILE` serves until process PID ends, its address
in FILE (the tests do this).
"""

import argparse
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from deploy.children import Child
from deploy.errors import SetupError
from deploy.ports import free_port, wait_until
from deploy.postgres_install import PostgresInstall, need

USER = "saxaul"
_START_TIMEOUT_S = 30.0
_ATTEMPTS = 3  # another process may take the port that was free a moment ago
# Where a folder that PostgreSQL cannot reach by its path is bound; Debian has it, and it is empty.
_MOUNT_POINT = "mnt"
_BIND = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "dynamic_shared_memory_type": "mmap",  # a root of our own has no /dev/shm
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "8",
    "max_worker_processes": "24",
    "max_connections": "120",
    "log_timezone": "UTC",
}
# For databases that nobody will miss.
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(slots=True)
class LocalPostgres:
    """A server whose data, password and log live in `folder`.

    `durable=False` turns fsync off: faster, and lost with the power. `settings` are PostgreSQL's.
    """

    folder: Path
    install: PostgresInstall
    durable: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    child: Child | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Address of its maintenance database, as the owner of everything."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """Address of one of its databases."""
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Create the cluster if there is none, start it, and wait until it answers."""
        self._prepare_folder()
        place = _place(self.install, self.folder)
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._create_cluster(place)
        for _ in range(_ATTEMPTS):
            self.port = free_port()
            self.child = self._launch(place)
            if self._wait(self.child):
                return
            self.stop()
        raise SetupError(
            f"PostgreSQL did not start in {self.folder}:\n{self.child.tail() if self.child else ''}"
        )

    def inside(self, path: Path) -> str:
        """Tell what something in the server's folder is called where the server runs."""
        place = _place(self.install, self.folder)
        return f"{place.folder}/{path.relative_to(self.folder)}"

    def create_database(self, name: str, tablespace: str = "") -> str:
        """Make a database unless it is there; gives its address. "" is the usual tablespace."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if known.fetchone() is None:
                where = f'TABLESPACE "{tablespace}"' if tablespace else ""
                connection.execute(f'CREATE DATABASE "{name}" {where}'.encode())
        return self.database_url(name)

    def stop(self) -> None:
        """Shut it down: clients are cut off, what they committed is kept. May be called twice."""
        if self.child is not None:
            self.child.stop()

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        password = self.folder / "password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(24), encoding="ascii")
        if os.geteuid() == 0:
            user, group = self.install.user_ids()
            for path in (self.folder, password):
                os.chown(path, user, group)

    def _password(self) -> str:
        return (self.folder / "password").read_text(encoding="ascii")

    def _create_cluster(self, place: "_Place") -> None:
        command = [
            *place.wrapper,
            self.install.program("initdb"),
            *(f"--pgdata={place.folder}/data", f"--username={USER}", "--auth=scram-sha-256"),
            *(f"--pwfile={place.folder}/password", "--encoding=UTF8", "--locale=C.UTF-8"),
        ]
        if not self.durable:
            command.append("--no-sync")
        # A program that changes its user needs a working folder that this user may enter.
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise SetupError(f"initdb failed in {self.folder}:\n{done.stderr.strip()[-2000:]}")

    def _launch(self, place: "_Place") -> Child:
        settings = {**_SETTINGS, "port": str(self.port), **({} if self.durable else _CARELESS)}
        settings |= self.settings
        command = [self.install.program("postgres"), "-D", f"{place.folder}/data"]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave.
        child = Child(
            "postgres",
            command,
            self.folder / "postgres.log",
            stop_signal=signal.SIGINT,
            ties=place.wrapper,
            folder=Path("/"),
        )
        child.start()
        return child

    def _wait(self, child: Child) -> bool:
        wait_until(lambda: self._answers() or not child.is_running, _START_TIMEOUT_S)
        return child.is_running

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


@dataclass(frozen=True, slots=True)
class _Place:
    """How to run a program as PostgreSQL's user, and what our folder is called there."""

    wrapper: Sequence[str]
    folder: str


def _place(install: PostgresInstall, folder: Path) -> _Place:
    """Run in the folder where it lies, or bind it to a place that PostgreSQL's user can reach."""
    folder = folder.resolve()
    if folder.is_relative_to(install.root):
        inside = f"/{folder.relative_to(install.root)}"
        if _works([*_as_user(install), "test", "-w", inside]):
            return _Place(_as_user(install), inside)
    bind = ["sh", "-c", _BIND, "sh", str(folder), str(install.root / _MOUNT_POINT)]
    wrapper = [*_namespace(install), *bind, *_as_user(install, in_namespace=True)]
    if _works([*wrapper, "test", "-w", f"/{_MOUNT_POINT}"]):
        return _Place(wrapper, f"/{_MOUNT_POINT}")
    if os.geteuid() != 0 and not install.is_system:
        raise SetupError(
            f"PostgreSQL in {install.root} cannot be started: this machine allows no user"
            " namespaces; repeat as root"
        )
    raise SetupError(
        f"the user 'postgres' cannot reach {folder}, and this machine allows no private mount:"
        f" choose a folder below {install.root / 'var/tmp'}"
    )


def _namespace(install: PostgresInstall) -> list[str]:
    """Start a mount namespace, which ends with its last process and its mounts with it.

    Without root a user namespace permits it, in which we are the root's own user `postgres`.
    """
    command = ["unshare", "--mount", "--propagation=private"]
    if os.geteuid() != 0:
        user, group = install.user_ids()
        command += ["--user", f"--map-user={user}", f"--map-group={group}", "--keep-caps"]
    return [*command, "--"]


def _as_user(install: PostgresInstall, *, in_namespace: bool = False) -> list[str]:
    command: list[str] = []
    if not install.is_system:
        if os.geteuid() != 0 and not in_namespace:
            command += _namespace(install)
        command += ["chroot", str(install.root)]
    command += ["setpriv", "--pdeathsig=INT"]
    if os.geteuid() == 0:
        user, group = install.user_ids()
        command += [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return [*command, "--"]


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0


def _serve(pid: int, note: Path) -> None:
    """Serve until process `pid` ends or SIGTERM comes, then delete everything."""
    install = need()
    server = LocalPostgres(install.scratch_folder(), install, durable=False)
    watched = os.pidfd_open(pid)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.start()
        _write(note, server.url)
        select.select([watched], [], [])
    finally:
        server.remove()


def _write(note: Path, text: str) -> None:
    """Let the note appear as a whole."""
    draft = note.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a fresh server until the watched process ends; the note says its address or error."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local_postgres", description=__doc__)
    parser.add_argument("--while", dest="pid", type=int, required=True, metavar="PID")
    parser.add_argument("--note", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        _serve(options.pid, options.note)
    except SetupError as error:
        _write(options.note, str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
