"""The truth table: what happens, and what must be told of it. Played to the pure parts and to databases.

The rule: dry soil by hourly samples; warning at 0.5, left above 0.6; critical at 0.1, left above 0.2;
6 h to enter, 3 h to leave; 75 % of the samples good; a gap of more than 3 h breaks a run. Words:
parched 0.05, dry 0.4, moist 0.55 (within the deadband), wet 0.8.
"""

from dataclasses import replace

from server.alerts.condition import Condition, Level, Season, Severity, Side
from tests.server.alerts.timeline import HOUR_MS

DRY = Condition(
    side=Side.BELOW,
    levels=(Level(Severity.WARNING, 0.5, 0.6), Level(Severity.CRITICAL, 0.1, 0.2)),
    interval_ms=HOUR_MS,
    silence_ms=3 * HOUR_MS,
    on_delay_ms=6 * HOUR_MS,
    off_delay_ms=3 * HOUR_MS,
    min_share=0.75,
)
CONDITIONS = {
    "rule": DRY,
    # 0.4 is dry no longer.
    "lenient": replace(
        DRY, levels=(Level(Severity.WARNING, 0.3, 0.35), Level(Severity.CRITICAL, 0.02, 0.03))
    ),
    # 0.4 is critical.
    "strict": replace(
        DRY, levels=(Level(Severity.WARNING, 0.7, 0.75), Level(Severity.CRITICAL, 0.45, 0.5))
    ),
    # Holds in June alone, of a zone that is eight hours ahead.
    "june": replace(DRY, season=Season(frozenset({6}), "Asia/Shanghai")),
    "summer": replace(DRY, season=Season(frozenset({7, 8}), "UTC")),
    "at once": replace(DRY, on_delay_ms=0, off_delay_ms=0),
}

