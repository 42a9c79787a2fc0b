"""The pages of warnings, as people see and use them."""

import re

import pytest
from playwright.sync_api import expect

from deploy.ports import wait_until
from server.watch import acting
from tests.server.api.factory import HOUR, NOW

HEIGHTS = """(targets) => [...document.querySelectorAll(targets)]
    .filter((one) => one.offsetParent)
    .map((one) => one.getBoundingClientRect().height)"""
# Does the plot hold a pixel of the shade, left and right of a share of its width?
SHADE = """(share) => {
  const canvas = document.querySelector("#plot-area canvas");
  if (!canvas) return null;
  const over = document.querySelector("#plot-area .u-over");
  const ratio = canvas.width / canvas.clientWidth;
  const x = Math.round((over.offsetLeft + share * over.offsetWidth) * ratio);
  const y = Math.round((over.offsetTop + 0.2 * over.offsetHeight) * ratio);
  const copy = new OffscreenCanvas(1, 1).getContext("2d");
  copy.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);
  const [red, green, , opaque] = copy.getImageData(0, 0, 1, 1).data;
  return opaque > 20 && red > green + 20;
}"""


def words(api, path):
    """The text of a page, without its tags."""
    answer = api.client.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def test_sentences_come_before_anything_else(warned_api):
    acting.acknowledge(warned_api.engine, 2, "Bayar", NOW)
    acting.shelve(warned_api.engine, 3, "Gulnara", NOW, NOW + HOUR)

    said = words(warned_api, "/alerts")

    assert "1 warning seen to; cannot see Edge 1." in said
    cannot, seen_to, aside = (said.index(f" {one} ") for one in _SECTIONS)
    assert "We cannot see at Edge 1: dry soil; last seen 2 days ago" in said[cannot:seen_to]
    assert "Before: Dry soil, warning" in said[cannot:seen_to]
    assert "30 cm deep has been dry since Tue 17/11" in said[seen_to:aside]
    assert "Bayar sees to it" in said[seen_to:aside]
    assert "60 cm deep has been dry since Wed 18/11" in said[aside:]
    assert "put aside by Gulnara until Fri 20/11 08:00" in said[aside:]


_SECTIONS = ("Cannot see Nothing", "Somebody sees to it", "Put aside The")


@pytest.mark.parametrize(
    ("code", "overview", "alert"),
    [
        ("zh", "无法得知：Edge 1", "还没有人处理"),  # noqa: RUF001 - Chinese
        ("mn", "Мэдэх боломжгүй: Edge 1", "хараахан хэн ч хариуцаагүй"),
        ("ru", "Нет данных: Edge 1", "пока никто не занимается"),
        ("fr", "Sans mesures : Edge 1", "personne ne s’en occupe encore"),  # noqa: RUF001 - French
        ("ar", "لا يمكن المعرفة: Edge 1", "لا أحد يتولى الأمر بعد"),
    ],
)
def test_what_a_message_leads_to_speaks_its_language(warned_api, code, overview, alert):
    listed = words(warned_api, f"/alerts?language={code}")
    shown = warned_api.client.get(f"/alerts/2?language={code}")

    assert overview in listed
    assert alert in shown.text
    assert f'<html lang="{code}"{" dir=" + chr(34) + "rtl" + chr(34) if code == "ar" else ""}>' in (
        shown.text
    )
    # Nothing is left in English but names, other languages' names and what programs read.
    for english in ("Evidence", "Your name", "What became", "serious", "Nobody", " ago", "Rule "):
        assert english not in shown.text
        assert english not in listed


def test_the_browser_says_which_language_is_wanted_and_forms_keep_it(warned_api):
    answer = warned_api.client.get("/alerts/2", headers={"Accept-Language": "mn-MN, en;q=0.5"})
    fields = {"who": "Bayar", "language": "ru"}
    acted = warned_api.client.post("/alerts/2/acknowledge", data=fields)
    refused = warned_api.client.post("/alerts/2/shelve", data=fields | {"hours": "1"})

    assert '<html lang="mn">' in answer.text
    assert acted.headers["location"] == "/alerts/2?language=ru"
    assert "Выберите, на сколько." in refused.text
    assert warned_api.client.get("/alerts/2?language=xx").status_code == 422


def test_what_somebody_writes_cannot_turn_the_line_that_others_read(warned_api):
    fields = {"who": "Bayar\u202e", "note": "\u2067<b>water</b>\x1b[2J"}
    warned_api.client.post("/alerts/2/comment", data=fields)

    text = warned_api.client.get("/alerts/2").text
    assert not set("\u202e\u2067\x1b") & set(text)
    assert "<bdi>&lt;b&gt;water&lt;/b&gt; [2J</bdi>" in text


