"""Mail that comes back through a real Postfix: taken at first, refused further on, reported."""

import io
import re
import smtplib
import time
from contextlib import nullcontext

import pytest
from rich.console import Console
from sqlalchemy import select

from deploy.ports import wait_until
from server.db.notify_tables import subscription
from server.notify.bounces.tokens import find_tokens
from server.notify.channels.email import EmailChannel
from server.notify.commands import bounces
from tests.server.notify.postfix import DOMAIN, Postfix, is_possible
from tests.server.notify.village import DRY, MINUTE_MS, WET, smtp

pytestmark = pytest.mark.skipif(
    not is_possible(), reason="no Postfix, or not root, as which alone it runs"
)


@pytest.fixture
def came():
    """What came back, in order, and the exit codes that are to be given before it is taken."""
    return {"mails": [], "codes": []}


@pytest.fixture
def postfix(village_on_sqlite, came):
    """Postfix before the village's mail server; what comes back goes to the command."""
    village = village_on_sqlite

    def take(mail):
        came["mails"].append(mail)
        if came["codes"]:
            return came["codes"].pop()
        quiet = Console(file=io.StringIO())
        database = nullcontext(village.engine)
        return bounces.run(lambda: database, io.BytesIO(mail), village.now_ms, quiet)

    made = Postfix(village.mails.port, take).start()
    yield made
    made.stop()


def tell(village, postfix, after_ms=0):
    """Send what is due by Postfix."""
    relay = smtp(postfix.port, returns=f"bounces@{DOMAIN}")
    channel = EmailChannel(relay, village.clock, time.monotonic)
    village.now_ms += after_ms
    village.expand()
    village.sender(channel).step()
    channel.close()


def remarks(village):
    with village.engine.connect() as connection:
        rows = connection.execute(select(subscription))
        return {row.address: (row.bounced_at, row.bounce) for row in rows}


def test_an_address_that_bounces_is_learnt_of_and_stops_nobody_else(
    village_on_sqlite, postfix, came
):
    village = village_on_sqlite
    village.add("gone@example.org")
    village.add("aygul@example.org")
    village.mails.refuses["gone@example.org"] = "550 5.1.1 no such user"
    came["codes"].append(bounces.TRY_AGAIN)  # the database is away when it comes first
    village.measure(DRY)
    tell(village, postfix)

    def is_known():
        return remarks(village)["gone@example.org"][0] is not None

    assert wait_until(is_known, 30), postfix.log()
    first, second = came["mails"]
    (token,) = find_tokens(re.findall(r"^X-Postfix-Sender: .*", first.decode(), re.MULTILINE))
    for place in (f"To: bounces+{token}@", f"Original-Envelope-Id: {token}", f"<{token}@"):
        assert place in first.decode()
    assert "text/html" not in first.decode()  # the head of our mail alone
    assert second.endswith(first.partition(b"\n")[2][-500:])
    village.measure(WET, after_ms=20 * MINUTE_MS)
    tell(village, postfix)
    village.mails.await_mails(2)

    assert [mail["To"] for mail in village.mails.mails] == ["aygul@example.org"] * 2
    assert sorted(village.states()) == ["dead", "sent", "sent"]
    said = remarks(village)
    assert (
        "550 5.1.1 no such user; ask for the right one and add it anew"
        in (said["gone@example.org"][1])
    )
    assert said["aygul@example.org"] == (None, "")


def test_a_forged_report_by_the_same_way_moves_nothing(village_on_sqlite, postfix, came):
    village = village_on_sqlite
    village.add("aygul@example.org")
    village.measure(DRY)
    tell(village, postfix)
    (mail,) = village.mails.await_mails(1)
    number = mail["Message-ID"].removeprefix("<").partition("-")[0]
    forged = FORGED.replace(b"NUMBER", f"{number}-{'a' * 20}".encode())
    with smtplib.SMTP("127.0.0.1", postfix.port) as line:
        line.sendmail("", [f"bounces@{DOMAIN}"], forged)

    assert wait_until(lambda: came["mails"], 30), postfix.log()
    assert village.states() == ["sent"]
    assert remarks(village) == {"aygul@example.org": (None, "")}


FORGED = b"""\
From: MAILER-DAEMON@example.org
To: bounces+NUMBER@saxaul.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; example.org

Final-Recipient: rfc822; aygul@example.org
Action: failed
Status: 5.1.1

--b--
""".replace(b"\n", b"\r\n")