STORIES = {
    "soil dries and rain comes": """
        00:00-09:00 wet
        09:00 expect normal
        10:00-15:00 dry
        15:00 expect nothing
        15:00 expect normal
        16:00 dry
        16:00 expect raised warning since 10:00
        16:00 expect warning since 10:00
        17:00-20:00 dry
        21:00-23:00 wet
        23:00 expect nothing
        23:00 expect warning since 10:00
        day 2 00:00 wet
        00:00 expect cleared normal since day 1 21:00
        00:00 expect normal
    """,
    "a sample on the line counts as dry, and one on the deadband's end as not recovered": """
        00:00-06:00 0.5
        06:00 expect raised warning since 00:00
        07:00-12:00 0.6
        12:00 expect warning
        13:00-16:00 0.61
        16:00 expect cleared since 13:00
    """,
    "a gap that is short": """
        10:00-12:00 dry
        13:00 gap
        14:00-15:00 dry
        16:00 dry
        16:00 expect raised warning since 10:00
    """,
    "too few samples cannot complete, enough later can": """
        10:00 dry
        11:00-12:00 gap
        13:00 dry
        14:00-15:00 gap
        16:00 dry
        16:00 expect normal
        17:00-23:00 dry
        # 4 of the run's hours are missing: 11 of 15 are too few, 12 of 16 are enough
        day 2 00:00 dry
        00:00 expect normal
        01:00 dry
        01:00 expect raised warning since day 1 10:00
    """,
    "a gap that is longer than silence breaks the run": """
        10:00-14:00 dry
        15:00-17:00 gap
        18:00-23:00 dry
        23:00 expect normal
        day 2 00:00 dry
        00:00 expect raised warning since day 1 18:00
    """,
    "a gap while active: nothing is told, and it is never recovered by it": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        07:00-23:00 gap
        day 2 00:00 gap
        00:00 expect nothing
        10:00-12:00 wet
        12:00 expect warning since day 1 00:00
        13:00 wet
        13:00 expect cleared since 10:00
    """,
    "a long gap breaks the run of recovery as well": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        07:00-09:00 wet
        10:00-13:00 gap
        14:00 wet
        14:00 expect warning
        15:00-17:00 wet
        17:00 expect cleared since 14:00
    """,
    "missing samples are no evidence": """
        00:00-06:00 missing
        06:00 expect normal
        07:00-12:00 dry
        12:00 missing
        13:00 dry
        13:00 expect raised warning since 07:00
        14:00-23:00 missing
        23:00 expect warning
        23:00 expect nothing
    """,
    "suspect samples neither raise nor clear": """
        00:00-10:00 dry suspect
        10:00 expect normal
        11:00-17:00 dry
        17:00 expect raised warning since 11:00
        18:00-23:00 wet suspect
        23:00 expect warning since 11:00
        day 2 00:00-06:00 wet failed
        06:00 expect warning
    """,
    "one suspect sample does not break a run": """
        00:00-02:00 dry
        03:00 wet suspect
        04:00-06:00 dry
        06:00 expect raised warning since 00:00
    """,
    "samples that nobody evaluated count": """
        00:00-06:00 dry unevaluated
        06:00 expect raised warning since 00:00
    """,
    "samples of a clock that nobody vouches for are no evidence": """
        00:00-10:00 dry clock-unknown
        10:00 expect normal
        11:00-17:00 dry
        17:00 expect raised warning since 11:00
        18:00-23:00 wet clock-unknown
        23:00 expect warning since 11:00
    """,
    "samples from the future are no evidence": """
        00:00-10:00 dry future
        10:00 expect normal
        11:00-17:00 dry
        17:00 expect raised warning since 11:00
    """,
    "samples that come twice count once": """
        10:00-13:00 dry
        13:10 again 10:00-13:00
        13:20 again 10:00-13:00
        13:20 expect normal
        14:00-16:00 dry
        16:00 expect raised warning since 10:00
        16:10 again 10:00-16:00
        16:10 expect nothing
        17:00-20:00 wet
        20:00 expect cleared since 17:00
        20:10 again 10:00-20:00
        20:10 expect nothing
        20:10 expect normal
    """,
    "flapping about the threshold": """
        10:00-12:00 0.49
        13:00 0.51
        14:00-16:00 0.49
        17:00 0.51
        18:00-20:00 0.49
        21:00 0.51
        21:00 expect normal
        21:00 expect nothing
    """,
    "flapping within the deadband while active": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        07:00 moist
        08:00 dry
        09:00 0.61
        10:00 0.59
        11:00-12:00 0.61
        13:00 moist
        14:00-15:00 0.61
        16:00 0.6
        16:00 expect warning since 00:00
        16:00 expect nothing
    """,
    "it gets worse, and better again": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        07:00-12:00 parched
        12:00 expect warning
        13:00 parched
        13:00 expect risen critical since 07:00
        13:00 expect critical since 00:00
        14:00-16:00 0.3
        16:00 expect critical
        17:00 0.3
        17:00 expect eased warning since 14:00
        18:00-23:00 dry
        day 2 00:00-03:00 wet
        03:00 expect cleared since 00:00
    """,
    "critical at once, and normal at once": """
        00:00-06:00 parched
        06:00 expect raised critical since 00:00
        07:00-10:00 wet
        10:00 expect cleared since 07:00
    """,
    "warning first, when critical begins later": """
        00:00-02:00 dry
        03:00-06:00 parched
        06:00 expect raised warning since 00:00
        07:00-09:00 parched
        09:00 expect risen critical since 03:00
    """,
    "late samples bring what was missed": """
        00:00 wet
        01:00-06:00 gap
        07:00 dry
        07:00 expect normal
        07:10 late 01:00-06:00 dry
        07:10 expect corrected raised warning at 07:00 since 01:00
        07:10 expect warning since 01:00
        08:00-09:00 dry
        09:00 expect nothing
    """,
    "late samples take back what was not true": """
        10:00-11:00 dry
        13:00-16:00 dry
        16:00 expect raised warning since 10:00
        16:30 late 12:00 wet
        16:30 expect superseded raised warning at 16:00 since 10:00
        16:30 expect normal
        17:00-18:00 dry
        19:00 dry
        19:00 expect raised warning since 13:00
    """,
    "late samples of an episode that is over": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        07:00-08:00 dry
        12:00 wet
        12:00 expect warning
        12:30 late 09:00-11:00 wet
        12:30 expect corrected cleared at 12:00 since 09:00
        12:30 expect normal
        13:00-18:00 wet
        18:00 expect nothing
    """,
    "a whole episode arrives late, between what was normal": """
        00:00-01:00 wet
        23:00 wet
        23:10 late 02:00-12:00 dry
        23:10 expect corrected raised warning at 08:00 since 02:00
        23:10 expect warning since 02:00
        23:20 late 13:00-17:00 wet
        23:20 expect corrected cleared at 16:00 since 13:00
        23:20 expect normal
    """,
    "late samples that change nothing": """
        00:00-03:00 wet
        05:00-09:00 wet
        09:10 late 04:00 wet
        09:10 expect nothing
        10:00-13:00 dry
        15:00-16:00 dry
        16:00 expect raised warning since 10:00
        16:10 late 14:00 dry
        16:10 expect nothing
        16:10 expect warning since 10:00
        16:20 late 04:00 missing
        16:20 expect nothing
    """,
    "reordered samples": """
        00:00 wet
        05:00 late 03:00 dry
        05:00 late 02:00 dry
        05:00 late 01:00 dry
        05:00 late 04:00 dry
        05:00 dry
        07:00 dry
        07:00 expect raised warning since 01:00
        07:10 late 06:00 dry
        07:10 expect nothing
    """,
    "a restart changes nothing and repeats nothing": """
        10:00-12:00 dry
        12:10 restart
        13:00-15:00 dry
        15:10 restart
        16:00 dry
        16:00 expect raised warning since 10:00
        16:10 restart
        16:10 expect nothing
        16:10 expect warning since 10:00
        17:00-18:00 wet
        18:10 restart
        19:00-20:00 wet
        20:00 expect cleared since 17:00
        20:10 restart
        20:10 expect nothing
    """,
    "an edited rule that says the same tells nothing": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        06:10 rule june
        06:10 expect nothing
        06:10 expect warning since 00:00
        07:00-09:00 wet
        10:00 wet
        10:00 expect cleared since 07:00
    """,
    "an edited rule that says normal ends it, and it is not recovered": """
        00:00-07:00 dry
        06:00 expect raised warning since 00:00
        07:10 rule lenient
        07:10 expect ended normal at 07:00
        07:10 expect normal
        08:00-10:00 dry
        10:00 expect nothing
    """,
    "an edited rule that says worse": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        06:10 rule strict
        06:10 expect risen critical at 06:00 since 00:00
        06:10 expect critical since 00:00
        07:00-10:00 wet
        10:00 expect cleared since 07:00
    """,
    "an edited rule while it was pending": """
        00:00-05:00 dry
        05:10 rule lenient
        06:00-08:00 dry
        08:00 expect normal
        08:10 rule rule
        08:10 expect raised warning at 06:00 since 00:00
    """,
    "late samples from before a rule was edited do not undo the edit": """
        00:00-06:00 dry
        06:00 expect raised warning since 00:00
        08:00 dry
        08:10 rule lenient
        08:10 expect ended at 08:00
        09:00 dry
        09:10 late 07:00 dry
        09:10 expect nothing
        09:10 expect normal
    """,
    "out of season nothing is raised": """
        00:00 rule summer
        00:00-12:00 dry
        12:00 expect normal
        12:00 expect nothing
    """,
    "the season ends an episode silently, by the site's own midnight": """
        00:00 rule june
        day 30 00:00-06:00 dry
        06:00 expect raised warning since 00:00
        07:00-15:00 dry
        15:00 expect warning
        16:00 dry
        16:00 expect ended normal
        17:00-23:00 dry
        23:00 expect normal
        23:00 expect nothing
    """,
    "a season begins with what is seen in it": """
        00:00 rule summer
        day 30 12:00-23:00 dry
        day 31 00:00-05:00 dry
        05:00 expect normal
        06:00 dry
        06:00 expect raised warning since 00:00
    """,
    "without delays a single sample decides": """
        00:00 rule at once
        00:00 wet
        01:00 dry
        01:00 expect raised warning since 01:00
        02:00 parched
        02:00 expect risen critical since 02:00
        03:00 dry
        03:00 expect eased warning since 03:00
        04:00 wet
        04:00 expect cleared since 04:00
    """,
}
