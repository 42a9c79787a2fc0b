"""The technician's page: whether it is served where gateway.toml says."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gateway.config import Config, PageSection
from gateway.doctor.finding import Finding, failed, fine, look
from gateway.errors import StoreError
from gateway.outbox.lock import LOCK_FILE, DataDirLock

TIMEOUT_S = 3.0
_OWN = b"server: saxaul-gateway"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, not by us


def check_page(config: Config, timeout_s: float = TIMEOUT_S) -> Iterator[Finding]:
    """Ask who answers at the page's address; nothing where no page is wanted."""
    page = config.page
    if not page.listen or not page.port:
        return
    try:
        answer = _answer(page, timeout_s)
    except OSError as error:
        yield _silent(page, Path(config.gateway.data_dir), error)
        return
    if _OWN in answer.lower():
        yield fine("page", f"it is served at http://{page.listen}/")
    else:
        yield failed(
            "page",
            f"another program has {page.listen}",
            f"find it (sudo ss -ltnp 'sport = :{page.port}') and stop it: the gateway tries again "
            "every minute; or correct page.listen",
        )


def _answer(page: PageSection, timeout_s: float) -> bytes:
    host = _ANY.get(page.host, page.host)
    with closing(socket.create_connection((host, page.port), timeout_s)) as line:
        line.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        try:
            return line.recv(1024)
        except TimeoutError:
            return b""


def _silent(page: PageSection, data_dir: Path, error: OSError) -> Finding:
    told = f"nothing answers at {page.listen}: {error.strerror or error}"
    if _runs(data_dir):
        return failed("page", told, "journalctl -u saxaul-gateway -g page_unavailable says why")
    return look("page", told, "start the gateway: it serves the page")


def _runs(data_dir: Path) -> bool:
    if not (data_dir / LOCK_FILE).exists():
        return False
    try:
        DataDirLock(data_dir).close()
    except StoreError:
        return True
    return False
