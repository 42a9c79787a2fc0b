"""The port of a bus over its life: opened, lost, tried again with growing pauses, back."""

from collections.abc import Callable
from threading import Event

import structlog

from gateway.buses.serial_port import Machine, PortSettings, SerialPort, StoppedError
from gateway.buses.worker import PORT_AWAY
from gateway.drivers.conversation import Ask, Step
from gateway.errors import BusError

BUS_UNAVAILABLE = "bus_unavailable"
BUS_BACK = "bus_back"

MIN_BACK_OFF_S = 1.0
MAX_BACK_OFF_S = 30.0
# How often it is looked whether a port that was lent is given back.
LENT_LOOK_S = 0.2

Log = structlog.typing.FilteringBoundLogger


class Link:
    """A port that may be away. Says once that it went, and once that it is of use again.

    `last_error` is why it went, until it is; `openings` counts how often it was opened. `lent_for`
    is what it was given out of hand for; empty while it was not.
    """

    def __init__(
        self,
        settings: PortSettings,
        mono_ms: Callable[[], int],
        stop: Event,
        log: Log,
        machine: Machine | None = None,
    ) -> None:
        """Remember where the port is; nothing is opened yet. All waiting is on `stop`."""
        self._settings = settings
        self._machine = machine or Machine()
        self._mono_ms = mono_ms
        self._stop = stop
        self._log = log
        self._port: SerialPort | None = None
        self._try_at_ms: int | None = None
        self._back_off_s = MIN_BACK_OFF_S
        self.last_error = ""
        self.lent_for = ""
        self.openings = 0

    @property
    def why_away(self) -> str:
        """Say why what is due while the port is not there is missing."""
        return self.lent_for or PORT_AWAY

    @property
    def is_open(self) -> bool:
        """Tell whether the port is there now, as far as the last use showed."""
        return self._port is not None

    def ensure_open(self) -> bool:
        """Open the port if it is away and its pause is over; tell whether it is there."""
        if self.lent_for:
            return False
        if self._port is None:
            if self.pause_s() == 0:
                self._open()
        else:
            self._check(self._port)
        return self.is_open

    def pause_s(self) -> float:
        """Tell how long to wait before the port is tried again; 0 when it may be, or is open."""
        if self.lent_for:
            return LENT_LOOK_S
        if self._port is not None or self._try_at_ms is None:
            return 0.0
        return max(0, self._try_at_ms - self._mono_ms()) / 1000

    def take(self, step: Step) -> bytes:
        """Do one step of a conversation; waiting brings no bytes. Raises BusError, StoppedError."""
        if isinstance(step, Ask):
            return self._use(lambda port: port.exchange(step))
        if self._stop.wait(step.seconds):
            raise StoppedError
        return b""

    def read(self) -> bytes:
        """Give what a talker sent, after a short while at most; raises BusError."""
        return self._use(lambda port: port.read())

    def lend(self, reason: str) -> None:
        """Close the port and leave it alone until `take_back`; `reason` is told meanwhile."""
        self.close()
        self.lent_for = reason

    def take_back(self) -> None:
        """Use the port again, at once."""
        self.lent_for = ""
        self._try_at_ms = None

    def close(self) -> None:
        """Give the port back."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def _open(self) -> None:
        try:
            self._port = SerialPort(self._settings, self._stop.is_set, self._machine)
        except BusError as error:
            self._went(error)
            return
        self._try_at_ms = None
        self.openings += 1

    def _check(self, port: SerialPort) -> None:
        """Notice a port that went while nobody used it, so that it is back for the next slot."""
        try:
            port.check()
        except BusError as error:
            self.close()
            self._went(error)

    def _use(self, work: Callable[[SerialPort], bytes]) -> bytes:
        if self._port is None:
            raise BusError(self.last_error or f"{self._settings.port}: not open")
        try:
            brought = work(self._port)
        except BusError as error:
            self.close()
            self._went(error)
            raise
        self._served()
        return brought

    def _served(self) -> None:
        """Trust the port again: it was used and did not fail, even if it brought nothing.

        That it opened is not enough, for some open and then fail on every use.
        """
        self._back_off_s = MIN_BACK_OFF_S
        if self.last_error:
            self.last_error = ""
            self._log.info(BUS_BACK)

    def _went(self, error: BusError) -> None:
        if not self.last_error:
            self._log.warning(BUS_UNAVAILABLE, error=str(error))
        self.last_error = str(error)
        self._try_at_ms = self._mono_ms() + round(self._back_off_s * 1000)
        self._back_off_s = min(2 * self._back_off_s, MAX_BACK_OFF_S)
