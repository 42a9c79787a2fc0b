"""What operators type: people, test mails, what could not be sent, previews."""

import re
from io import BytesIO
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from server import cli
from server.db.engine import writing
from server.db.notify_tables import message
from server.ingest.service import wall_clock_ms
from server.notify.bounces.reports import MOST_BYTES
from server.notify.sending.claiming import claim
from server.notify.sending.marking import mark_unsure
from tests.server.notify.bounces.report_text import report
from tests.server.notify.village import DRY


@pytest.fixture
def typed(village_on_sqlite, tmp_path, capsys):
    """Type a command about the village's database; gives code, output and complaint."""
    village = village_on_sqlite
    config = tmp_path / "server.toml"
    config.write_text(
        f'[database]\nurl = "{village.engine.url}"\n[notify]\nsmtp_host = "127.0.0.1"\n'
        f'smtp_port = {village.mails.port}\nsmtp_tls = "none"\nsender = "us@saxaul.example"\n'
    )

    def do(*words):
        code = cli.main([*words, "--config", str(config)])
        said = capsys.readouterr()
        return code, " ".join(said.out.split()), said.err

    return do


def test_people_are_listed_added_paused_and_removed(typed):
    assert "Nobody yet" in typed("subscribers", "list")[1]
    assert typed("subscribers", "add", "aygul@example.org", "--quiet", "21:00-06:30")[0] == 0
    assert "aygul@example.org" in typed("subscribers", "list")[1]
    assert typed("subscribers", "pause", "aygul@example.org", "--for", "2d")[0] == 0
    assert "paused until" in typed("subscribers", "list")[1]
    assert "is told so, and deleted once" in typed("subscribers", "remove", "1")[1]
    assert "ended" in typed("subscribers", "list")[1]
    assert typed("subscribers", "remove", "1")[1] == "1: deleted."  # whoever is in a hurry
    assert "Nobody yet" in typed("subscribers", "list")[1]


def test_a_mail_that_came_back_is_taken_and_shown_whatever_it_says(
    typed, village_on_sqlite, monkeypatch
):
    village = village_on_sqlite
    village.add("aygul@example.org", {"name": "[/b] Aygul"})
    village.measure(DRY)
    village.tell()
    token = village.mails.mails[0]["Message-ID"][1:].partition("@")[0]

    def came(mail):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=BytesIO(mail)))
        return typed("notify", "bounce")

    with writing(village.engine) as connection:  # the village's clock is not that of the command
        connection.execute(update(message).values(claimed_at=wall_clock_ms()))
    assert came(b"Subject: hello\n\n")[:2] == (
        0,
        "Left alone: it is no delivery report and no complaint.",
    )
    late = report(token).replace(b"This is a MIME", b"x" * 70 + b"\n" * MOST_BYTES)
    assert "no delivery report" in came(late)[1]  # of what is too long the beginning is read
    code, said, _ = came(report(token, status="5.1.1 [/i]"))
    assert (code, "gets no more messages" in said) == (0, True)
    assert "1 addresses take no messages" in typed("notify")[1]
    for words in (("subscribers", "list"), ("notify", "dead")):
        assert "no such user [x]; ask for the right one" in re.sub(r"\s+", " ", typed(*words)[1])


def test_a_mail_that_came_back_is_not_lost_while_we_cannot_take_it(
    village_on_sqlite, monkeypatch, tmp_path, capsys
):
    broken = tmp_path / "broken.toml"
    broken.write_text("[notify]\nsmtp_hots = 1\n")
    for where in (("--config", str(broken)), ("--database-url", f"sqlite:///{tmp_path}/no/x.db")):
        mail = BytesIO(report(f"1-{'0' * 20}"))
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=mail))
        assert cli.main(["notify", "bounce", *where]) == 75  # EX_TEMPFAIL
        said = capsys.readouterr().err
        assert said.startswith("saxaul-server: ")
        assert said.endswith("give this mail again later\n")


def test_what_cannot_be_is_refused_in_one_line(typed, tmp_path):
    for words in (
        ("subscribers", "add", "aygul"),
        ("subscribers", "remove", "nobody@example.org"),
        ("subscribers", "import", str(tmp_path / "nowhere.csv")),
        ("notify", "retry", "7"),
        ("notify", "test", "a@b.org", "--channel", "sms"),
    ):
        code, _, complaint = typed(*words)
        assert code == 2
        assert complaint.startswith("saxaul-server: ")
        assert len(complaint.splitlines()) == 1


def test_a_list_is_entered_whole_or_not_at_all(typed, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("address,language\na@example.org,mn\nb@example.org,klingon\n")
    code, _, complaint = typed("subscribers", "import", str(file))
    assert code == 2
    assert "line 3" in complaint
    assert "Nobody yet" in typed("subscribers", "list")[1]

    file.write_text("address,language\na@example.org,mn\nb@example.org,zh\n")
    assert typed("subscribers", "import", str(file))[1].startswith("2 are told")


def test_a_test_mail_goes_out_or_says_why_not(typed, village_on_sqlite):
    code, said, _ = typed("notify", "test", "aygul@example.org", "--language", "fr")
    assert code == 0
    assert said.startswith("Sent to aygul@example.org.")
    assert len(village_on_sqlite.mails.mails) == 1

    village_on_sqlite.mails.refuses["gone@example.org"] = "550 5.1.1 no such user"
    code, _, complaint = typed("notify", "test", "gone@example.org")
    assert code == 2
    assert "no such user" in complaint


def test_what_is_in_doubt_is_shown_and_sent_again_on_request(typed, village_on_sqlite):
    village = village_on_sqlite
    village.add("aygul@example.org")
    village.measure(DRY)
    village.mails.stop()
    village.tell()
    village.mails.start()
    with writing(village.engine) as connection:
        connection.execute(update(message).values(next_at=village.now_ms))
        taken = claim(connection, "email", "test:1", village.now_ms)
        mark_unsure(connection, taken, "the line broke")

    assert "the line broke" in typed("notify", "unsure")[1]
    assert typed("notify", "retry", str(taken.ids[0]))[0] == 0
    assert typed("notify", "unsure")[1] == "None."
    assert village.states() == ["queued"]


@pytest.mark.parametrize("form", ["text", "sms", "html"])
def test_any_message_can_be_seen_before_it_is_sent(capsys, form):
    kinds = ("dry_soil", "gateway_offline")
    for words in (("--kind", kind, "--language", code) for kind in kinds for code in ("en", "ar")):
        assert cli.main(["preview", *words, "--as", form]) == 0
        assert len(capsys.readouterr().out) > 40
