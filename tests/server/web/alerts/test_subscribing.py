"""Asking for messages and acting on their links, without account and without script."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, insert, select, update

from deploy.ports import wait_until
from server.db.engine import writing
from server.db.notify_tables import consent_event, message, subscriber, subscription
from server.notify import people
from server.notify.channels.offer import Policy
from server.notify.links import Grant, Purpose, token_of
from server.notify.wishes import Wish
from server.words.languages import LANGUAGES
from tests.server.api.factory import NOW
from tests.server.api.running import served

WEEK = 7 * 86_400_000
ASKED = {"address": "aygul@example.org", "channel": "email", "language": "ru", "level": "3"}
DRY = 2


def rows(api, table):
    with api.engine.connect() as connection:
        return connection.execute(select(table).order_by(table.c.id)).all()


def everything(api):
    """All that a link could change."""
    with api.engine.connect() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (consent_event, message)
        ]
    alert = api.get(f"/api/v1/alerts/{DRY}")
    return counts, rows(api, subscriber), rows(api, subscription), alert["acts"]


@pytest.fixture
def links(warned_api):
    """The links of a person who has asked and not confirmed, by purpose."""
    wish = Wish(address="aygul@example.org", language="en", site_key="kubuqi-north", name="Aygul")
    with writing(warned_api.engine) as connection:
        wish_id = people.ask(connection, wish, NOW)
        person, secret = connection.execute(select(subscriber.c.id, subscriber.c.secret)).one()
    about = (Purpose.ACKNOWLEDGE, Purpose.SNOOZE)
    return {
        one: "/a/" + token_of(Grant(one, person, wish_id, DRY if one in about else 0), secret)
        for one in Purpose
    }


def ask(api, **fields):
    return api.client.post("/subscribe", data=ASKED | fields)


# ---------------------------------------------------------------- asking


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_the_form_speaks_each_language(warned_api, code):
    text = warned_api.client.get("/subscribe", params={"language": code}).text

    assert (
        f'<html lang="{code}"{" dir=" + chr(34) + "rtl" + chr(34) if code == "ar" else ""}>' in text
    )
    for other in LANGUAGES.values():
        assert (f'hreflang="{other.code}"' in text) == (other.code != code)


def test_the_browser_says_which_language_is_wanted(warned_api):
    answer = warned_api.client.get("/subscribe", headers={"Accept-Language": "de, mn-MN;q=0.8, en"})

    assert '<html lang="mn">' in answer.text


def test_a_wish_is_entered_and_must_be_confirmed(warned_api):
    answer = ask(warned_api, place="kubuqi-north|1", quiet_from="21:00", quiet_until="06:30",
                 wake="yes", zone="Asia/Shanghai", kind="frost", mode="daily")  # fmt: skip

    assert answer.status_code == 200
    assert "aygul@example.org" in answer.text
    (person,), (wish,), (letter,) = (
        rows(warned_api, one) for one in (subscriber, subscription, message)
    )
    assert (person.language, person.time_zone) == ("ru", "Asia/Shanghai")
    assert (person.quiet_from, person.quiet_until, person.wake_for_critical) == (1260, 390, True)
    assert (wish.site_id, wish.thing_id, wish.kind, wish.min_level) == (1, 1, "frost", 3)
    assert (wish.mode, wish.confirmed_at) == ("daily", None)
    assert letter.letter["letter"] == "confirm"


def test_nobody_can_tell_whether_an_address_is_there(warned_api):
    first = ask(warned_api)
    again = ask(warned_api)

    assert (first.status_code, first.text) == (again.status_code, again.text)
    assert len(rows(warned_api, subscription)) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"address": "nobody"}, "nobody написать нельзя"),
        ({"address": "<b>@example.org"}, "&lt;b&gt;@example.org"),
        ({"quiet_from": "21:00"}, "21:00 и 06:30"),
        ({"quiet_from": "25:00", "quiet_until": "06:00"}, "21:00 и 06:30"),
        ({"zone": "Mars/Olympus"}, "Asia/Shanghai"),
        ({"place": "gobi"}, "known are kubuqi-north"),
        ({"kind": "earthquake"}, "kind"),
    ],
)
def test_what_cannot_be_kept_is_said_and_what_was_written_stays(warned_api, fields, said):
    answer = ask(warned_api, **fields)

    assert answer.status_code == 422
    assert said in answer.text
    assert rows(warned_api, subscription) == []
    if "address" not in fields:
        assert 'value="aygul@example.org"' in answer.text


def test_nobody_fills_the_mailbox_of_somebody_else(warned_api):
    """By no spelling of the address, and for no wish."""
    for kind in ("frost", "heat", "dry_soil"):
        for address in ("v_c@example.org", "V_C@example.org", "v_c+1@example.org"):
            assert ask(warned_api, address=address, kind=kind).status_code == 200
    ask(warned_api, address="vxc@example.org")

    assert len(rows(warned_api, message)) == 3 + 1


def test_a_flood_of_strangers_is_refused_and_an_administrator_is_not(warned_api):
    asked = {"subscriber_id": 1, "at": NOW, "what": "asked", "how": "page"}
    with writing(warned_api.engine) as connection:
        connection.execute(insert(consent_event), [asked] * 200)

    answer = ask(warned_api)
    warned_api.now = NOW + 3_600_001
    later = ask(warned_api)

    assert (answer.status_code, later.status_code) == (422, 200)
    assert "через час" in answer.text


def test_whoever_manages_sees_that_an_address_takes_nothing(warned_api, links):
    with writing(warned_api.engine) as connection:
        values = {"bounced_at": NOW, "bounce": "550 5.1.1 <no> such user"}
        connection.execute(update(subscription).values(values))

    shown = warned_api.client.get(links[Purpose.MANAGE]).text
    assert "This address takes no messages: 550 5.1.1 &lt;no&gt; such user" in shown


def test_a_channel_that_is_not_offered_is_refused(warned_api):
    with served(warned_api.engine, {}, channels=("email",)) as api:
        answer = ask(api, channel="sms", address="+8613912345678")

    assert answer.status_code == 422
    assert rows(warned_api, subscription) == []


def test_a_server_that_sends_nothing_says_so(warned_api):
    with served(warned_api.engine, {}) as silent:
        page = silent.client.get("/subscribe?language=fr")
        answer = ask(silent)

    assert "<form" not in page.text
    assert "envoie pas encore de messages" in page.text
    assert answer.status_code == 422
    assert rows(warned_api, subscription) == []


def test_a_person_asks_in_arabic_without_any_script(warned_api, visit):
    page = visit(f"{warned_api.url}/subscribe?language=ar", java_script_enabled=False)
    page.locator("[name=address]").fill("aygul@example.org")
    page.locator("[name=place]").select_option("ulan-buh")
    page.get_by_role("button").click()

    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(".hint")).to_contain_text("aygul@example.org")
    assert rows(warned_api, subscriber)[0].language == "ar"


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("purpose", list(Purpose))
def test_to_look_at_a_link_changes_nothing(warned_api, links, purpose):
    before = everything(warned_api)

    answer = warned_api.client.get(links[purpose])

    assert answer.status_code == 200
    assert "<button" in answer.text
    assert everything(warned_api) == before


def press(api, link, visit):
    page = visit(f"{api.url}{link}", java_script_enabled=False)
    page.get_by_role("button").click()
    return page


def test_an_address_is_confirmed(warned_api, links, visit):
    page = press(warned_api, links[Purpose.CONFIRM], visit)

    expect(page.locator("h1")).to_have_text(
        re.compile("From now on you get warnings of Kubuqi North")
    )
    assert rows(warned_api, subscription)[0].confirmed_at == NOW


def test_messages_are_stopped(warned_api, links, visit):
    page = press(warned_api, links[Purpose.UNSUBSCRIBE], visit)

    expect(page.locator("h1")).to_have_text("You get no more messages at a…@example.org.")
    assert rows(warned_api, subscription)[0].ended_at == NOW
    confirmed = warned_api.client.post(links[Purpose.CONFIRM])
    assert confirmed.status_code == 410


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
        ),
    ],
)
def test_a_mail_program_stops_messages_by_one_click(warned_api, links, kind, body):
    """RFC 8058, 3.1: either encoding, from wherever, without cookies."""
    headers = {
        "Content-Type": kind,
        "Origin": "https://mail.example",
        "Sec-Fetch-Site": "cross-site",
    }

    answer = warned_api.client.post(links[Purpose.UNSUBSCRIBE], content=body, headers=headers)

    assert answer.status_code == 200
    assert rows(warned_api, subscription)[0].ended_at == NOW
    assert rows(warned_api, consent_event)[-1].how == "one-click"


def test_messages_are_paused_for_a_week(warned_api, links):
    answer = warned_api.client.post(links[Purpose.PAUSE])

    assert "You get no message until Fri 27/11 07:00." in answer.text
    assert rows(warned_api, subscriber)[0].paused_until == NOW + WEEK


def test_a_warning_is_acknowledged_by_its_link(warned_api, links):
    shown = warned_api.client.get(links[Purpose.ACKNOWLEDGE]).text
    answer = warned_api.client.post(links[Purpose.ACKNOWLEDGE])

    assert "30 cm deep has been dry since" in shown
    assert "Thank you" in answer.text
    assert warned_api.get(f"/api/v1/alerts/{DRY}")["acknowledged_by"] == "Aygul"


def test_what_was_never_told_cannot_be_put_off(warned_api, links):
    assert "It is over already" in warned_api.client.post(links[Purpose.SNOOZE]).text


def test_a_person_manages_what_there_is(warned_api, links, visit):
    page = visit(f"{warned_api.url}{links[Purpose.MANAGE]}", java_script_enabled=False)
    expect(page.locator(".rule")).to_contain_text("Everything · Kubuqi North")
    expect(page.locator(".rule")).to_contain_text("not confirmed yet")

    page.get_by_role("button", name="Pause").click()
    assert wait_until(lambda: rows(warned_api, subscriber)[0].paused_until == NOW + WEEK, 20)
    page.get_by_role("button", name="again").click()
    assert wait_until(lambda: rows(warned_api, subscriber)[0].paused_until is None, 20)
    page.get_by_role("button", name="Stop these").click()
    expect(page.locator(".rule")).to_contain_text("stopped")
    page.get_by_role("button", name="delete").click()
    expect(page.locator("h1")).to_contain_text("is deleted")
    assert rows(warned_api, subscription)[0].address == ""
    assert warned_api.client.get(links[Purpose.MANAGE]).status_code == 404


def test_a_link_that_nobody_signed_does_nothing(warned_api, links):
    good = links[Purpose.UNSUBSCRIBE]
    before = everything(warned_api)
    for bad in (
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace("/a/u", "/a/c"),
        "/a/x",
    ):
        for method in ("GET", "POST"):
            answer = warned_api.client.request(method, bad, headers={"Accept-Language": "fr"})
            assert answer.status_code == 404
            assert "Ce lien" in answer.text

    assert everything(warned_api) == before


@pytest.mark.parametrize("code", ["ar", "mn"])
def test_a_page_for_an_old_phone_is_small_and_needs_no_script(warned_api, links, code):
    style = len(warned_api.client.get("/static/style.css").content)
    for path in (f"/subscribe?language={code}", *links.values()):
        text = warned_api.client.get(path).text

        assert "<script" not in text
        assert len(text.encode()) + style < 30_000


def test_this_phone_is_offered_where_a_script_can_ask_it(warned_api, visit):
    """Who has no script cannot choose it, and does not see it."""
    with served(warned_api.engine, {}, channels=("email", "web_push")) as api:
        page = visit(f"{api.url}/subscribe?language=fr")
        expect(page.get_by_role("button", name="M’avertir sur ce téléphone")).to_be_visible()  # noqa: RUF001 - French
        assert page.evaluate("violations") == []
        plain = visit(f"{api.url}/subscribe", java_script_enabled=False)
        expect(plain.locator("#on-this-phone")).to_be_hidden()
        assert "web_push" not in plain.locator("form").inner_html()


@pytest.mark.parametrize(("sms_for_all", "status"), [(True, 200), (False, 422)])
def test_anybody_gets_sms_only_where_that_is_allowed(warned_api, sms_for_all, status):
    options = {"channels": ("email", "sms"), "channel_policy": Policy(sms_for_all)}
    with served(warned_api.engine, {}, **options) as api:
        answer = ask(api, channel="sms", address="+86 139 1234 5678")

    assert answer.status_code == status
    assert [one.address for one in rows(warned_api, subscription)] == (
        ["+8613912345678"] if sms_for_all else []
    )
