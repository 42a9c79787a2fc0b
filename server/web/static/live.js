// Keeps the page live: applies new values as the server commits them, and lets ages grow.

import { openPlot, plotChanged } from "./plot.js";
import { ZONE, age, instant, number, reasonOf, stateOf, words } from "./words.js";

const REFRESH_MS = 30_000;
const REFRESH_SOON_MS = 300;
const SENTENCES = "#overview, #warned, .gateway, .remarks, .station-head p";

let ahead = 0; // the server's clock minus this one's, in ms
const now = () => Date.now() + ahead;

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Values ----------------------------------------------------------------------------------------

function setTime(tile, ms) {
  tile.dataset.time = ms;
  let time = tile.querySelector("time");
  if (!time) {
    const seen = document.createElement("span");
    seen.className = "seen";
    const word = document.createElement("span");
    word.className = "seen-word";
    time = document.createElement("time");
    time.className = "age";
    seen.append(word, time);
    tile.querySelector(".there").before(seen, " ");
  }
  time.dataset.time = ms;
  time.dateTime = new Date(ms).toISOString();
  setText(time, age(now() - ms));
}

function setNewest(tile, ms) {
  const inStation = tile.closest(".station").querySelector(".station-head time");
  for (const time of [document.querySelector("#overview time"), inStation]) {
    if (time && Number(time.dataset.time) < ms) {
      time.dataset.time = ms;
      time.dateTime = new Date(ms).toISOString();
      setText(time, age(now() - ms));
    }
  }
}

function judge(tile) {
  const { flag, interval, reason, time } = tile.dataset;
  const state = stateOf({ time: Number(time), flag, interval: Number(interval) }, now());
  if (tile.dataset.state !== state) {
    tile.dataset.state = state;
    refreshSoon(); // the sentences count states
  }
  setText(tile.querySelector(".words"), words(state, reason));
  const seen = tile.querySelector(".seen-word");
  if (seen) setText(seen, state === "stale" ? "last seen " : "");
}

function apply(row) {
  const tile = document.getElementById(`reading-${row.datastream}`);
  if (!tile) return false;
  const time = Date.parse(row.time);
  if (time < Number(tile.dataset.time)) return true;
  const { factor, offset, digits } = tile.dataset;
  const shown = row.value === null ? "–" : number(row.value * factor + Number(offset), digits);
  const figure = tile.querySelector(".number");
  if (figure.textContent !== shown) {
    figure.textContent = shown;
    tile.classList.remove("changed");
    requestAnimationFrame(() => tile.classList.add("changed"));
  }
  tile.dataset.flag = row.flag;
  tile.dataset.reason = reasonOf(row);
  setTime(tile, time);
  if (!tile.closest(".raw")) setNewest(tile, time);
  judge(tile);
  plotChanged(row.datastream);
  return true;
}

function grow() {
  for (const time of document.querySelectorAll("time.age")) {
    const ms = Number(time.dataset.time);
    setText(time, age(now() - ms));
    time.title = instant(ms);
  }
  for (const tile of document.querySelectorAll(".reading")) judge(tile);
}

// The whole page --------------------------------------------------------------------------------

function ids(root) {
  return [...root.querySelectorAll(".reading, .gateway, .remarks, .site-head h2")].map((n) => n.id).join();
}

function copySentences(fresh) {
  for (const node of document.querySelectorAll(SENTENCES)) {
    const other = fresh.getElementById(node.id);
    if (!other) continue;
    if (other.dataset.state) node.dataset.state = other.dataset.state;
    node.replaceChildren(...other.childNodes);
  }
}

function copyValues(fresh) {
  for (const tile of document.querySelectorAll(".reading")) {
    const other = fresh.getElementById(tile.id);
    setText(tile.querySelector(".there"), other.querySelector(".there").textContent);
    if (Number(other.dataset.time) > Number(tile.dataset.time)) {
      for (const name of ["time", "flag", "reason", "state"]) tile.dataset[name] = other.dataset[name];
      tile.replaceChildren(...other.childNodes);
      plotChanged(Number(tile.dataset.datastream));
    }
  }
}

// Reads the page again and takes over what changed: sentences and values, or, where stations or
// series came or went, all of it.
async function refresh() {
  const answer = await fetch("/", { cache: "no-store" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  ahead = Number(fresh.body.dataset.now) - Date.now();
  if (ids(fresh) === ids(document)) {
    copySentences(fresh);
    copyValues(fresh);
  } else {
    document.getElementById("board").replaceWith(fresh.getElementById("board"));
  }
  grow();
}

let refreshing = null;
function refreshSoon() {
  refreshing ??= new Promise((resolve) => setTimeout(resolve, REFRESH_SOON_MS))
    .then(refresh)
    .catch(() => {}) // the server is away; the event stream says so and asks again when it is back
    .finally(() => { refreshing = null; });
}

// Events ----------------------------------------------------------------------------------------

function say(state, text) {
  const link = document.getElementById("link");
  link.hidden = false;
  link.dataset.state = state;
  setText(link, text);
}

function follow() {
  const events = new EventSource("/api/v1/live");
  events.addEventListener("open", () => say("live", "Live"));
  events.addEventListener("resync", refreshSoon);
  events.addEventListener("latest", (event) => {
    const known = JSON.parse(event.data).map(apply);
    if (known.includes(false)) refreshSoon();
  });
  events.addEventListener("error", () => {
    say("away", "No connection; trying again");
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 10_000);
  });
}

ahead = Number(document.body.dataset.now) - Date.now();
setText(document.getElementById("zone"), `Times are in ${ZONE}, the zone of this browser.`);
document.addEventListener("click", (event) => {
  const tile = event.target.closest(".reading");
  if (tile) openPlot(tile);
});
grow();
follow();
setInterval(grow, 1000);
setInterval(refreshSoon, REFRESH_MS);
