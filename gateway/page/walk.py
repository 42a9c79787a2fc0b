"""The ready-to-leave walk: what must be so before a technician drives away. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.doctor.finding import Finding, Verdict, failed, fine, look
from gateway.page.values import Sensor, State
from wire.messages import ClockSource

_TRUSTED = {
    ClockSource.NTP: "time servers keep it",
    ClockSource.GNSS: "a satellite receiver keeps it",
    ClockSource.RTC: "a real-time clock keeps it",
    ClockSource.FREE: "it was set, and runs freely now",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the walk looks at.

    `positions` says by thing whether its place is known, `photos` counts those attached on this
    visit, `outbox_fault` is why the outbox failed its self-test (empty: it did not), `pending`
    counts readings not in a batch yet, `stored_ms` is the newest instant (wall clock, ms) at which
    the server confirmed a batch, `began_ms` when this visit began, `refused` what of gateway.toml
    cannot be used, `scanned` the port that a scan has in hand.
    """

    sensors: Sequence[Sensor]
    clock: ClockSource
    positions: Mapping[str, bool]
    photos: int
    outbox_fault: str
    unconfirmed: int
    pending: int
    stored_ms: int | None
    began_ms: int
    is_connected: bool
    broker: str
    refused: Sequence[str] = ()
    scanned: str = ""


def walk(facts: Facts) -> list[Finding]:
    """Take all steps, in the order in which they are best mended."""
    return list(_steps(facts))


def may_leave(steps: Sequence[Finding]) -> bool:
    """Tell whether the card is green: nothing has failed."""
    return all(one.verdict is not Verdict.FAILED for one in steps)


def _steps(facts: Facts) -> Iterator[Finding]:
    yield from _settings(facts.refused)
    yield from _scanned(facts.scanned)
    yield _answering(facts.sensors)
    if facts.sensors:
        yield _plausible(facts.sensors)
    yield _clock(facts.clock)
    yield _position(facts.positions)
    yield _photo(facts.photos)
    yield _outbox(facts.outbox_fault)
    yield _stored(facts)


def _settings(refused: Sequence[str]) -> Iterator[Finding]:
    if refused:
        yield failed("settings", "; ".join(refused), "mend gateway.toml, then restart the gateway")


def _scanned(port: str) -> Iterator[Finding]:
    if port:
        yield failed("scan", f"{port} is being scanned", "wait until it has ended, or stop it")


def _answering(sensors: Sequence[Sensor]) -> Finding:
    if not sensors:
        return failed("sensors", "there are none", "find them below, then restart the gateway")
    silent = [one for one in sensors if not one.answers]
    if not silent:
        return fine("sensors", f"{len(sensors)} of {len(sensors)} answer")
    waiting = [one for one in silent if one.state is State.WAITING]
    if len(waiting) == len(silent):
        named = _named(waiting, lambda one: f"every {one.interval_s:g} s")
        return failed(
            "sensors", f"not asked yet: {named}", "read them now, or wait for their first reading"
        )
    named = _named([one for one in silent if one not in waiting], Sensor.reason)
    return failed(
        "sensors", f"silent: {named}", "look at cable, supply and address; then read it now"
    )


def _plausible(sensors: Sequence[Sensor]) -> Finding:
    odd = [
        f"{one.place}: {it.label} {it.now or it.value} {it.unit}"
        for one in sensors
        for it in one.odd()
    ]
    ailing = [
        f"{one.place}: {it.label} ({it.reason or 'old'})" for one in sensors for it in one.ailing()
    ]
    told = [f"cannot be: {', '.join(odd)}"] if odd else []
    told += [f"do not come: {', '.join(ailing)}"] if ailing else []
    if told:
        return failed("values", "; ".join(told), "look at the sensor, its model and its wiring")
    return fine("values", "all come, and are within what their instruments can measure")


def _clock(source: ClockSource) -> Finding:
    said = _TRUSTED.get(source)
    if said is None:
        return failed(
            "clock",
            "nothing vouches for it: readings wait until something does",
            "bring the network up for a minute, or attach a receiver or a real-time clock",
        )
    return fine("clock", said)


def _position(positions: Mapping[str, bool]) -> Finding:
    unknown = sorted(thing for thing, known in positions.items() if not known)
    if unknown:
        return failed("position", f"not known of {', '.join(unknown)}", "enter it below")
    return fine("position", "known of every station")


def _photo(count: int) -> Finding:
    if not count:
        return failed("photo", "none of this visit", "take one that shows where the sensors stand")
    return fine("photo", f"{count} of this visit" if count > 1 else "one of this visit")


def _outbox(fault: str) -> Finding:
    if fault:
        return failed("outbox", fault, "see to the card: saxaul-gateway doctor says more")
    return fine("outbox", "it keeps what is written to it")


def _stored(facts: Facts) -> Finding:
    if facts.stored_ms is not None and facts.stored_ms >= facts.began_ms:
        return fine("server", "it has confirmed readings of this visit")
    if facts.is_connected:
        return failed(
            "server",
            f"{facts.broker} is reached, and the server has confirmed nothing of this visit yet",
            "wait a minute; if it stays so, the server needs a look",
        )
    return look(
        "server",
        f"no link to {facts.broker}: {facts.unconfirmed} batches and {facts.pending} readings more "
        "will be sent when there is one",
        "nothing is lost meanwhile",
    )


def _named(sensors: Sequence[Sensor], why: Callable[[Sensor], str]) -> str:
    return ", ".join(f"{one.place} ({why(one)})" if why(one) else one.place for one in sensors)
