"""Addresses of Apprise, as far as one can tell without it (it need not be installed).

Administrators only: such an address may lead anywhere this server can reach, and holds passwords.
"""

import re

from wire.errors import ConfigError

_MOST_LETTERS = 2000
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.ASCII | re.IGNORECASE)


def require_apprise(text: str) -> str:
    """Give an address that Apprise may know; raises ConfigError, which does not tell it."""
    address = text.strip()
    if len(address) > _MOST_LETTERS or not _SCHEME.fullmatch(address):
        raise ConfigError(
            "the Apprise address",
            "is none; write it as service://… in one word, as https://appriseit.com/services "
            "lists them",
        )
    return address