def test_a_site_is_chosen(warned_api):
    said = words(warned_api, "/alerts?site=kubuqi-north")

    assert "Dune 1" in said
    assert "Edge 1" not in said


def test_the_page_of_stations_counts_and_leads_there(warned_api, visit):
    acting.shelve(warned_api.engine, 3, "Gulnara", NOW, NOW + HOUR)
    page = visit(warned_api.url, java_script_enabled=False)

    link = page.locator("#warned a")
    expect(link).to_have_text(re.compile("1 serious warning, 1 warning"))  # no data; dry soil
    link.click()
    expect(page.locator("h1")).to_contain_text("1 serious warning, 1 warning")


def test_the_evidence_is_drawn_with_levels_and_shade_and_gap(warned_api, visit):
    page = visit(f"{warned_api.url}/alerts/2", viewport={"width": 1200, "height": 900})

    expect(page.locator("#plot-sentence")).to_have_text(re.compile("from 34.0 % to 70.0 %; 1 gap"))
    # Six days are shown, dry since three: the right half is shaded.
    page.wait_for_function(f"({SHADE})(0.75)")
    assert page.evaluate(SHADE, 0.25) is False
    page.locator("#ranges").get_by_text("24 hours").click()
    expect(page.locator("#plot-sentence")).to_have_text(re.compile("all 34.0 %"))
    page.wait_for_function(f"({SHADE})(0.25)")
    assert page.evaluate("violations") == []


def test_the_columns_of_the_evidence(warned_api):
    evidence = warned_api.get("/alerts/3/plot", hours=96)

    assert [(one["value"], one["severity"]) for one in evidence["levels"]] == [
        (50.0, "warning"),
        (10.0, "critical"),
    ]
    (span,) = evidence["spans"]
    assert (span["since"], span["until"]) == ((NOW - 48 * HOUR) / 1000, None)
    assert None in evidence["columns"]["value"]


def test_levels_are_there_before_anything_has_happened(warned_api):
    evidence = warned_api.get("/alerts/1/plot", hours=24)

    assert [one["value"] for one in evidence["levels"]] == [50.0, 10.0]
    assert evidence["spans"] == []


def test_what_is_no_series_has_no_plot(warned_api):
    alerts = warned_api.get("/api/v1/alerts", kind="no_data")["items"]

    assert warned_api.problem(f"/alerts/{alerts[0]['id']}/plot")["status"] == 404
    assert "plot-area" not in warned_api.client.get(f"/alerts/{alerts[0]['id']}").text


def test_a_person_takes_care_of_it_without_any_script(warned_api, visit):
    page = visit(f"{warned_api.url}/alerts/2", java_script_enabled=False)
    form = page.locator("form[action$=acknowledge]")
    form.get_by_label("Your name").fill("Bayar")
    form.get_by_label("Note").fill("with the pump")
    form.get_by_role("button").click()

    expect(page).to_have_url(f"{warned_api.url}/alerts/2")
    expect(page.locator(".verdict")).to_contain_text("Bayar sees to it")
    expect(page.locator(".record").first).to_contain_text("“with the pump”")


def test_a_person_remarks_puts_aside_and_takes_back(warned_api, visit):
    page = visit(f"{warned_api.url}/alerts/2", java_script_enabled=False)
    for action, label, seen in (
        ("comment", "Remark", "remarks: “<b>hose</b>”"),
        ("shelve", "Why", "Bayar put it aside until Mon 23/11 07:00"),
        ("unshelve", None, "has it told again"),
    ):
        form = page.locator(f"form[action$='/{action}']")
        folded = page.locator("details", has=form)
        if folded.count():
            folded.locator("summary").click()
        form.get_by_label("Your name").fill("Bayar")
        if label:
            form.get_by_label(label, exact=True).fill("<b>hose</b>")
        form.get_by_role("button").click()
        expect(page.locator(".record").first.locator("li").first).to_contain_text(seen)


@pytest.mark.parametrize(
    ("act", "fields", "said"),
    [
        ("acknowledge", {"who": " "}, "Please write your name"),
        ("comment", {"who": "Bayar", "note": " "}, "Please write what there is to say"),
        ("shelve", {"who": "Bayar", "hours": "9999"}, "Choose for how long"),
    ],
)
def test_what_cannot_be_done_is_said_above_the_page(warned_api, act, fields, said):
    answer = warned_api.client.post(f"/alerts/2/{act}", data=fields)

    assert answer.status_code == 422
    assert said in answer.text
    assert warned_api.get("/api/v1/alerts/2")["acts"] == []


