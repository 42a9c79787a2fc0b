"""What the page says in words before it shows numbers. Ages are added by the template."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from server.api.schemas import Gateway
from server.web.board import WORDS, Board, State, Station, gateway_state

_SAID = 3


def overview(board: Board) -> str:
    """Say how many stations there are and which are silent, without a full stop."""
    stations = board.stations
    if not stations:
        return "No station has reported yet"
    silent = [station.name for station in stations if station.silent]
    counted = plural(len(stations), "station")
    if not silent:
        return f"{counted}, {'all reporting' if len(stations) > 1 else 'reporting'}"
    if len(silent) == len(stations):
        return f"{counted}, {'all silent' if len(stations) > 1 else 'silent'}"
    return f"{counted}; silent: {listed(silent)}"


def station(one: Station) -> str:
    """Say how the station's values are, without a full stop."""
    readings = one.readings
    if all(reading.state is State.NEVER for reading in readings):
        return "No reading yet"
    if one.silent:
        return "Silent"
    counts = Counter(reading.state for reading in readings)
    if len(counts) == 1:
        all_of = "" if len(readings) == 1 else "all "
        return f"{plural(len(readings), 'value')}, {all_of}{WORDS[readings[0].state]}"
    told = ", ".join(f"{counts[state]} {WORDS[state]}" for state in State if counts[state])
    return f"{plural(len(readings), 'value')}: {told}"


def gateway(one: Gateway, now: int) -> str:
    """Say whether a gateway is online, and if it rests, until when; without a full stop."""
    state = gateway_state(one, now)
    if state == "resting" and one.status.rests_until is not None:
        until = datetime.fromtimestamp(one.status.rests_until / 1000, UTC)
        return f"Gateway {one.id} rests until {until:%H:%M} UTC ({one.status.resting})"
    return f"Gateway {one.id} is {'not heard yet' if state == 'unknown' else state}"


def plural(count: int, noun: str) -> str:
    """Count something: "1 station", "2 stations"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Name a few and count the rest: "A, B and 3 more"."""
    if len(names) > _SAID:
        return f"{', '.join(names[: _SAID - 1])} and {len(names) - _SAID + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
