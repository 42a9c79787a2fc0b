"""SMS through a provider's HTTP gateway: whatever it wants, written once in the settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from server.notify.channels.numbers import require_number
from server.notify.channels.port import Answer, Envelope
from server.notify.channels.post import answer_of, post, require_sound, unreachable
from wire.errors import ConfigError

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """How the provider is asked. `{to}` and `{text}` stand for the number and what is said.

    `fields` go as a form, or as JSON where `is_json`; in an address the two are escaped. `token`
    goes as `Authorization: Bearer`, or under the header that is named.
    """

    url: str
    fields: Mapping[str, str]
    is_json: bool = False
    token: str = field(default="", repr=False)
    token_header: str = "Authorization"  # noqa: S105 - a header's name


class Sms:
    """Asks the provider to send. The unavoidable double: its answer is lost after it has sent."""

    def __init__(self, settings: SmsSettings) -> None:
        """Check the settings; raises ConfigError."""
        require_sound(settings.url.replace("{", "").replace("}", ""), "notify.sms.url")
        wanted = [settings.url, *settings.fields.values()]
        for blank in ("{to}", "{text}"):
            if not any(blank in one for one in wanted):
                raise ConfigError(
                    "notify.sms",
                    f"neither url nor fields say where {blank} goes; write it where the provider "
                    "wants it",
                )
        self._settings = settings

    def close(self) -> None:
        """Nothing is kept between messages."""

    def send(self, envelope: Envelope) -> Answer:
        """Ask for one message; `short` is what it says."""
        number, text = require_number(envelope.address), envelope.said.short
        fields = {key: _filled(one, number, text) for key, one in self._settings.fields.items()}
        address = _filled(self._settings.url, quote(number, safe=""), quote(text, safe=""))
        body = json.dumps(fields) if self._settings.is_json else urlencode(fields)
        try:
            return answer_of(post(address, body.encode(), self._headers()))
        except OSError as error:
            return unreachable(self._settings.url, error)

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": _JSON if self._settings.is_json else _FORM,
            "User-Agent": "Saxaul",
        }
        if self._settings.token:
            name = self._settings.token_header
            bearer = "Bearer " if name.lower() == "authorization" else ""
            headers[name] = f"{bearer}{self._settings.token}"
        return headers


def _filled(template: str, number: str, text: str) -> str:
    """Put the two in; what stands in a text is never taken for a blank."""
    return text.join(one.replace("{to}", number) for one in template.split("{text}"))
