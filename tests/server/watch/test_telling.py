"""What of a record is told, and how soon."""

import pytest

from server.alerts.kinds import KINDS
from server.alerts.machine import Change
from server.watch.telling import Mode, Reason, Step, Told, tell

KIND, SILENT_END = KINDS["dry_soil"], KINDS["rain"]
NOW = 1_780_272_000_000
FRESH, OLD = NOW - 1000, NOW - KIND.fresh_ms - 1
NEVER = Told(0, None, is_held=False)
WARNED = Told(2, NOW - 5000, is_held=False)
RAISED, CLEARED = Step(Change.RAISED, 2, FRESH), Step(Change.CLEARED, 0, FRESH)

TABLE = {
    "nothing new": (KIND, NEVER, [], 0, None),
    "raised": (KIND, NEVER, [RAISED], 2, (Mode.IMMEDIATE, Reason.NEW, 0)),
    "raised long ago": (KIND, NEVER, [Step(Change.RAISED, 2, OLD)], 2, (Mode.DIGEST, Reason.NEW, 0)),
    "raised by late data": (
        KIND, NEVER, [Step(Change.RAISED, 2, FRESH, is_late=True)], 2,
        (Mode.DIGEST, Reason.CORRECTION, 0),
    ),
    "risen": (KIND, WARNED, [Step(Change.RISEN, 3, FRESH)], 3, (Mode.IMMEDIATE, Reason.NEW, 0)),
    "cleared": (KIND, WARNED, [CLEARED], 0, (Mode.IMMEDIATE, Reason.NEW, 0)),
    "cleared, which nobody was told had begun": (KIND, NEVER, [CLEARED], 0, None),
    "the end of a kind that has none to tell": (SILENT_END, WARNED, [CLEARED], 0, None),
    "ended": (KIND, WARNED, [Step(Change.ENDED, 0, FRESH)], 0, None),
    "came and went": (KIND, NEVER, [RAISED, CLEARED], 0, (Mode.DIGEST, Reason.NEW, 0)),
    "came and went long ago": (
        KIND, NEVER, [Step(Change.RAISED, 2, OLD), Step(Change.CLEARED, 0, OLD)], 0, None,
    ),
    "went and came": (KIND, WARNED, [CLEARED, RAISED], 2, None),
    "held back": (KIND, Told(0, None, is_held=True), [RAISED], 2, None),
    "taken back": (KIND, WARNED, [], 0, (Mode.DIGEST, Reason.CORRECTION, None)),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_is_told(name):
    kind, told, steps, level, expected = TABLE[name]

    found = tell(kind, told, steps, level, NOW)

    assert (None if found.mode is None else (found.mode, found.reason, found.step)) == expected


@pytest.mark.parametrize(
    ("name", "level"),
    [("raised", 2), ("cleared", 0), ("ended", 0), ("taken back", 0), ("held back", 0),
     ("the end of a kind that has none to tell", 0), ("came and went", 0)],
)  # fmt: skip
def test_what_counts_as_told_afterwards(name, level):
    kind, told, steps, now_level, _ = TABLE[name]

    assert tell(kind, told, steps, now_level, NOW).told.level == level
