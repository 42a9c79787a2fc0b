// Asks the gateway every two seconds how things are, and shows it. No assets from elsewhere.
"use strict";

const EVERY_MS = 2000;
const ASKING_MS = 500;
const OWN = { "X-Saxaul": "1" };
const MARKS = { fine: "✔", look: "!", failed: "✘", odd: "▲", missing: "■", stale: "◌", waiting: "◌" };
const WORDS = { fine: "fine", odd: "cannot be", missing: "no answer", stale: "old", waiting: "not asked yet" };
const at = (id) => document.getElementById(id);

let timer = 0;
let hasten = false;

function put(parent, ...children) {
  parent.replaceChildren(...children.flat());
  return parent;
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

function fill(select, options) {
  const chosen = select.value;
  const now = [...select.options].map((one) => one.value + one.textContent).join("\n");
  if (now === options.map(([name, said]) => name + said).join("\n")) return;
  put(select, options.map(([name, said]) => make("option", { value: name }, said)));
  if (options.some(([name]) => name === chosen)) select.value = chosen;
}

function age(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

function when(ms) {
  return ms ? new Date(ms).toISOString().slice(0, 19).replace("T", " ") + " UTC" : "never";
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    at("pin").hidden = false;
    document.querySelector("main").hidden = true;
  }
  if (!answer.ok) throw new Error(told.error || `the gateway answers ${answer.status}`);
  return told;
}

const post = (path, body) =>
  ask(path, { method: "POST", headers: OWN, body: body instanceof Blob ? body : JSON.stringify(body) });

function step(one) {
  return make("li", { class: one.verdict },
    make("span", { class: "mark", "aria-hidden": "true" }, MARKS[one.verdict]),
    make("span", {}, make("b", {}, `${one.about}: ${one.said}`),
      one.remedy ? make("small", {}, one.remedy) : []));
}

function worded(number, one) {
  return `${number} ${one.unit}`.trim();
}

function value(one) {
  const asked = one.now !== null;
  const newest = asked ? one.now : one.value;
  const text = newest === null || one.state === "waiting" ? (one.reason || WORDS[one.state])
    : worded(newest, one).replaceAll(" ", "\u00a0");
  const note = one.state === "odd" ? ` (${WORDS.odd})` : "";
  const stored = asked && one.value !== null ? `stored ${age(one.age_s)}: ${worded(one.value, one)}` : "";
  const from = one.source ? `computed from ${one.source}` : "";
  const number = text + note;
  const ageSaid = asked ? "" : age(one.age_s);
  return make("tr", { class: one.source ? `${one.state} computed` : one.state },
    make("td", {}, make("span", { class: "mark", "aria-hidden": "true" }, MARKS[one.state]), ` ${one.label}`,
      [from, stored].filter(Boolean).map((said) => make("small", {}, said))),
    make("td", ageSaid ? { class: "number" } : { class: "number", colspan: "2" }, number),
    ageSaid ? make("td", { class: "age" }, ageSaid) : []);
}

function soon(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

// What stays in the page while its numbers change: a finger or the focus may be on its button.
const cards = new Map();

function card(one) {
  const meta = make("p", {});
  const said = make("p", { class: "asked", role: "status" });
  const rows = make("tbody", {});
  const button = make("button", { type: "button", class: "quiet" }, "Read now");
  button.setAttribute("aria-label", `Read ${one.place} now`);
  button.addEventListener("click", () => readNow([one.place], said));
  const element = make("article", {},
    make("header", {}, make("h3", {}, one.place), button), meta, make("table", {}, rows), said);
  return { element, meta, said, rows, button };
}

function sensor(one) {
  if (!cards.has(one.place)) cards.set(one.place, card(one));
  const { element, meta, said, rows, button } = cards.get(one.place);
  meta.textContent = [
    one.model,
    one.depth_m === null ? "" : `${one.depth_m} m deep`,
    one.height_m === null ? "" : `${one.height_m} m high`,
    one.address && `address ${one.address}`,
    `line ${one.bus}`,
    `every ${one.interval_s} s, next in ${soon(one.next_s)}`,
  ].filter(Boolean).join(" · ");
  put(rows, one.values.map(value));
  button.disabled = one.asking;
  const answered = one.values.some((it) => it.now !== null)
    ? `Read ${age(one.asked_s)}, between its slots: to look at, not stored.` : "";
  said.textContent = one.asking ? "Asking …"
    : one.asked_reason ? `Asked ${age(one.asked_s)}: ${one.asked_reason}` : answered;
  return element;
}

async function readNow(places, said) {
  try {
    await post("api/ask", { sensors: places });
  } catch (error) {
    said.textContent = error.message;
  }
  look();
}

function pairs(list) {
  return list.flatMap(([term, said]) => [make("dt", {}, term), make("dd", {}, said)]);
}

function show(view) {
  at("gateway").textContent = `${view.gateway} · ${view.site}`;
  document.title = `${view.may_leave ? "✔" : "✘"} ${view.gateway}`;
  at("line").textContent = `${when(view.now_ms)}, clock: ${view.clock}; ` +
    (view.is_connected ? "linked to the broker" : "no link now");
  at("pin").hidden = true;
  document.querySelector("main").hidden = false;
  at("card").className = `card ${view.may_leave ? "green" : "red"}`;
  at("card-title").textContent = view.may_leave ? "✔ Ready to leave" : "✘ Not ready to leave";
  put(at("steps"), view.steps.map(step));
  at("anyway-row").hidden = view.may_leave;
  const shown = view.sensors.map(sensor);
  const there = at("sensors").children;
  if (there.length !== shown.length || shown.some((one, n) => one !== there[n])) put(at("sensors"), shown);
  fill(at("scan-thing"), view.things.map((one) => [one.id, `${one.name} (${one.id})`]));
  const asking = view.sensors.filter((one) => one.asking).length;
  at("read-all").disabled = asking > 0;
  at("read-said").textContent = asking ? `Asking ${asking} …` : "";
  hasten = asking > 0;
  at("photos").textContent = view.photos.length ? `${view.photos.length} kept on this visit` : "none on this visit yet";
  const last = view.installation;
  at("last").textContent = last
    ? `Last record: ${when(last.at)} by ${last.by}, ${last.green ? "all was ready" : "not all was ready"}` : "";
  const s = view.standing;
  put(at("sending"), pairs([
    ["Broker", view.broker + (view.is_connected ? ", linked" : ", no link")],
    ["Waiting for the server", `${s.unconfirmed} batches, ${s.pending} readings more`],
    ["Last confirmed", when(s.stored_at_ms)],
    ["Refused", `${s.refused} batches`],
    ["Given up", `${s.lost + s.dropped} readings`],
  ]));
  put(at("buses"), pairs(view.buses.map((one) => [
    one.bus, one.open ? `open, ${one.polls} asked, ${one.failures} without answer` : one.last_error || "not open"])));
  const select = at("thing");
  if (select.options.length !== view.things.length) {
    put(select, view.things.map((one) => make("option", { value: one.id }, `${one.name} (${one.id})`)));
    choose(view.things);
    select.onchange = () => choose(view.things);
  }
}

function choose(things) {
  const thing = things.find((one) => one.id === at("thing").value);
  at("lat").value = thing && thing.lat !== null ? thing.lat : "";
  at("lon").value = thing && thing.lon !== null ? thing.lon : "";
}

async function look() {
  clearTimeout(timer);
  try {
    show(await ask("api/view"));
  } catch (error) {
    at("line").textContent = `${error.message || "the gateway does not answer"}`;
  }
  timer = setTimeout(look, hasten ? ASKING_MS : EVERY_MS);
}

function sending(form, work, done) {
  const said = form.querySelector(".said");
  return async (event) => {
    if (event) event.preventDefault();
    try {
      said.className = "said";
      said.textContent = "…";
      await work();
      said.classList.add("fine");
      said.textContent = done;
    } catch (error) {
      said.textContent = error.message;
    }
    look();
  };
}

at("pin").addEventListener("submit", sending(at("pin"), async () => {
  await post("api/pin", { pin: at("pin-field").value });
  at("pin-field").value = "";
}, ""));

at("leave").addEventListener("submit", sending(at("leave"), () => post("api/installation", {
  by: at("by").value, notes: at("notes").value, anyway: at("anyway").checked,
}), "Kept. It will be sent with the next connection."));

at("place").addEventListener("submit", sending(at("place"), () => post("api/position", {
  thing: at("thing").value, lat: Number(at("lat").value), lon: Number(at("lon").value),
}), "Kept."));

// A phone's photo has 3 to 12 MB; 2,000 pixels show where a sensor stands.
async function smaller(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  const share = picture ? 2000 / Math.max(picture.width, picture.height) : 1;
  if (share >= 1) return file;
  const canvas = make("canvas", { width: Math.round(picture.width * share), height: Math.round(picture.height * share) });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob((blob) => done(blob || file), "image/jpeg", 0.85));
}

const photoCard = at("photo").closest("section");
at("photo").addEventListener("change", () => {
  const file = at("photo").files[0];
  if (file) sending(photoCard, async () => post("api/photo", await smaller(file)), "Kept.")().then(() => { at("photo").value = ""; });
});

at("read-all").addEventListener("click", () => readNow([], at("read-said")));

look();
