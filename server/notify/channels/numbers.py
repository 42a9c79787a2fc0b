"""Telephone numbers as networks want them: E.164, `+` and up to fifteen digits."""

import re

from wire.errors import ConfigError

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_DECORATION = str.maketrans("", "", " -()./")


def require_number(text: str) -> str:
    """Give a number without spaces and the like; raises ConfigError for what is none."""
    number = text.translate(_DECORATION)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if not _NUMBER.fullmatch(number):
        raise ConfigError(
            f"telephone number '{text}'",
            "is no international number; write it with + and the country, such as +8613800138000",
        )
    return number
