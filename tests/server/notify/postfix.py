"""A real Postfix of our own on loopback: it gives mail on, and gives back what is not taken.

Its master(8) is started as it is, with a configuration and a queue in a folder of its own; what a
machine has of Postfix beside that is not touched.
"""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.children import Child
from deploy.ports import free_port, is_open, wait_until

DAEMONS = Path("/usr/lib/postfix/sbin")
DOMAIN = "saxaul.example"

# Tries again after a second, not after minutes.
_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.saxaul.example
mydestination =
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{next_port}
relay_domains = {domain}
transport_maps = inline:{{ {domain}=saxaul: }}
minimal_backoff_time = 1s
queue_run_delay = 1s
"""
# The last lines of both are those of docs/howto/set-up-mail.md, but for user and program: pipe(8)
# runs none as root, and whoever is not root may perhaps not read ours: a small one hands mail on.
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
saxaul unix - n n - 1 pipe
  flags=R user=nobody argv=/usr/bin/python3 -I {folder}/hand_on.py {own_port}
"""
_HAND_ON = """\
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    line.sendall(sys.stdin.buffer.read())
    line.shutdown(socket.SHUT_WR)
    sys.exit(int(line.recv(8)))
"""
_OF_QUEUE = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"),
    *("private", "saved", "trace"),
)


def is_possible() -> bool:
    """Tell whether a Postfix can be run: it is installed, and we are root, as master(8) must be."""
    return os.geteuid() == 0 and (DAEMONS / "master").exists()


@dataclass
class Postfix:
    """Gives what it is sent to `next_port`; what comes back goes to `take`, by its exit code."""

    next_port: int
    take: Callable[[bytes], int]
    port: int = field(default_factory=free_port)
    # Where others than root can go, as pytest's own folders are not.
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="saxaul-postfix-")))
    child: Child | None = None

    def start(self) -> "Postfix":
        self._door = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._take_all, daemon=True)
        self._thread.start()
        self._furnish()
        command = [str(DAEMONS / "master"), "-c", str(self.folder / "conf"), "-d"]
        self.child = Child("postfix", command, self.folder / "printed")
        self.child.start()
        assert wait_until(lambda: is_open(self.port), 60, every_s=0.02), self.log()
        return self

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        parts = [self.folder / name for name in ("printed", "log")]
        return "\n".join(part.read_text() for part in parts if part.exists())

    def _furnish(self) -> None:
        folder = self.folder
        folder.chmod(0o755)
        for name in ("conf", "queue", "queue/pid"):
            (folder / name).mkdir(mode=0o755)
        for name in ("data", *(f"queue/{one}" for one in _OF_QUEUE)):
            (folder / name).mkdir(mode=0o700)
            shutil.chown(folder / name, "postfix")
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            (folder / "queue" / name).mkdir()
            shutil.chown(folder / "queue" / name, "postfix", "postdrop")
            (folder / "queue" / name).chmod(mode)
        values = {
            "folder": folder,
            "next_port": self.next_port,
            "port": self.port,
            "own_port": self._door.getsockname()[1],
            "domain": DOMAIN,
        }
        for name, text in (("main.cf", _MAIN), ("master.cf", _MASTER)):
            (folder / "conf" / name).write_text(text.format(**values))
            # What is fresh may be half written, thinks Postfix, and waits for two seconds.
            os.utime(folder / "conf" / name, (0, 0))
        (folder / "hand_on.py").write_text(_HAND_ON)

    def _take_all(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:  # closed: the test is over
                return
            with line, line.makefile("rb") as mail:
                line.sendall(b"%d" % self.take(mail.read()))
