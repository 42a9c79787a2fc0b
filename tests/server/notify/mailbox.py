"""A real SMTP server on loopback, and what came to it."""

import email
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from deploy.ports import free_port, wait_until


@dataclass
class MailServer:
    """Takes mail; `refuses` gives the answer to an address, `answers` those to texts, in turn."""

    refuses: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    hangs_up: bool = False  # when it has got the text
    tls: ssl.SSLContext | None = None
    port: int = field(default_factory=free_port)
    controller: Controller | None = None

    def start(self) -> "MailServer":
        self.controller = _Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()
        return self

    def stop(self) -> None:
        if self.controller is not None:
            self.controller.stop()
        self.controller = None

    def await_mails(self, count: int, timeout_s: float = 20.0) -> list[EmailMessage]:
        assert wait_until(lambda: len(self.mails) >= count, timeout_s), len(self.mails)
        return self.mails

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.hangs_up:
            server.transport.abort()
            return "451 never heard"
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return f"250 2.0.0 queued as {len(self.mails)}"


class _Controller(Controller):
    def __init__(self, server: MailServer, **options) -> None:
        super().__init__(server, **options)
        self._tls = server.tls

    def factory(self) -> SMTP:
        return SMTP(self.handler, tls_context=self._tls, require_starttls=self._tls is not None)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return part.get_content()
