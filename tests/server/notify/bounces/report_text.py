"""Reports as mail servers write them."""


def report(
    token: str,
    recipient: str = "aygul@example.org",
    action: str = "failed",
    status: str = "5.1.1",
    to: str = "",
) -> bytes:
    """Write one as Postfix does: `Auto-Submitted` and all."""
    return f"""\
From: MAILER-DAEMON@mail.saxaul.example (Mail Delivery System)
To: {to or f"bounces+{token}@saxaul.example"}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

This is a MIME-encapsulated message.

--b
Content-Type: text/plain; charset=utf-8

I'm sorry to have to inform you ...

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.saxaul.example
X-Postfix-Queue-ID: 6ED8721290D

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; 550 {status} no such
    user [x]

--b
Content-Type: text/rfc822-headers

Message-ID: <{token}@saxaul.example>
Subject: Dry soil

--b--
""".encode()


def complaint(token: str, kind: str = "abuse") -> bytes:
    """Write one as RFC 5965 has it, sent to where its provider was told."""
    return f"""\
From: <feedback@provider.example>
To: abuse@saxaul.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is a complaint.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1

--b
Content-Type: message/rfc822

From: <warnings@saxaul.example>
Message-ID: <{token}@saxaul.example>
Subject: Dry soil

It is dry.

--b--
""".encode()


HOLIDAY = b"""\
From: aygul@example.org
To: bounces+%s@saxaul.example
Auto-Submitted: auto-replied
Subject: Out of office: 550 5.1.1 no such user
Content-Type: text/plain

Action: failed
Status: 5.1.1
"""

RECEIPT = b"""\
From: aygul@example.org
To: bounces+%s@saxaul.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="b"

--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; aygul@example.org
Disposition: automatic-action/MDN-sent-automatically; deleted
Action: failed
Status: 5.1.1

--b--
"""
