"""Who may use the page: anybody on this machine, elsewhere who knows the PIN."""

import hmac
import secrets
from collections import deque
from collections.abc import Callable
from threading import Lock

MIN_DIGITS, MAX_DIGITS = 4, 12
# With four digits and this pace, half of all PINs take 4 days of trying.
_TRIES, _WITHIN_S = 5, 300.0
_MAX_SESSIONS = 32
_TOKEN_BYTES = 32


def is_pin(text: str) -> bool:
    """Tell whether a text can be a PIN."""
    return text.isascii() and text.isdecimal() and MIN_DIGITS <= len(text) <= MAX_DIGITS


class Door:
    """Checks PINs and remembers who was let in. Safe to share by threads."""

    def __init__(self, pin: str, mono_s: Callable[[], float]) -> None:
        """Ask for `pin`; empty asks for none."""
        self._pin = pin
        self._mono_s = mono_s
        self._lock = Lock()
        self._tokens: deque[str] = deque(maxlen=_MAX_SESSIONS)
        self._failed: deque[float] = deque(maxlen=_TRIES)

    @property
    def is_open(self) -> bool:
        """Tell whether no PIN is asked for."""
        return not self._pin

    def knows(self, token: str) -> bool:
        """Tell whether a token was given out by `enter`."""
        with self._lock:
            return self.is_open or any(
                hmac.compare_digest(token.encode(), one.encode()) for one in self._tokens
            )

    def wait_s(self) -> float:
        """Tell how long no PIN is looked at, after too many wrong ones."""
        with self._lock:
            return self._wait_s()

    def enter(self, pin: str) -> str | None:
        """Give a token for the right PIN; None for a wrong one, and while one must wait."""
        with self._lock:
            if self._wait_s() > 0:
                return None
            if not hmac.compare_digest(pin.encode(), self._pin.encode()):
                self._failed.append(self._mono_s())
                return None
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            self._tokens.append(token)
            return token

    def _wait_s(self) -> float:
        if len(self._failed) < _TRIES:
            return 0.0
        return max(0.0, self._failed[0] + _WITHIN_S - self._mono_s())
