"""Which words of mail servers blame the address, and which blame us or the day."""

import pytest

from server.notify.bounces.replies import blames_address, report_blames_address


@pytest.mark.parametrize(
    ("code", "told", "blamed"),
    [
        (550, "5.1.1 no such user", True),
        (550, "no such user", True),
        (550, "5.0.0 no such user", True),
        (550, "5.2.1 mailbox disabled", True),
        (550, "5.4.4 no such domain", True),
        (556, "5.1.10 takes no mail (RFC 7505)", True),
        (550, "5.7.1 we do not take mail from you", False),
        (550, "5.1.8 your own address is nonsense", False),
        (552, "5.2.2 mailbox full", False),
        (554, "no", False),
    ],
)
def test_refusals(code, told, blamed):
    assert blames_address(code, told) is blamed


@pytest.mark.parametrize(
    ("status", "diagnostic", "blamed"),
    [
        ("5.1.1", "", True),
        ("5.1.1", "smtp; 550 5.7.1 odd", True),
        ("5.4.4", "X-Postfix; Host or domain name not found", True),
        ("5.0.0", "smtp; 550 no such user", True),
        ("5.0.0", "smtp; 550-5.1.1 no such user", True),
        ("5.0.0", "smtp; 554 refused", False),
        ("5.0.0", "x-unix; 550 no such user", False),
        ("5.2.2", "smtp; 550 mailbox full", False),
        ("5.7.1", "smtp; 550 spam", False),
        ("4.1.1", "smtp; 450 4.1.1 perhaps later", False),
        ("", "", False),
        ("5.1", "smtp; 55", False),
    ],
)
def test_reports(status, diagnostic, blamed):
    assert report_blames_address(status, diagnostic) is blamed
