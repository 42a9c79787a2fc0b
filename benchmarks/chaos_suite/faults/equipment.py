"""What faults must find when they strike: small disks, clocks that can be set, a tablespace."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.chaos_suite.faults.cards import OUTBOX, Cards
from benchmarks.chaos_suite.faults.clocks import SettableClock
from benchmarks.chaos_suite.faults.disks import Disk, Quota, SmallDisk, may_mount, small_disk
from benchmarks.chaos_suite.programs import Programs, family
from benchmarks.chaos_suite.schedule import (
    CLOCK_KINDS,
    DATABASE,
    LINK_KINDS,
    SERVER,
    Kind,
    Schedule,
)
from deploy.local_postgres import LocalPostgres

# More than the 32 MB that an outbox wants to be free, or it would never keep what is confirmed.
_OUTBOX_DISK_MB = 48
_DATABASE_DISK_MB = 160
TIGHT_MB = 1


@dataclass(frozen=True, slots=True)
class Needs:
    """Whose disks and clocks will be struck, and how gateways are set up; nothing by default.

    `assumed`, `tight`: see Schedule.
    """

    disks: frozenset[str] = frozenset()
    clocks: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    tight: str = ""
    restores: bool = False
    server_link: bool = False

    @classmethod
    def of(cls, schedule: Schedule) -> "Needs":
        """Read what a schedule needs."""
        return cls(
            disks=schedule.targets(Kind.FILL),
            clocks=schedule.targets(*CLOCK_KINDS),
            assumed=frozenset(schedule.assumed),
            tight=schedule.tight,
            restores=bool(schedule.targets(Kind.RESTORE)),
            server_link=SERVER in schedule.targets(*LINK_KINDS),
        )

    def changes(self, gateway: str, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """Give what is different in a gateway's configuration; `folder` holds its outbox."""
        settable = gateway in self.clocks and gateway not in self.assumed
        return {
            "gateway": {"data_dir": str(folder)},
            "clock": {"trust": "auto" if settable else "assume"},
            **({"outbox": {"max_mb": TIGHT_MB}} if gateway == self.tight else {}),
        }


@dataclass(frozen=True, slots=True)
class Equipment:
    """Disks by whose they are, as far as they can be mounted, and clocks."""

    needs: Needs
    small_disks: Mapping[str, SmallDisk] = field(default_factory=dict)
    clocks: Mapping[str, SettableClock] = field(default_factory=dict)

    def folder_of(self, name: str, otherwise: Path) -> Path:
        """Tell where a program's data lies."""
        disk = self.small_disks.get(name)
        return otherwise if disk is None else disk.folder

    def disks_of(self, programs: Programs, cards: Cards, database: Path) -> Mapping[str, Disk]:
        """Give what can be filled up: small disks, or else limits on the programs' files."""
        return {
            name: self.small_disks.get(name) or _quota(name, programs, cards, database)
            for name in self.needs.disks
        }

    def tablespace(self, postgres: LocalPostgres, stack: ExitStack) -> str:
        """Make a tablespace on the database's small disk; "" when there is none."""
        disk = self.small_disks.get(DATABASE)
        if disk is None:
            return ""
        user, group = postgres.install.user_ids()
        os.chown(disk.folder, user, group)
        disk.folder.chmod(0o700)
        name = disk.folder.name
        _administer(
            postgres, f"CREATE TABLESPACE \"{name}\" LOCATION '{postgres.inside(disk.folder)}'"
        )
        stack.callback(_administer, postgres, f'DROP TABLESPACE IF EXISTS "{name}"')
        return name


def equip(
    needs: Needs, folder: Path, postgres: LocalPostgres | None, stack: ExitStack
) -> Equipment:
    """Mount disks and prepare clocks; the stack takes them away again, after the programs."""
    disks: dict[str, SmallDisk] = {}
    for name in sorted(needs.disks if may_mount() else ()):
        size_mb = _DATABASE_DISK_MB if name == DATABASE else _OUTBOX_DISK_MB
        place = folder / "disks" / name
        if name == DATABASE and postgres is not None:
            place = postgres.folder / f"disk-{folder.name}"
        disks[name] = stack.enter_context(small_disk(place, size_mb))
    clocks = {name: SettableClock(folder / "clocks" / name) for name in sorted(needs.clocks)}
    for clock in clocks.values():
        clock.prepare()
        stack.callback(clock.close)
    return Equipment(needs, disks, clocks)


def _quota(name: str, programs: Programs, cards: Cards, database: Path) -> Quota:
    def pids() -> list[int]:
        pid = programs.pid_of(name)
        found = [] if pid is None else family(pid)
        return found[1:] if name == DATABASE else found[:1]

    def files() -> list[Path]:
        if name == DATABASE:
            return []
        path = database if name == SERVER else cards.folders[name] / OUTBOX
        return [path, path.with_name(f"{path.name}-wal")]

    return Quota(pids, files)


def _administer(postgres: LocalPostgres, command: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True, connect_timeout=10) as admin:
        admin.execute(command.encode())
