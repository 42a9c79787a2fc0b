"""The sentences of each kind of warning, in English: they are also the names in the catalogs.

`%(place)s`, `%(value)s`, `%(threshold)s`, `%(since)s` are put in by `server.words.render`. A
sentence says what, where, since when and how much; the advice says what to do next.
"""

from dataclasses import dataclass

from server.alerts.machine import Change

N_ = str  # marks what is to be translated, for the extraction


@dataclass(frozen=True, slots=True)
class Phrases:
    """What is said of one kind: its name, that it began, that it is over, and what to do."""

    name: str
    begun: str
    over: str
    advice: str


_OVER = N_("%(name)s at %(place)s is over: %(value)s since %(since)s.")

PHRASES: dict[str, Phrases] = {
    "dry_soil": Phrases(
        N_("Dry soil"),
        N_(
            "The soil at %(place)s has been dry since %(since)s: %(value)s (warning at "
            "%(threshold)s)."
        ),
        N_("The soil at %(place)s is moist again since %(since)s: %(value)s."),
        N_("Look at the plants there, and water them if that is planned."),
    ),
    "getting_dry": Phrases(
        N_("Soil is getting dry"),
        N_("The soil at %(place)s will be dry in about %(value)s if it does not rain."),
        N_("The soil at %(place)s is not drying out as fast any more."),
        N_("Plan watering, or wait with planting until it rains."),
    ),
    "water_arrived": Phrases(
        N_("Water has reached the soil"),
        N_("Rain or irrigation has reached the soil at %(place)s: %(value)s more than before."),
        _OVER,
        N_("A good time to sow or plant if the season is right."),
    ),
    "rain": Phrases(
        N_("Rain"),
        N_("It has rained at %(place)s: %(value)s within a day."),
        _OVER,
        N_("A good time to sow or plant if the season is right."),
    ),
    "frost": Phrases(
        N_("Frost"),
        N_("Frost at %(place)s since %(since)s: %(value)s (warning at %(threshold)s)."),
        N_("The frost at %(place)s is over: %(value)s since %(since)s."),
        N_("Protect seedlings; drain hoses and pumps."),
    ),
    "heat": Phrases(
        N_("Heat"),
        N_("Heat at %(place)s since %(since)s: %(value)s (warning at %(threshold)s)."),
        N_("The heat at %(place)s is over: %(value)s since %(since)s."),
        N_("Work early and late, carry water, do not plant at midday."),
    ),
    "strong_wind": Phrases(
        N_("Strong wind"),
        N_("Strong wind at %(place)s since %(since)s: %(value)s (warning at %(threshold)s)."),
        N_("The wind at %(place)s has calmed: %(value)s since %(since)s."),
        N_("Fasten what is loose; look at straw barriers and fences afterwards."),
    ),
    "blowing_sand": Phrases(
        N_("Blowing sand"),
        N_("Sand is being blown at %(place)s: during %(value)s of the last hour."),
        N_("The sand at %(place)s lies still again."),
        N_("Keep animals sheltered; look at straw barriers afterwards."),
    ),
    "sandstorm": Phrases(
        N_("Sandstorm"),
        N_("Sandstorm at %(place)s since %(since)s: %(value)s of dust (warning at %(threshold)s)."),
        N_("The sandstorm at %(place)s is over: %(value)s of dust since %(since)s."),
        N_("Stay inside, shut windows, bring animals to shelter."),
    ),
    "surface_deflation": Phrases(
        N_("Sand surface is being blown out"),
        N_("The sand surface at %(place)s has changed by %(value)s within a week."),
        N_("The sand surface at %(place)s is steady again."),
        N_("Roots may be laid bare: repair the straw barrier there."),
    ),
    "sensor_fault": Phrases(
        N_("Sensor fault"),
        N_("The sensor at %(place)s gives readings that cannot be used: %(value)s."),
        N_("The sensor at %(place)s gives good readings again."),
        N_("Look at its cable and plug; exchange it if it stays like this."),
    ),
    "no_data": Phrases(
        N_("No data"),
        N_("Nothing has been measured at %(place)s for %(value)s. We cannot see how it is there."),
        N_("%(place)s is measuring again."),
        N_("Look at power and cables of the station."),
    ),
    "gateway_offline": Phrases(
        N_("Gateway offline"),
        N_(
            "%(place)s has not been heard since %(since)s. We cannot see how its stations are; "
            "their readings are kept there and come later."
        ),
        N_("%(place)s is heard again since %(since)s."),
        N_("Look at its power and its mobile network."),
    ),
    "gateway_battery": Phrases(
        N_("Low battery"),
        N_(
            "The battery at %(place)s is low since %(since)s: %(value)s (warning at %(threshold)s)."
        ),
        N_("The battery at %(place)s is charged again: %(value)s."),
        N_("Clean the solar panel; look at the battery and its cables."),
    ),
    "gateway_clock": Phrases(
        N_("Clock is not known"),
        N_(
            "No clock can be trusted at %(place)s since %(since)s: its readings are stored, but no "
            "warning is made of them."
        ),
        N_("The clock of %(place)s is right again."),
        N_("It needs the network or a satellite receiver; saxaul-gateway doctor says more."),
    ),
    "gateway_certificate": Phrases(
        N_("Certificate ends"),
        N_("The certificate of %(place)s ends in %(value)s: nothing can be sent after that."),
        N_("The certificate of %(place)s has been renewed."),
        N_("Renew it before it ends."),
    ),
    "threshold": Phrases(
        N_("Threshold passed"),
        N_(
            "%(what)s at %(place)s is %(value)s since %(since)s (threshold %(threshold)s, rule "
            "%(rule)s)."
        ),
        N_("%(what)s at %(place)s is back within its threshold: %(value)s since %(since)s."),
        N_("Look at what was agreed for this rule."),
    ),
    "rate": Phrases(
        N_("Fast change"),
        N_(
            "%(what)s at %(place)s is changing fast: %(value)s (threshold %(threshold)s, rule "
            "%(rule)s)."
        ),
        N_("%(what)s at %(place)s is changing slowly again."),
        N_("Look at what was agreed for this rule."),
    ),
    "comparison": Phrases(
        N_("Differs from another plot"),
        N_(
            "%(what)s at %(place)s differs from the other plot by %(value)s (threshold "
            "%(threshold)s, rule %(rule)s)."
        ),
        N_("%(what)s at %(place)s is like the other plot again."),
        N_("Look at what was agreed for this rule."),
    ),
}

