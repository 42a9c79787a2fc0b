"""A message to try channels with."""

from server.notify.channels.port import Envelope
from server.words.facts import Links, Rendered

SAID = Rendered("en", "Dry soil: Dune 1", "The soil is dry.\n", "<p>dry</p>", "Dune 1 is dry {to}")


def envelope(address: str, key: str = "notice-7:3", **facts: object) -> Envelope:
    """Make a message to an address."""
    return Envelope(key, address, SAID, Links(evidence="https://saxaul.example/w/7"), facts=facts)
