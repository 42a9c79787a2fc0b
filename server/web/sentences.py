"""What the page says in words before it shows numbers. Ages are added by the template."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from server.api.schemas import Gateway, Remark, RemarkKind
from server.completeness.shares import Share
from server.rollup.statistics import HOUR_MS
from server.web.board import WORDS, Board, State, Station, gateway_state

_SAID = 3
_DAY_MS = 24 * HOUR_MS
# From then on the rule that comes with the program warns, too.
_ENDS_SOON_MS = 30 * _DAY_MS
_SPACE = "\N{NO-BREAK SPACE}"  # a number stays with its unit


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


def certificate(one: Gateway, now: int) -> str:
    """Say that a certificate on which a gateway's uplink depends ends soon; empty for none."""
    first = min(one.status.certificates, key=lambda each: each.ends, default=None)
    if first is None or first.ends - now > _ENDS_SOON_MS:
        return ""
    on = f"{datetime.fromtimestamp(first.ends / 1000, UTC):%Y-%m-%d}"
    if first.ends <= now:
        return f"The {first.of}'s certificate that {one.id} depends on ended on {on}: renew it"
    days = (first.ends - now) // _DAY_MS
    left = f"in {plural(days, 'day')}" if days else "in less than a day"
    return f"The {first.of}'s certificate that {one.id} depends on ends on {on}, {left}: renew it"


def there(share: Share) -> str:
    """Say how much is here of what was to be expected, without a full stop."""
    hours = plural(round((share.window.to_ms - share.window.from_ms) / HOUR_MS), "hour")
    if share.percent == 100:
        return f"All readings of the last {hours} are here"
    if not share.values:
        return f"No reading of the last {hours} is here"
    return f"{_floored(share)} of the readings of the last {hours} are here"


def there_briefly(share: Share) -> str:
    """Say the same of one value, where there is little room."""
    hours = round((share.window.to_ms - share.window.from_ms) / HOUR_MS)
    return f"{_floored(share)} of {hours}{_SPACE}h here"


def _floored(share: Share) -> str:
    """Write the share as a whole number of percent; what is not nothing is not 0."""
    whole = f"{int(share.percent)}" if share.percent >= 1 or not share.values else "Less than 1"
    return f"{whole}{_SPACE}%"


def remark(one: Remark, gateway_id: str) -> str:
    """Say what of an inventory cannot be as it is told; without a full stop."""
    match one.kind:
        case RemarkKind.NOT_READ:
            return f"{gateway_id} does not read {one.about}: {one.reason}"
        case RemarkKind.LEFT_OUT:
            return f"Readings of {one.about} are kept in the journal, but not shown: {one.reason}"
        case RemarkKind.UNKNOWN:
            return f"{one.about} is stored as it comes: {one.reason}"
        case RemarkKind.NOTED:
            return f"{one.about}: {one.reason}"


def plural(count: int, noun: str) -> str:
    """Count something: "1 station", "2 stations"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Name a few and count the rest: "A, B and 3 more"."""
    if len(names) > _SAID:
        return f"{', '.join(names[: _SAID - 1])} and {len(names) - _SAID + 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