WORSE = N_("It has become worse.")
BETTER = N_("It has become better, but is not over.")
ENDED = N_("%(name)s at %(place)s is no longer watched: the season or the rule has changed.")
LOST = N_("%(name)s at %(place)s: since %(since)s nothing has been measured; we cannot see it.")
FOUND = N_("%(name)s at %(place)s: measured again since %(since)s.")
STILL = N_("Still so, %(duration)s after it began.")
NOBODY = N_("Nobody has acknowledged this yet.")
TAKEN_BACK = N_(
    "%(name)s at %(place)s since %(since)s: this was not so, as readings show that came later."
)
CORRECTED = N_("Readings that came late have changed what we told you.")

# How a heading says what became of it: what is over must not read like what has begun.
TITLES = {
    Change.RISEN: N_("Worse: %(name)s"),
    Change.EASED: N_("Better: %(name)s"),
    Change.CLEARED: N_("Over: %(name)s"),
    Change.ENDED: N_("No longer watched: %(name)s"),
    Change.LOST: N_("Cannot be seen: %(name)s"),
    Change.FOUND: N_("Seen again: %(name)s"),
}
STILL_TITLE = N_("Still: %(name)s")
CORRECTED_TITLE = N_("Corrected: %(name)s")

SEVERITIES = {
    0: N_("fine"),
    1: N_("notice"),
    2: N_("warning"),
    3: N_("serious warning"),
}
