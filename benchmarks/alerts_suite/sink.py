"""A mail server that takes all mail and notes for whom and when; no more of SMTP than that."""

import socketserver
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_OK = b"250 OK\r\n"


@dataclass(slots=True)
class Sink:
    """What came: for each address when it was taken, in seconds of time.time()."""

    port: int = 0
    taken_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@contextmanager
def sink() -> Iterator[Sink]:
    """Take mail on a free loopback port while the block runs."""
    found = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _converse(self, found)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, name="sink", daemon=True).start()
        yield found
        server.shutdown()


def _converse(line: socketserver.StreamRequestHandler, found: Sink) -> None:
    line.wfile.write(b"220 sink\r\n")
    address = ""
    while said := line.rfile.readline():
        verb = said[:4].upper()
        if verb == b"QUIT":
            line.wfile.write(b"221 bye\r\n")
            return
        if verb == b"RCPT":
            address = said.partition(b"<")[2].partition(b">")[0].decode()
        if verb != b"DATA":
            line.wfile.write(_OK)
            continue
        line.wfile.write(b"354 go on\r\n")
        while (text := line.rfile.readline()) and text != b".\r\n":
            pass
        found.taken_s[address].append(time.time())
        line.wfile.write(_OK)
