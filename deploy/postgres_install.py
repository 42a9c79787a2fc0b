"""Find PostgreSQL 17 with TimescaleDB on this machine, or install it beside what is there.

Three places, in this order: the system's own packages; the system's apt (Debian 13 offers both); a
small Debian 13 root made by debootstrap in the cache folder (Debian 12 offers no TimescaleDB).
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import SetupError

PACKAGE = "postgresql-17-timescaledb"
SUITE = "trixie"
_BIN = "usr/lib/postgresql/17/bin"
_CONTROL = "usr/share/postgresql/17/extension/timescaledb.control"
# Debian's package creates and starts a cluster "main" on port 5432 unless it is told not to.
_NO_CLUSTER = "etc/postgresql-common/createcluster.d/saxaul.conf"
_APT_INSTALL = (
    *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install"),
    *("-y", "-qq", "--no-install-recommends"),
)


@dataclass(frozen=True, slots=True)
class PostgresInstall:
    """Where the binaries are: below `root`, which is "/" or a Debian root of our own."""

    root: Path

    @property
    def is_system(self) -> bool:
        """Tell whether the binaries run without a change of root."""
        return self.root == Path("/")

    def program(self, name: str) -> str:
        """Path of a PostgreSQL program as seen from inside the root."""
        return f"/{_BIN}/{name}"

    def user_ids(self) -> tuple[int, int]:
        """Look up user and group id of the unprivileged user `postgres` inside the root."""
        for line in (self.root / "etc/passwd").read_text(encoding="utf-8").splitlines():
            name, _, uid, gid = line.split(":")[:4]
            if name == "postgres":
                return int(uid), int(gid)
        raise SetupError(f"{self.root} has no user 'postgres'; reinstall {PACKAGE}")

    def scratch_folder(self) -> Path:
        """Make an empty folder that PostgreSQL can reach whatever the user's home allows."""
        return Path(tempfile.mkdtemp(prefix="saxaul-postgres-", dir=self.root / "var/tmp"))


def cached_root() -> Path:
    """Where our own Debian root lives: the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "saxaul" / SUITE


def find() -> PostgresInstall | None:
    """Find an installation without changing anything."""
    for root in (Path("/"), cached_root()):
        if (root / _BIN / "postgres").exists() and (root / _CONTROL).exists():
            return PostgresInstall(root)
    return None


def need() -> PostgresInstall:
    """Find an installation, or raise SetupError saying how to get one."""
    found = find()
    if found is None:
        raise SetupError(
            "PostgreSQL 17 with TimescaleDB is not installed: run bin/prepare full"
            " (tests may use another server: set SAXAUL_TEST_DATABASE_URL)"
        )
    return found


def ensure() -> PostgresInstall:
    """Find an installation or make one, telling on standard error what is done and why."""
    found = find()
    if found is None:
        with _only_one():
            found = find() or _install()
    return found


def _install() -> PostgresInstall:
    if _apt_offers(PACKAGE):
        _say(f"installing {PACKAGE} with apt-get: the database of the production profile")
        _install_package()
    else:
        _say(
            f"making a small Debian 13 root in {cached_root()}, once, about a minute and 700 MB:"
            " the system's own packages have no TimescaleDB"
        )
        _install_root()
    return need()


def _apt_offers(package: str) -> bool:
    policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, check=False)
    return b"Candidate: " in policy.stdout and b"Candidate: (none)" not in policy.stdout


def _install_package() -> None:
    if not Path("/etc/postgresql-common").exists():
        _run(_as_root("install", "-d", str(Path("/", _NO_CLUSTER).parent)))
        _run(_as_root("tee", f"/{_NO_CLUSTER}"), text="create_main_cluster = false\n")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    _run(_as_root(*environment, "apt-get", "update", "-qq"))
    _run(
        _as_root(
            *environment, "apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE
        )
    )


def _install_root() -> None:
    """Build beside the final place and rename: a build that was cut short is never used."""
    if shutil.which("debootstrap", path=_path()) is None:
        _say("installing debootstrap with apt-get: it makes that root")
        _run(_as_root(*_APT_INSTALL, "debootstrap"))
    target = cached_root()
    building = target.with_name(f"{SUITE}.building")
    _run(_as_root("rm", "-rf", str(building)))
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGE}", SUITE, str(building)]
    if mirror := os.environ.get("SAXAUL_DEBIAN_MIRROR"):
        command.append(mirror)
    _run(_as_root(*command))
    # The cluster that the package has made, and the packages themselves, are of no more use.
    leftovers = ("var/lib/postgresql/17/main", "var/cache/apt", "var/lib/apt/lists")
    _run(_as_root("rm", "-rf", *(str(building / item) for item in leftovers)))
    _run(_as_root("mv", str(building), str(target)))


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold off a second installer until the first is done."""
    folder = cached_root().parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{SUITE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _as_root(*command: str) -> list[str]:
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo") is None:
        raise SetupError(f"root is needed once; as root run: {' '.join(command)}")
    return ["sudo", "--", *command]


def _run(command: list[str], text: str | None = None) -> None:
    done = subprocess.run(
        command,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PATH": _path()},
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SetupError(f"{tail}\n'{' '.join(command)}' failed (see above); mend that and repeat")


def _say(text: str) -> None:
    sys.stderr.write(f"saxaul: {text}\n")


def main() -> int:
    """Install if need be; exit code 2 with one line when that cannot be done."""
    try:
        ensure()
    except SetupError as error:
        _say(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
