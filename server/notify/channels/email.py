"""Mail, by SMTP (RFC 5321) with TLS; what is not encrypted goes to this machine only.

The one unavoidable case: the line breaks after the text was handed over, before the server has
said that it took it (RFC 5321, 4.5.3.2.6). Then nobody knows, and it is not sent again.
"""

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from server.notify.bounces.replies import blames_address
from server.notify.channels.offer import Policy, require_address
from server.notify.channels.port import Answer, Envelope, Later, Never, Sent, UnsureError
from server.settings import SMTP_PASSWORD_VARIABLE
from wire.errors import ConfigError

# Not every server on the way takes more than seven bits (RFC 5321, 2.4).
_POLICY = SMTP.clone(cte_type="7bit")
_TIMEOUT_S = 30.0
# A server that hears nothing for some minutes hangs up (RFC 5321, 4.5.3.2.7): we do before.
_IDLE_S = 30.0

_GOING_AWAY = 421


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server and who we are there; `tls` is starttls, tls or none.

    `returns` is where mail that cannot be delivered goes; "" for the sender.
    """

    host: str
    port: int
    tls: str
    user: str
    password: str = field(repr=False)
    sender: str
    sender_name: str
    ca_file: str = ""
    returns: str = ""


class _RefusedError(Exception):
    """The server said no; the answer says to what."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class EmailChannel:
    """Sends mail; keeps the connection for a while."""

    def __init__(
        self, smtp: Smtp, clock: Callable[[], int], monotonic_s: Callable[[], float]
    ) -> None:
        """Prepare; `clock` gives milliseconds UTC."""
        self._smtp = smtp
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._line: smtplib.SMTP | None = None
        self._used_s = 0.0

    def send(self, envelope: Envelope) -> Answer:
        """Send one mail; raises UnsureError when nobody can say whether it went out."""
        try:
            require_address("email", envelope.address, Policy(), by_administrator=True)
        except ConfigError as error:
            return Never(str(error), is_address=True)
        mail = write_mail(envelope, self._smtp, self._clock())
        try:
            line = self._connected()
            return self._hand_over(line, envelope, mail.as_bytes())
        except _RefusedError as error:
            return error.answer
        except UnsureError:
            self._close()
            raise
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            return Later(self._unreachable(error), is_channel=True)

    def close(self) -> None:
        """Hang up."""
        self._close()

    def _connected(self) -> smtplib.SMTP:
        if self._line is not None and self._monotonic_s() - self._used_s > _IDLE_S:
            self._close()
        if self._line is not None and not _is_alive(self._line):
            self._close()
        if self._line is None:
            self._line = self._connect()
        return self._line

    def _connect(self) -> smtplib.SMTP:
        smtp, own = self._smtp, socket.gethostname()
        context = _trust(smtp.ca_file)
        line: smtplib.SMTP
        if smtp.tls == "tls":
            line = smtplib.SMTP_SSL(smtp.host, smtp.port, own, timeout=_TIMEOUT_S, context=context)
        else:
            line = smtplib.SMTP(smtp.host, smtp.port, own, timeout=_TIMEOUT_S)
        try:
            if smtp.tls == "starttls":
                line.starttls(context=context)
            if smtp.user:
                line.login(smtp.user, smtp.password)
        except BaseException:
            line.close()
            raise
        return line

    def _hand_over(self, line: smtplib.SMTP, envelope: Envelope, mail: bytes) -> Answer:
        line.ehlo_or_helo_if_needed()
        sender = return_path(self._smtp, envelope.token)
        self._require(line, line.mail(sender, _options(line, envelope.token)), self._of_sender)
        self._require(line, line.rcpt(envelope.address), _of_address)
        self._require(line, line.docmd("DATA"), _of_text, good=354)
        receipt = self._require(line, _data(line, mail), _of_text)
        self._used_s = self._monotonic_s()
        return Sent(receipt)

    def _require(
        self,
        line: smtplib.SMTP,
        reply: tuple[int, bytes],
        of: Callable[[int, str], Answer],
        good: int = 250,
    ) -> str:
        """Give what the server said; raises _RefusedError where that is not what is needed."""
        code, said = reply
        told = " ".join(said.decode(errors="replace").split())
        if code == good or (good == 250 and code == 251):
            return told
        if code == _GOING_AWAY:
            self._close()
            raise _RefusedError(Later(f"the mail server says: {code} {told}", is_channel=True))
        line.rset()
        if code < 500:
            raise _RefusedError(Later(f"the mail server says: {code} {told}"))
        raise _RefusedError(of(code, told))

    def _of_sender(self, code: int, told: str) -> Answer:
        sender, returns = self._smtp.sender, self._smtp.returns
        check = "notify.bounce_address" if returns else "notify.sender"
        return Later(
            f"the mail server does not take mail from '{returns or sender}': {code} {told}; "
            f"check {check} and notify.smtp_user",
            is_channel=True,
        )

    def _unreachable(self, error: Exception) -> str:
        smtp = self._smtp
        where = f"the mail server {smtp.host}:{smtp.port}"
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return (
                f"{where} refuses our password: check notify.smtp_user and {SMTP_PASSWORD_VARIABLE}"
            )
        if isinstance(error, ssl.SSLError):
            return f"{where}: {error}; check notify.smtp_tls and notify.smtp_ca_file"
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return f"{where}: {error}; check notify.smtp_tls and notify.smtp_user"
        return f"{where} cannot be used: {error}; check notify.smtp_host and notify.smtp_port"

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None


