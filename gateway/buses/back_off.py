"""When a sensor that keeps silent is asked again: after longer and longer pauses."""

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0


class BackOff:
    """The pauses of one sensor. They double up to five minutes, or to its interval if longer."""

    def __init__(self, interval_s: float) -> None:
        """Start without a pause."""
        self._longest_s = max(LONGEST_PAUSE_S, interval_s)
        self._pause_s = 0.0
        self._until_ms: int | None = None

    @property
    def is_begun(self) -> bool:
        """Tell whether the sensor kept silent when it was last asked."""
        return self._until_ms is not None

    def holds(self, mono_ms: int) -> bool:
        """Tell whether the sensor is left alone now."""
        return self._until_ms is not None and mono_ms < self._until_ms

    def silent(self, mono_ms: int) -> None:
        """Note that the sensor did not answer: its next pause begins."""
        self._pause_s = min(2 * self._pause_s or FIRST_PAUSE_S, self._longest_s)
        self._until_ms = mono_ms + round(self._pause_s * 1000)

    def reset(self) -> None:
        """End the pause: the sensor answered, or there is reason to think that it can again."""
        self._pause_s, self._until_ms = 0.0, None
