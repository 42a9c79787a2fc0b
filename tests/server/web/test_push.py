"""Messages on one's own phone: the button of the subscription page and the worker, in Chromium.

The push service of a browser's maker cannot be had here: what it would answer the browser with is
put in its place. What arrives is handed to the worker by the browser itself.
"""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from playwright.sync_api import Browser, Page, expect, sync_playwright

import server.web
from server.notify.channels.port import Envelope
from server.notify.channels.web_push.browser import read_browser
from server.notify.channels.web_push.channel import content_of
from server.serving import HttpServer, bind
from server.web.headers import SecurityHeaders
from server.words.facts import Links, Rendered
from tests.server.web.test_browser import ARGUMENTS, WATCH_POLICY

FOLDER = server.web.__path__[0]
KEY = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>x</title>
<form method="post" action="/form"><select name="channel"><option value="email">e-mail</option>
</select><input name="address" required><input name="other" value="7">
{% include "on_this_phone.html" %}<button id="go">Go</button></form>"""
# What Mozilla's or Google's push service would have the browser say; `asked` is what it was asked.
MAKER = """
window.asked = [];
PushManager.prototype.subscribe = async function (options) {
  asked.push([options.userVisibleOnly, [...options.applicationServerKey]]);
  if (window.bound) throw new DOMException("another key", "InvalidStateError");
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const text = (data) => btoa(String.fromCharCode(...data)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const keys = { p256dh: text(point), auth: text(crypto.getRandomValues(new Uint8Array(16))) };
  return { toJSON: () => ({ endpoint: "https://push.example.org/send/abc", expirationTime: null, keys }) };
};
PushManager.prototype.getSubscription = async () => ({ unsubscribe: async () => { window.bound = false; } });
"""
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/static/push-worker.js");
  return (await registration.getNotifications()).map(({ title, body, lang, dir, tag, data }) =>
    ({ title, body, lang, dir, tag, data }));
}"""
LETTER = Envelope(
    "notice-7:3",
    "",
    Rendered("ar", "تربة جافة", "…", "<p>", "جافة. https://s.example/alerts/7"),
    Links(evidence="https://s.example/alerts/7", acknowledge="https://s.example/a/ack"),
    facts={"alerts": [{"level": 2, "watch_id": 7}]},
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def form_server():
    """A page with the button in a form, under the headers of all our pages; what was posted."""
    posted = []
    app = FastAPI()
    templates = Environment(loader=FileSystemLoader(f"{FOLDER}/templates/alerts"), autoescape=True)
    html = templates.from_string(PAGE).render(push_key=KEY, t=lambda name: name)

    @app.get("/form")
    def show() -> HTMLResponse:
        return HTMLResponse(html)

    @app.post("/form")
    async def take(request: Request) -> HTMLResponse:
        posted.append(parse_qs((await request.body()).decode()))
        return HTMLResponse("<!doctype html><p id=done>done")

    app.mount("/static", StaticFiles(directory=f"{FOLDER}/static"))
    app.add_middleware(SecurityHeaders)
    listener = bind("127.0.0.1", 0)
    running = HttpServer(app, listener, on_death=lambda: None)
    running.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", posted
    running.stop(5)


@pytest.fixture
def open_page(browser, form_server) -> Iterator:
    """Open the page; at the end no policy may have been violated and no script have failed."""
    contexts, troubles = [], []

    def start(*, allowed=True, maker=MAKER, **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        if allowed:
            context.grant_permissions(["notifications"], origin=form_server[0])
        page = context.new_page()
        for script in (WATCH_POLICY, maker):
            page.add_init_script(script)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"{form_server[0]}/form")
        return page

    yield start
    for context in contexts:
        for page in context.pages:
            if page.evaluate("typeof violations") == "object":
                assert page.evaluate("violations") == []
        context.close()
    assert troubles == []


def press(page, says):
    page.get_by_role("button", name="push_do").click()
    expect(page.locator(f'[data-say="{says}"]')).to_be_visible()
    expect(page.locator("[data-say]:visible")).to_have_count(1)


def send(page, form_server):
    page.click("#go")
    expect(page.locator("#done")).to_be_visible()
    return form_server[1].pop()


def test_the_form_sends_where_the_browser_can_be_reached(open_page, form_server):
    page = open_page()

    press(page, "ready")

    assert page.evaluate("asked.map(([visible, key]) => [visible, key.length])") == [[True, 65]]
    said = send(page, form_server)
    assert (said["channel"], said["other"]) == (["web_push"], ["7"])
    browser = read_browser(said["address"][0])
    assert browser.endpoint == "https://push.example.org/send/abc"


def test_it_can_be_thought_better_of(open_page, form_server):
    page = open_page()
    press(page, "ready")

    page.get_by_role("button", name="push_do", pressed=True).click()
    expect(page.locator("[data-say]:visible")).to_have_count(0)
    page.fill("[name=address]", "a@example.org")

    said = send(page, form_server)
    assert (said["channel"], said["address"]) == (["email"], ["a@example.org"])


def test_a_browser_bound_to_another_key_is_bound_to_this_one(open_page, form_server):
    page = open_page()
    page.evaluate("window.bound = true")

    press(page, "ready")

    assert page.evaluate("asked.length") == 2
    assert send(page, form_server)["channel"] == ["web_push"]


def test_who_says_no_is_told_and_can_choose_otherwise(open_page, form_server):
    page = open_page(allowed=False)

    press(page, "denied")

    page.fill("[name=address]", "a@example.org")
    assert send(page, form_server)["channel"] == ["email"]


def test_a_browser_without_push_service_says_so(open_page, form_server):
    """This Chromium has none, as it comes."""
    page = open_page(maker="")

    press(page, "failed")

    page.fill("[name=address]", "a@example.org")
    assert send(page, form_server)["channel"] == ["email"]


@pytest.mark.parametrize("how", ["without script", "without push"])
def test_the_form_works_where_nothing_can_be_pushed(open_page, form_server, how):
    page = (
        open_page(java_script_enabled=False)
        if how == "without script"
        else open_page(maker="delete window.PushManager;")
    )

    expect(page.get_by_role("button", name="push_do")).to_have_count(0)
    page.fill("[name=address]", "a@example.org")
    assert send(page, form_server)["channel"] == ["email"]


def deliver(page, registrations, content):
    """Have the browser hand a message to the worker, as when its push service brings one."""
    origin = page.evaluate("location.origin")
    session, registration = registrations
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": origin, "registrationId": registration, "data": json.dumps(content)},
    )


@pytest.fixture
def pushed(open_page):
    """A page whose worker runs, and what it takes to bring it a message."""
    page = open_page()
    session = page.context.new_cdp_session(page)
    known = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: known.extend(one["registrationId"] for one in told["registrations"]),
    )
    session.send("ServiceWorker.enable")
    press(page, "ready")
    for _ in range(400):
        if known:
            break
        page.wait_for_timeout(50)  # in which the browser's news are taken
    return page, (session, known[0])