def write_mail(envelope: Envelope, smtp: Smtp, now_ms: int) -> EmailMessage:
    """Write a mail as plain text and HTML."""
    mail = EmailMessage(policy=_POLICY)
    local, _, domain = smtp.sender.rpartition("@")
    mail["From"] = Address(smtp.sender_name, local, domain)
    mail["To"] = envelope.address
    mail["Subject"] = envelope.said.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    # The same each time it is tried: mailboxes show one of equal numbers once.
    number = envelope.token or sha256(envelope.key.encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{number}@{domain}>"
    if envelope.follows:  # RFC 5322, 3.6.4: what became of a warning stands below it
        mail["In-Reply-To"] = f"<{envelope.follows[-1]}@{domain}>"
        mail["References"] = " ".join(f"<{one}@{domain}>" for one in envelope.follows)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: nobody's holiday answers it
    if envelope.links.unsubscribe:
        mail["List-Unsubscribe"] = f"<{envelope.links.unsubscribe}>"
        if envelope.links.unsubscribe.startswith("https:"):  # RFC 8058, 3.1
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if envelope.is_urgent:
        mail["Importance"] = "high"
    mail.set_content(envelope.said.text)
    mail.add_alternative(envelope.said.html, subtype="html")
    mail["Content-Language"] = envelope.said.language
    return mail


def return_path(smtp: Smtp, token: str) -> str:
    """Say to whom a mail that cannot be delivered goes: an address of its own (RFC 5233)."""
    local, _, domain = smtp.returns.rpartition("@")
    return f"{local}+{token}@{domain}" if smtp.returns and token else smtp.returns or smtp.sender


def _options(line: smtplib.SMTP, token: str) -> list[str]:
    """Ask for reports with the head of the mail and its number alone (RFC 3461, 4.3 and 4.4)."""
    return ["RET=HDRS", f"ENVID={token}"] if token and line.has_extn("dsn") else []


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # an SSLError is one
        why = f"the file of authorities '{ca_file}' cannot be used: {error.strerror or error}"
        raise _RefusedError(Later(f"{why}; check notify.smtp_ca_file", is_channel=True)) from None


def _is_alive(line: smtplib.SMTP) -> bool:
    try:
        return line.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def _data(line: smtplib.SMTP, mail: bytes) -> tuple[int, bytes]:
    """Hand the text over; from here on a line that breaks leaves it open."""
    stuffed = b"\r\n".join(
        b"." + one if one.startswith(b".") else one for one in mail.split(b"\r\n")
    )
    if not stuffed.endswith(b"\r\n"):
        stuffed += b"\r\n"
    try:
        line.send(stuffed + b".\r\n")
        return line.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise UnsureError(f"the line broke before the mail server had answered: {error}") from error


def _of_address(code: int, told: str) -> Answer:
    if blames_address(code, told):
        return Never(
            f"the mail server refuses the address: {code} {told}; ask for the right one and add "
            "it anew",
            is_address=True,
        )
    return Never(
        f"the mail server does not take mail to this address from us: {code} {told}; ask whoever "
        "runs it"
    )


def _of_text(code: int, told: str) -> Answer:
    return Never(f"the mail server refuses the text: {code} {told}")
