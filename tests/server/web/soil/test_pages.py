"""People say what soil it is: they see what follows first, and what cannot be is refused."""

import re

import pytest
from playwright.sync_api import expect

from server.soil.ground import Said
from tests.server.web.alerts.test_pages import HEIGHTS
from tests.server.web.soil.conftest import SHALLOW

ENTERED = {"place": "kubuqi", "wilting_point": "5", "field_capacity": "12"}


def words(answer):
    """The text of a page, without its tags."""
    text = re.sub(r"<[^>]*>", " ", answer.text).replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(text.split())


def soils(api):
    return [
        (one["thing"], one["from_m"], one["to_m"], one["field_capacity"], one["origin"])
        for one in api.get("/api/v1/soils")["items"]
    ]


def test_what_is_assumed_is_said_to_be(api):
    said = words(api.client.get("/soil"))

    assert "All depths: sand, 0.5 % organic matter ; nobody has said: this is assumed." in said
    assert "Field capacity 7.4 %" in said


def test_what_follows_is_told_before_anything_is_kept(api):
    """8.5 % of water is more than sand holds, and half of what this soil gives to plants."""
    said = words(api.client.post("/soil/preview", data=ENTERED))

    assert "kubuqi, all of it, all depths: texture not said. Nothing is kept yet." in said
    assert "What plants can take changes at 3 sensors" in said
    assert "dune-1, 10 cm deep: 123 % of what plants can take becomes 50 % ." in said
    assert "dune-2, 10 cm deep: nothing told yet." in said
    assert "70 mm of that without stress 35 mm" in said
    assert soils(api) == [(None, None, None, 0.0742, "assumed")]


def test_what_is_kept_holds_for_what_is_stored(api, station):
    answer = api.client.post("/soil", data=ENTERED | {"from_cm": "0", "to_cm": "30"})
    shown = words(api.client.get(answer.headers["location"]))
    station.compute()

    assert answer.status_code == 303
    assert "0 to 30 cm: texture not said ; field capacity and wilting point are" in shown
    assert "1 series" not in shown.partition("What soil")[0]
    assert soils(api)[1] == (None, 0.0, 0.3, 0.12, "entered")
    assert station.values(SHALLOW.relative) == [pytest.approx(0.5)]


def test_a_station_is_apart_from_its_site_and_only_its_sensors_change(api, station):
    station.say(Said(wilting_point=0.05, field_capacity=0.12), thing="dune-1", from_m=0.3)
    place = {"place": "kubuqi|kubuqi-dune|dune-1", "texture": "loam"}
    said = words(api.client.post("/soil/preview", data=place))
    nearer = words(api.client.post("/soil/preview", data=ENTERED | {"from_cm": "35"}))

    assert "changes at 1 sensor " in said
    assert "dune-1, 10 cm deep" in said
    assert "No sensor there changes" in nearer


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"field_capacity": "4"}, "4.0 % must be above the wilting point 5.0 %, by 1.0 %"),
        ({"field_capacity": "0.12"}, "0.12 % cannot be: write 12 for 12 %"),
        ({"wilting_point": ""}, "give a texture, or both its field capacity and its wilting point"),
        ({"from_cm": "20", "to_cm": "50"}, "20 to 50 cm"),
        ({"place": "nowhere"}, "Place: choose one of the list"),
        ({"saturation": "10"}, "12.0 % is above saturation 10.0 %: correct one of them"),
    ],
)
@pytest.mark.parametrize("path", ["/soil/preview", "/soil"])
def test_what_cannot_be_is_refused_above_the_form(api, station, path, changed, told):
    station.say(Said(0.4, 0.2), from_m=0.0, to_m=0.3)
    answer = api.client.post(path, data=ENTERED | changed)

    if "to_cm" in changed:
        told = "0.2 to 0.5 m overlaps 0 to 0.3 m"
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert told in answer.text
    assert len(soils(api)) == 2
    assert 'name="field_capacity" value="' in answer.text


def test_what_was_said_stands_in_the_form_and_is_taken_back(api, station):
    station.say(Said(0.65, 0.10, saturation=0.5), from_m=0.3)
    form = api.client.get("/soil/edit", params={"place": "kubuqi", "from_cm": "30"}).text
    place = {"place": "kubuqi", "from_cm": "30", "to_cm": ""}
    answers = [api.client.post("/soil/forget", data=place).status_code for _ in range(2)]

    assert "<option selected>sandy loam</option>" in form
    assert 'name="saturation" value="50"' in form
    assert answers == [303, 303]
    assert [one[-1] for one in soils(api)] == ["assumed"]


@pytest.mark.parametrize("path", ["/soil", "/soil/preview", "/soil/forget"])
def test_a_form_of_a_page_from_elsewhere_is_refused(api, path):
    for origin in ("http://elsewhere.example", "null"):
        answer = api.client.post(path, data=ENTERED, headers={"Origin": origin})
        assert answer.status_code == 403
    assert len(soils(api)) == 1


@pytest.mark.parametrize("path", ["/soil?site=UPPER", "/soil/edit?place=<b>", "/soil/edit?place=x"])
def test_what_is_no_place_is_refused(api, path):
    assert api.client.get(path).status_code == 422


def test_a_person_says_it_on_a_small_screen_without_any_script(api, visit):
    """From the page of stations to what is kept; nothing is too wide, or too small for a thumb."""
    page = visit(api.url, viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page.get_by_role("link", name="Soil").click()
    page.get_by_role("link", name="Say what soil it is").click()
    page.get_by_label("Texture").select_option("loam")
    page.get_by_label("From depth").fill("20")
    page.get_by_role("button", name="See what follows").click()
    expect(page.locator("h1")).to_contain_text("from 20 cm down: loam")
    page.get_by_role("button", name="Keep this").click()
    expect(page.locator("main")).to_contain_text("From 20 cm down: loam")
    page.get_by_role("link", name="Change").click()
    expect(page.get_by_label("From depth")).to_have_value("20")

    page = visit(f"{api.url}/soil", viewport={"width": 320, "height": 640})
    widths, heights, drawn, violations = page.evaluate(
        f"""() => [
          document.documentElement.scrollWidth,
          ({HEIGHTS})(":is(button, .action, .ways a, .foot-of-page a)"),
          [...document.querySelectorAll(".soil rect")].map((one) => getComputedStyle(one).fill),
          violations]"""
    )
    assert (widths, violations) == (320, [])
    assert min(heights) >= 38
    assert len(set(drawn)) == 4