def test_what_is_no_longer_active_cannot_be_taken_care_of(warned_api):
    answer = warned_api.client.post("/alerts/1/acknowledge", data={"who": "Bayar"})

    assert answer.status_code == 422
    assert "no longer active" in answer.text


@pytest.mark.parametrize(
    "path",
    ["alerts/2/acknowledge", "alerts/2/comment", "alerts/rules", "alerts/rules/off", "subscribe"],
)
def test_a_form_of_a_page_from_elsewhere_is_refused(warned_api, path):
    fields = {"who": "x", "note": "x", "key": "dry", "address": "a@example.org", "rule": "{}"}
    for origin in ("http://elsewhere.example", "null"):
        answer = warned_api.client.post(f"/{path}", data=fields, headers={"Origin": origin})
        assert answer.status_code == 403


def test_what_is_no_form_is_refused(warned_api):
    for body, kind, status in (
        (b"{}", "application/json", 415),
        (b"who=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"who=%ff", "application/x-www-form-urlencoded", 422),
        (b"\xff", "application/x-www-form-urlencoded", 422),
        (b"who=%00", "application/x-www-form-urlencoded", 422),
        (b"a=1&" * 5000, "application/x-www-form-urlencoded", 422),
    ):
        answer = warned_api.client.post(
            "/alerts/2/comment", content=body, headers={"Content-Type": kind}
        )
        assert answer.status_code == status, (body[:20], answer.text)


def test_a_rule_is_made_tried_out_and_kept_without_any_script(warned_api, visit):
    page = visit(f"{warned_api.url}/alerts/rules", java_script_enabled=False)
    page.get_by_role("link", name="Make a rule").click()
    page.get_by_label("Warn of").select_option("Dry soil")
    page.get_by_label("Where").select_option("Kubuqi North: Dune 1")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Name").fill("Only the worst")
    page.locator("[name=enter_warning]").fill("")
    page.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text("It would have warned once in the last 365 days.")
    assert "kubuqi-north-dune-1-dry-soil" not in words(warned_api, "/alerts/rules")

    page.get_by_label("Your name").fill("Bayar")
    page.get_by_role("button", name="Keep this rule").click()

    kept = page.locator("#kubuqi-north-dune-1-dry-soil")
    expect(kept).to_contain_text("Only the worst")
    expect(kept).to_contain_text("dune-1: serious warning below 10 %.")
    expect(kept).to_contain_text("changed by Bayar")
    kept.get_by_role("button", name="Switch off").click()
    expect(page.locator("h2 ~ ul")).to_contain_text("Only the worst")


def test_a_level_that_cannot_be_is_said_beside_the_form(warned_api):
    base = '{"key":"mine","kind":"dry_soil"}'
    fields = {"base": base, "enter_warning": "50", "leave_warning": "40"}

    answer = warned_api.client.post("/alerts/rules/trial", data=fields)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "leave" in answer.text


def test_a_rule_that_is_off_is_switched_on_after_a_trial(warned_api, visit):
    page = visit(f"{warned_api.url}/alerts/rules", java_script_enabled=False)
    page.locator("#kubuqi-north-frost").get_by_role("link").click()
    page.get_by_role("button").click()
    page.get_by_label("Your name").fill("Bayar")
    page.get_by_role("button").click()

    def is_on():
        return warned_api.get("/api/v1/rules/kubuqi-north-frost")["enabled"] is True

    assert wait_until(is_on, 20)


@pytest.mark.parametrize(
    "path", ["/alerts", "/alerts/2", "/alerts/rules", "/alerts/rules/edit?key=dry", "/subscribe"]
)
def test_a_small_screen_has_no_sideways_scroll_and_targets_for_a_thumb(warned_api, visit, path):
    page = visit(f"{warned_api.url}{path}", viewport={"width": 320, "height": 640})

    assert page.evaluate("document.documentElement.scrollWidth") == 320
    targets = (
        ":is(button, .action, input:not([type=hidden], [type=checkbox], [type=radio]), select, a)"
    )
    assert min(page.evaluate(HEIGHTS, targets)) >= 38


def test_of_two_who_make_the_same_rule_at_once_the_second_is_told(warned_api):
    rule = '{"key":"mine","kind":"frost","scope":{"site":"kubuqi-north"}}'
    fields = {"rule": rule, "is_new": "yes", "who": "Bayar"}

    first = warned_api.client.post("/alerts/rules", data=fields)
    second = warned_api.client.post("/alerts/rules", data=fields | {"who": "Gulnara"})

    assert (first.status_code, second.status_code) == (303, 422)
    assert "made it meanwhile" in second.text
    assert warned_api.get("/api/v1/rules/mine")["changed_by"] == "Bayar"
