"""`saxaul-server preview`: any message in any language, before it is ever sent."""

import argparse

from server.alerts.kinds import KINDS
from server.alerts.machine import Change
from server.ingest.service import wall_clock_ms
from server.words.facts import Links, Occasion
from server.words.languages import LANGUAGES
from server.words.preview import preview
from server.words.render import render

OK = 0
_LINKS = Links(
    evidence="https://saxaul.example/alerts/7",
    acknowledge="https://saxaul.example/a/acknowledge",
    snooze="https://saxaul.example/a/snooze",
    pause="https://saxaul.example/a/pause",
    unsubscribe="https://saxaul.example/a/unsubscribe",
)


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "preview",
        help="show what people would be told, in any language",
        description="Makes up a warning and prints its message; nothing is sent.",
    )
    parser.add_argument("--kind", choices=sorted(KINDS), default="dry_soil")
    changes = [one.value for one in Change]
    parser.add_argument("--change", choices=changes, default=Change.RAISED.value)
    occasions = [one.value for one in Occasion]
    parser.add_argument("--occasion", choices=occasions, default=Occasion.NEW.value)
    parser.add_argument("--language", choices=sorted(LANGUAGES), default="en")
    parser.add_argument("--as", dest="form", choices=("text", "sms", "html"), default="text")
    return parser


def run(arguments: argparse.Namespace) -> str:
    """Give what is to be printed."""
    now_ms = wall_clock_ms()
    fact = preview(arguments.kind, Change(arguments.change), Occasion(arguments.occasion), now_ms)
    is_digest = fact.occasion is Occasion.DIGEST
    said = render([fact], arguments.language, _LINKS, now_ms, is_digest=is_digest)
    if arguments.form == "text":
        return f"{said.subject}\n\n{said.text}"
    return said.short if arguments.form == "sms" else said.html
