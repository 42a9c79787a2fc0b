"""A real SMTP server on loopback, and what came to it."""

import email
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from deploy.ports import free_port, wait_until


@dataclass
class MailServer:
    """Takes mail; `refuses` gives the answer to an address, `answers` those to texts, in turn."""

    refuses: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    hangs_up: bool = False  # when it has got the text
    tls: ssl.SSLContext | None = None
    is_wrapped: bool = False  # in TLS from the beginning; else STARTTLS is required
    offers_login: bool = False
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    controller: Controller | None = None

    def start(self) -> "MailServer":
        wrap = self.tls if self.is_wrapped else None
        where = {"hostname": "127.0.0.1", "port": self.port, "ssl_context": wrap}
        self.controller = _Controller(self, **where)
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
        self.senders.append(envelope.mail_from)
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return f"250 2.0.0 queued as {len(self.mails)}"


class _Controller(Controller):
    def __init__(self, server: MailServer, **options) -> None:
        super().__init__(server, ready_timeout=30.0, **options)
        self._server = server

    def factory(self) -> SMTP:
        starts = self._server.tls if not self._server.is_wrapped else None
        return SMTP(
            self.handler,
            tls_context=starts,
            require_starttls=starts is not None,
            auth_exclude_mechanism=None if self._server.offers_login else ("LOGIN", "PLAIN"),
            auth_require_tls=False,
            authenticator=self._let_in,
        )

    def _let_in(self, _server, _session, _envelope, _mechanism, given) -> AuthResult:
        self._server.logins.append((given.login, given.password))
        return AuthResult(success=given.password == b"right", handled=False)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return part.get_content()
