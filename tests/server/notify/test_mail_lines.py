"""The line to the mail server: encrypted, to whom it should be, and only then the password."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.notify.channels.email import EmailChannel, write_mail
from server.notify.channels.port import Envelope, Later, Sent
from server.words.facts import Links, Rendered
from tests.server.notify.mailbox import MailServer
from tests.server.notify.village import smtp

NOW_MS = 1_795_000_000_000
WAYS = ("starttls", "tls")
TOKEN = "7-0123456789abcdef0123"


def envelope(token=""):
    said = Rendered("en", "Dry soil", "Dry.\n", "<p>Dry</p>", "Dry")
    return Envelope("7:1:email", "aygul@example.org", said, Links(), token=token)


def issue(folder, name):
    """Make a certificate that vouches for itself; gives the file that holds it with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(own, critical=False)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / f"{type(name).__name__}.pem"
    path.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM) + private)
    return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """The right certificate for 127.0.0.1, and one for another name."""
    folder = tmp_path_factory.mktemp("certificates")
    right = issue(folder, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    return right, issue(folder, x509.DNSName("elsewhere.example"))


@pytest.fixture
def serve():
    """Start a mail server."""
    started = []

    def start(certificate=None, **options):
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        started.append(MailServer(tls=context, **options).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


def send(server, tls, ca_file="", password="right", token=""):
    settings = smtp(
        server.port, tls=tls, user="saxaul", password=password, ca_file=str(ca_file),
        returns="bounces@saxaul.example",
    )  # fmt: skip
    channel = EmailChannel(settings, lambda: NOW_MS, lambda: 0.0)
    answer = channel.send(envelope(token))
    channel.close()
    return answer


@pytest.mark.parametrize("tls", WAYS)
def test_it_logs_in_once_the_line_is_safe(serve, certificates, tls):
    right, _ = certificates
    server = serve(right, is_wrapped=tls == "tls", offers_login=True)

    assert isinstance(send(server, tls, right), Sent)
    assert server.logins == [(b"saxaul", b"right")]
    assert [mail["To"] for mail in server.mails] == ["aygul@example.org"]


@pytest.mark.parametrize("tls", WAYS)
def test_a_server_that_cannot_prove_who_it_is_gets_neither_password_nor_mail(
    serve, certificates, tls
):
    right, other = certificates
    for certificate, trusted in ((right, ""), (right, other), (other, other)):
        server = serve(certificate, is_wrapped=tls == "tls", offers_login=True)
        answer = send(server, tls, trusted)
        assert isinstance(answer, Later)
        assert answer.is_channel
        assert "certificate verify failed" in answer.reason
        assert "check notify.smtp_tls and notify.smtp_ca_file" in answer.reason
        assert (server.logins, server.mails) == ([], [])


def test_a_server_that_offers_no_tls_gets_no_password(serve):
    server = serve(offers_login=True)
    for tls in WAYS:
        answer = send(server, tls)
        assert isinstance(answer, Later)
        assert "check notify.smtp_tls" in answer.reason
    assert server.logins == []


def test_a_password_that_is_refused_is_named_by_where_it_stands_and_shown_nowhere(
    serve, certificates, caplog, capsys
):
    right, _ = certificates
    server = serve(right, offers_login=True)
    answer = send(server, "starttls", right, password="wr0ng-s3cret")

    assert isinstance(answer, Later)
    assert "check notify.smtp_user and SAXAUL_SMTP_PASSWORD" in answer.reason
    settings = smtp(server.port, password="wr0ng-s3cret")
    printed = capsys.readouterr()
    said = f"{answer} {settings!r} {caplog.text} {printed.out} {printed.err}"
    assert "wr0ng-s3cret" not in said


def test_a_file_of_authorities_that_is_not_there_is_named(serve, certificates, tmp_path):
    server = serve(certificates[0], offers_login=True)
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate")
    for file in (tmp_path / "nowhere.pem", nothing):
        answer = send(server, "starttls", file)
        assert isinstance(answer, Later)
        assert f"'{file}'" in answer.reason
        assert "check notify.smtp_ca_file" in answer.reason


def test_each_mail_has_an_address_of_its_own_to_come_back_to(serve):
    server = serve()
    plain = smtp(server.port, returns="bounces@saxaul.example")
    for settings, token in ((plain, TOKEN), (plain, ""), (smtp(server.port), TOKEN)):
        channel = EmailChannel(settings, lambda: NOW_MS, lambda: 0.0)
        assert isinstance(channel.send(envelope(token)), Sent)
        channel.close()

    assert server.senders == [
        f"bounces+{TOKEN}@saxaul.example",
        "bounces@saxaul.example",
        "warnings@saxaul.example",
    ]
    assert write_mail(envelope(TOKEN), plain, NOW_MS)["Message-ID"] == f"<{TOKEN}@saxaul.example>"
