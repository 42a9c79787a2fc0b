"""Opens the page, and tries again for as long as its address cannot be had. No reading waits."""

from collections.abc import Callable
from threading import Event, Thread

import structlog

from gateway.errors import BusError
from gateway.page.server import PageServer

PAGE_UNAVAILABLE = "page_unavailable"

MIN_BACK_OFF_S, MAX_BACK_OFF_S = 1.0, 60.0
_STOP_S = 0.3

_log = structlog.get_logger(__name__)


class PageOpener:
    """Keeps trying until the page is open; says once that it is not, and once that it is."""

    def __init__(self, make: Callable[[], PageServer], first_s: float = MIN_BACK_OFF_S) -> None:
        """Open with `make`, which raises BusError; after a failure, again in `first_s` and more."""
        self._make = make
        self._pause_s = first_s
        self._stop = Event()
        self._thread = Thread(target=self._open, name="page-opener", daemon=True)
        self._page: PageServer | None = None

    @property
    def port(self) -> int | None:
        """The port that the page listens on; None while it has none."""
        return None if self._page is None else self._page.port

    def start(self) -> None:
        """Begin to try."""
        self._thread.start()

    def close(self) -> None:
        """Stop trying, and answering."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        if self._page is not None:
            self._page.close()

    def _open(self) -> None:
        told = False
        while not self._stop.is_set():
            try:
                self._page = self._make()
            except BusError as error:
                if not told:
                    _log.error(PAGE_UNAVAILABLE, reason=str(error), tried="again and again")
                    told = True
                self._stop.wait(self._pause_s)
                self._pause_s = min(2 * self._pause_s, MAX_BACK_OFF_S)
            else:
                self._page.start()
                return
