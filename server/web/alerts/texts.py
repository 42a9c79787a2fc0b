"""What the pages of warnings and for subscribers say, in English: the names in the catalogs."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from babel.dates import format_timedelta, get_timezone_location
from babel.lists import format_list

from server.words.languages import LANGUAGES, Language, language_of, locale_of, say
from server.words.phrases import N_
from server.words.quantities import duration, instant

TEXTS = {
    "title": N_("Get warnings by message"),
    "lead": N_(
        "When soil gets dry, or frost or a storm comes, we write to you. You need no account, and "
        "you can stop it at any time."
    ),
    "where": N_("Where"),
    "whole_site": N_("%(site)s, all of it"),
    "all_sites": N_("All sites"),
    "what": N_("What"),
    "everything": N_("Everything"),
    "how_bad": N_("How bad"),
    "notices": N_("Notices, too"),
    "warnings": N_("Warnings and worse"),
    "serious": N_("Serious warnings only"),
    "channel": N_("Send by"),
    "email": N_("E-mail"),
    "sms": N_("SMS"),
    "telegram": N_("Telegram"),
    "web_push": N_("This phone"),
    "push_do": N_("Tell me on this phone"),
    "push_ready": N_(
        "Chosen: this phone. Now press the button below, then confirm it in the message that comes."
    ),
    "push_denied": N_(
        "This phone does not allow it. Allow notifications for this site in the browser's "
        "settings, or choose another way."
    ),
    "push_failed": N_("This browser cannot be reached by messages. Choose another way."),
    "address": N_("Address or number"),
    "how_often": N_("How often"),
    "immediate": N_("At once"),
    "daily": N_("Once a day, in one message"),
    "weekly": N_("Once a week, in one message"),
    "quiet_from": N_("Do not disturb from"),
    "quiet_until": N_("until"),
    "wake": N_("But wake me for serious warnings"),
    "zone": N_("Time zone"),
    "ask": N_("Write to me"),
    "asked_title": N_("Please look at your messages"),
    "asked": N_(
        "We have written to %(address)s. Press the link in that message: before that you get "
        "nothing. If none comes within an hour, look into the folder for unwanted mail."
    ),
    "not_set_up": N_("This server sends no messages yet. Ask whoever runs it."),
    "bad_address": N_("We cannot write to %(address)s. Write it as in name@example.org."),
    "bad_quiet": N_("Write both times of rest, as in 21:00 and 06:30."),
    "too_many": N_("Very many people are asking just now. Please try again in an hour."),
    "bad": N_("This cannot be kept: %(detail)s"),
    "press": N_("Nothing has happened yet: press the button if you want it."),
    "confirm_ask": N_("Do you want warnings of %(site)s?"),
    "confirm_do": N_("Yes, send me warnings"),
    "confirm_done": N_(
        "From now on you get warnings of %(site)s. You can change or stop that at any time."
    ),
    "stop_ask": N_("Do you want no more messages at %(address)s?"),
    "stop_do": N_("Stop these messages"),
    "stop_done": N_("You get no more messages at %(address)s."),
    "pause_ask": N_("Do you want no message for a week?"),
    "pause_do": N_("Pause all messages for a week"),
    "pause_done": N_("You get no message until %(until)s."),
    "resume_do": N_("Send me messages again"),
    "resume_done": N_("You get messages again."),
    "care_do": N_("I take care of it"),
    "care_done": N_("Thank you. The others are told no more about it until it gets worse."),
    "over": N_("It is over already: there is nothing to do."),
    "snooze_do": N_("Remind me tomorrow"),
    "snooze_done": N_("We write to you tomorrow if it is still so."),
    "manage": N_("Your messages"),
    "unconfirmed": N_("not confirmed yet"),
    "ended": N_("stopped"),
    "forget_do": N_("Stop everything and delete what you know of me"),
    "forget_done": N_("You get no more messages, and what we knew of you is deleted."),
    "dead_link": N_("This link does not hold any more."),
    "anew": N_("Ask for messages anew"),
    "alerts": N_("Warnings"),
    "none_new": N_("Nothing new to warn of"),
    "count_3": N_("Serious warnings: %(count)s"),
    "count_2": N_("Warnings: %(count)s"),
    "count_1": N_("Notices: %(count)s"),
    "count_seen_to": N_("Seen to: %(count)s"),
    "count_unseen": N_("Cannot see: %(places)s"),
    "now": N_("Now"),
    "unseen": N_("Cannot see"),
    "unseen_hint": N_(
        "Nothing good was measured there lately. It may be dry or not: nobody is told that it is "
        "over."
    ),
    "unseen_at": N_("We cannot see at %(place)s: %(kinds)s"),
    "last_seen": N_("last seen %(ago)s"),
    "before": N_("Before"),
    "seen_to": N_("Somebody sees to it"),
    "shelved": N_("Put aside"),
    "was": N_("was: %(severity)s"),
    "rule": N_("rule “%(rule)s”"),
    "times_of": N_("times of %(zone)s"),
    "sees_to": N_("%(who)s sees to it, since %(ago)s"),
    "nobody": N_("nobody sees to it yet"),
    "put_aside": N_("put aside by %(who)s until %(until)s"),
    "held_back": N_("Nobody is told of it now, for its gateway is gone"),
    "fine": N_("%(name)s, %(place)s: nothing to warn of now."),
    "stations": N_("Stations"),
    "rules": N_("Rules"),
    "as_json": N_("As JSON"),
    "feed_of": N_("Feed of %(site)s"),
    "evidence": N_("Evidence"),
    "time_shown": N_("Time shown"),
    "all": N_("All"),
    "plot_key": N_("Dashed: where a level begins. Shaded: while it was so."),
    "plot_needs": N_("The plot needs JavaScript; what it rests on stands below."),
    "plot_failed": N_("The plot could not be read."),
    "care_hint": N_("Nobody is reminded any more, until it gets worse."),
    "your_name": N_("Your name"),
    "note": N_("Note, if any"),
    "remark_do": N_("Write a remark"),
    "remark": N_("Remark"),
    "remark_keep": N_("Keep the remark"),
    "unshelve_do": N_("Tell of it again"),
    "shelve_do": N_("Put it aside"),
    "shelve_hint": N_("It goes on being watched, but nobody is told of it for that long."),
    "for_how_long": N_("For how long"),
    "why": N_("Why"),
    "acts": N_("What people did"),
    "act_ack": N_("%(who)s takes care of it"),
    "act_comment": N_("%(who)s remarks"),
    "act_shelve": N_("%(who)s put it aside until %(until)s"),
    "act_unshelve": N_("%(who)s has it told again"),
    "history": N_("What became of it"),
    "nothing_yet": N_("Nothing yet."),
    "taken_back": N_("Taken back: readings that came late show that it was not so."),
    "found_late": N_("Found by readings that came late."),
    "see_rule": N_("See the rule"),
    "not_active": N_("It is no longer active: there is nothing to acknowledge."),
    "no_span": N_("Choose for how long."),
    "no_name": N_("Please write your name."),
    "no_note": N_("Please write what there is to say."),
    "zone_foot": N_("Times are those of %(zone)s."),
    "bounced": N_("This address takes no messages: %(reason)s"),
}

# What an address may ask for.
LANGUAGE_PATTERN = f"^({'|'.join(LANGUAGES)})$"

# Where our kind of sites are; more can be set up by whoever runs the server.
_ZONES = (
    *("Asia/Shanghai", "Asia/Urumqi", "Asia/Ulaanbaatar", "Asia/Hovd", "Asia/Almaty"),
    *("Asia/Bishkek", "Asia/Tashkent", "Asia/Dushanbe", "Asia/Ashgabat", "Asia/Tehran"),
    *("Asia/Riyadh", "Europe/Moscow", "Europe/Paris", "Africa/Algiers", "Africa/Cairo"),
    *("Africa/Nouakchott", "Africa/Dakar", "Africa/Bamako", "Africa/Ouagadougou"),
    *("Africa/Niamey", "Africa/Ndjamena", "UTC"),
)


class Tongue:
    """Says the texts in a language."""

    def __init__(self, wished: str, *, is_asked: bool = False) -> None:
        """Take the language nearest to what is wished for; what is asked for stays in links."""
        self.language: Language = language_of(wished)
        self.query = f"?language={self.language.code}" if is_asked else ""

    def __call__(self, name: str, /, **values: str) -> str:
        """Say one of the texts."""
        return say(self.language.code, TEXTS[name], **values)

    def say(self, message: str) -> str:
        """Say what is in the catalogs for messages, such as the name of a kind."""
        return say(self.language.code, message)

    def ago(self, milliseconds: int) -> str:
        """Write how long ago something was: "2 days ago"."""
        return format_timedelta(
            timedelta(milliseconds=-max(1000, milliseconds)),
            threshold=2,  # "36 hours ago" says more than "1 day ago"
            add_direction=True,
            locale=locale_of(self.language.code),
        )

    def clock(self, time_ms: int, zone: str) -> str:
        """Write an instant as a site's clock shows it."""
        return instant(self.language.code, time_ms, zone)

    def span(self, hours: int) -> str:
        """Write how long something lasts."""
        return duration(self.language.code, hours * 3600)

    def listed(self, names: Iterable[str]) -> str:
        """Join names: "a, b and c"."""
        return format_list(list(names), locale=locale_of(self.language.code))

    def zones(self, known: Sequence[str]) -> list[tuple[str, str]]:
        """Name time zones as cities: those of the sites first."""
        keys = list(dict.fromkeys([*(one for one in known if one != "UTC"), *_ZONES]))
        return [(one, self._city(one)) for one in keys]

    def _city(self, zone: str) -> str:
        if zone == "UTC":
            return zone
        locale = locale_of(self.language.code)
        return get_timezone_location(zone, locale=locale, return_city=True)


def others(chosen: Language) -> list[Language]:
    """List the languages a page can be read in instead."""
    return [one for one in LANGUAGES.values() if one.code != chosen.code]


def wished_language(asked: str | None, header: str) -> str:
    """Choose by what was asked for, else by what the browser prefers (RFC 9110, 12.5.4)."""
    if asked is not None:
        return asked
    wishes = [one.partition(";")[0].strip() for one in header[:500].split(",")]
    return next((one for one in wishes if one.split("-")[0].lower() in LANGUAGES), "en")
