"""Telegram, through a bot: the address is the chat's id."""

import json
from dataclasses import dataclass, field

from server.notify.channels.port import Answer, Envelope, Later, Never
from server.notify.channels.post import Reply, answer_of, post, require_sound, unreachable

_MOST_LETTERS = 4096


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """`token` is the bot's."""

    token: str = field(repr=False)
    base: str = "https://api.telegram.org"


class Telegram:
    """Asks the bot to say it. The unavoidable double: its answer is lost after it was said."""

    def __init__(self, settings: TelegramSettings) -> None:
        """Check the address; raises ConfigError."""
        require_sound(settings.base, "notify.telegram.base")
        self._settings = settings

    def close(self) -> None:
        """Nothing is kept between messages."""

    def send(self, envelope: Envelope) -> Answer:
        """Say it, subject first."""
        text = f"{envelope.said.subject}\n\n{envelope.said.text}"[:_MOST_LETTERS]
        body = {"chat_id": envelope.address, "text": text, "disable_notification": False}
        address = f"{self._settings.base}/bot{self._settings.token}/sendMessage"
        headers = {"Content-Type": "application/json", "User-Agent": "Saxaul"}
        try:
            return _answer(post(address, json.dumps(body).encode(), headers))
        except OSError as error:
            return unreachable(self._settings.base, error)


def _answer(reply: Reply) -> Answer:
    """Read what the bot API says: 403 and `chat not found` are about the chat, not about us."""
    if reply.status == 429:
        return Later("Telegram asks for a rest", _rest_s(reply.text))
    if reply.status == 403 or (reply.status == 400 and "chat not found" in reply.text):
        return Never("the chat does not take messages of this bot any more", is_address=True)
    if reply.status in (401, 404):
        return Never("Telegram does not know the bot's token; set notify.telegram anew")
    return answer_of(reply)


def _rest_s(text: str) -> float:
    try:
        return float(json.loads(text)["parameters"]["retry_after"])
    except (ValueError, KeyError, TypeError):
        return 0.0
