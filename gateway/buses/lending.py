"""What one sensor lends another: the air's temperature to a distance that needs it, say.

The value is noted beside each reading of the borrower, under its name and instant, so that what is
computed from the two can be computed again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from gateway.readings import Observation
from gateway.sampling.observations import observe

# How much older than the reading a lent value may be, if the lender's own interval is not longer.
FRESH_MS = 900_000


@dataclass(frozen=True, slots=True)
class Loan:
    """Series by name: whenever `beside` is observed, the last value of `lender` goes to `to`."""

    beside: str
    lender: str
    to: str
    fresh_ms: int = FRESH_MS


class Lending:
    """Adds what other sensors lend to observations on their way. Safe to share by threads."""

    def __init__(self, loans: Sequence[Loan], sink: Callable[[list[Observation]], None]) -> None:
        """Know of no value yet; pass all on to `sink`."""
        self._sink = sink
        self._loans = {loan.beside: loan for loan in loans}
        self._last: dict[str, tuple[int, Decimal] | None] = dict.fromkeys(
            loan.lender for loan in loans
        )
        self._lock = Lock()

    def __call__(self, observations: list[Observation]) -> None:
        """Pass them on with what is lent to them; raises what the sink does."""
        with self._lock:
            for one in observations:
                if one.datastream in self._last and one.value is not None:
                    self._last[one.datastream] = (one.mono_ms, one.value)
            lent = [*self._lent(observations)]
        self._sink([*observations, *lent])

    def _lent(self, observations: list[Observation]) -> Iterator[Observation]:
        for one in observations:
            loan = self._loans.get(one.datastream)
            if loan is not None:
                value = self._value(loan, one.mono_ms)
                reason = "" if value is not None else f"no value of {loan.lender}"
                yield observe(loan.to, one.mono_ms, value, reason)

    def _value(self, loan: Loan, mono_ms: int) -> Decimal | None:
        last = self._last[loan.lender]
        if last is None or mono_ms - last[0] > loan.fresh_ms:
            return None
        return last[1]
