"""Reading what comes back; what is no report is none, and nothing that anybody writes ends us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.notify.bounces.reports import Fate, Outcome, Report, read_report
from tests.server.notify.bounces.report_text import HOLIDAY, RECEIPT, complaint, report

TOKEN = f"7-{'0123456789' * 2}"
TEXT = report(TOKEN)


def test_a_report_says_what_became_of_the_mail():
    said = "smtp; 550 5.1.1 no such user [x]"
    outcome = Outcome(Fate.FAILED, "aygul@example.org", "5.1.1", said)
    assert read_report(TEXT) == Report((TOKEN,), (outcome,))
    late = read_report(report(TOKEN, action="Delayed", status="4.4.1"))
    assert [one.fate for one in late.outcomes] == [Fate.DELAYED]
    for action in ("delivered", "relayed", "expanded", ""):
        assert read_report(report(TOKEN, action=action)).outcomes == ()


def test_lines_end_as_they_may_and_letters_may_have_become_small_or_capital():
    assert read_report(TEXT.replace(b"\n", b"\r\n")) == read_report(TEXT)
    assert read_report(report(TOKEN.upper())).tokens == (TOKEN,)


def test_a_token_is_found_wherever_mail_servers_give_it_back():
    elsewhere = "postmaster@saxaul.example"
    assert read_report(report(TOKEN, to=elsewhere)).tokens == (TOKEN,)  # Message-ID
    without = report("none", to=elsewhere)
    assert read_report(without).tokens == ()
    envelope = without.replace(b"X-Postfix-Queue-ID: 6", b"Original-Envelope-Id: " + TOKEN.encode())
    delivered = b"Delivered-To: bounces+" + TOKEN.encode() + b"@saxaul.example\n" + without
    for mail in (envelope.replace(b"ED8721290D", b""), delivered):
        assert read_report(mail).tokens == (TOKEN,)


FORWARDED = TEXT.replace(b"multipart/report", b"multipart/mixed")
CUT = TEXT[: TEXT.index(b"\n--b")]


@pytest.mark.parametrize("mail", [HOLIDAY, RECEIPT, FORWARDED, CUT, b"", b"\xff\x00"])
def test_what_is_no_report_says_nothing(mail):
    assert read_report(mail.replace(b"%s", TOKEN.encode())) is None


def test_a_complaint_is_one_and_its_opposite_is_not():
    assert read_report(complaint(TOKEN)) == Report((TOKEN,), is_complaint=True)
    assert read_report(complaint(TOKEN, "Opt-Out")).is_complaint
    assert read_report(complaint(TOKEN, "not-spam")) is None


def test_parts_within_parts_and_heaps_of_tokens_end_nobody():
    deep = "".join(
        f'Content-Type: multipart/report; boundary="{n}"\n\n--{n}\n' for n in range(1000)
    )
    assert read_report(deep.encode()) is None
    assert read_report(TEXT.replace(b"boundary=", b"boundary*%s=" % (b"1" * 5000))) is None
    many = TEXT.replace(b"To: ", b"To: " + b"".join(b"%d-%s " % (n, b"a" * 20) for n in range(999)))
    assert len(read_report(many).tokens) == 8


PIECES = st.sampled_from(
    [*TEXT.split(b"\n"), *complaint(TOKEN).split(b"\n"), b"\xe9", b"=?utf-8?q?"]
)


@given(st.lists(PIECES, max_size=60), st.integers(0, len(TEXT)))
def test_no_heap_of_lines_and_no_cut_ends_us(lines, cut):
    for mail in (b"\n".join(lines), TEXT[:cut] + b"\n".join(lines)):
        found = read_report(mail)
        if found is not None:
            assert all(one.status.isprintable() for one in found.outcomes)