def wait_for(page, count):
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === {count}")
    return page.evaluate(SHOWN)


def test_what_arrives_is_shown_in_its_language(pushed):
    page, registrations = pushed

    deliver(page, registrations, content_of(LETTER))

    (shown,) = wait_for(page, 1)
    assert (shown["title"], shown["body"]) == ("تربة جافة", "جافة.")
    assert (shown["lang"], shown["dir"]) == ("ar", "rtl")


def test_what_is_newer_about_a_warning_takes_the_place_of_what_is_older(pushed):
    page, registrations = pushed
    over = {**content_of(LETTER), "title": "over"}
    other = {**content_of(LETTER), "title": "other", "tag": "other"}

    for one in (content_of(LETTER), over, other):
        deliver(page, registrations, one)

    page.wait_for_function(f"async () => (await ({SHOWN})()).some((one) => one.title === 'over')")
    assert {one["title"] for one in wait_for(page, 2)} == {"over", "other"}


def test_a_touch_opens_what_was_meant(pushed):
    """Only a finger may open a window: so what is asked of the browser is looked at."""
    page, registrations = pushed
    deliver(page, registrations, content_of(LETTER))
    wait_for(page, 1)

    opened = page.context.service_workers[0].evaluate(
        """async () => {
          const opened = [];
          self.clients.openWindow = async (address) => { opened.push(address); };
          const [notification] = await self.registration.getNotifications();
          for (const action of ["", "acknowledge"]) {
            self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
          }
          return opened;
        }"""
    )

    assert opened == ["https://s.example/alerts/7", "https://s.example/a/ack"]
    assert wait_for(page, 0) == []
