// The scan of a serial port: begun, watched, broken off, and what it found added, each on request.
"use strict";

const RUNNING_MS = 700;
const IDLE_MS = 10000;
let scanTimer = 0;
let phase = "none";

function portWords(one) {
  const held = one.bus ? `in use: line ${one.bus}` : "free";
  return `${one.port.replace(/^.*\//, "…/")} (${held})`;
}

function seen(one) {
  const known = one.models.length > 0 && !one.trouble;
  const name = one.models.join(" or ") || one.says;
  const where = [one.protocol, `${one.baud} baud`, one.address && `address ${one.address}`].filter(Boolean).join(", ");
  const value = one.live || (one.spared ? "not asked for a value: it would hand its rain over" : "no value");
  const said = one.trouble || (one.models.length ? value : "not in the catalogue");
  return make("li", { class: known ? "fine" : "look" },
    make("span", { class: "mark", "aria-hidden": "true" }, known ? MARKS.fine : MARKS.look),
    ` ${name}`, make("small", {}, where), make("small", {}, said));
}

let ports = [];

function mayPause() {
  const chosen = ports.find((one) => one.port === at("scan-port").value);
  const held = Boolean(chosen && chosen.bus);
  at("scan-pause-row").hidden = !held;
  at("scan-pause").required = held;
  at("scan-pause-words").textContent = held
    ? `The sensors of line ${chosen.bus} may go unread until the scan has ended` : "";
}

function showScan(told) {
  phase = told.phase;
  ports = told.ports;
  const running = phase === "running";
  fill(at("scan-port"), ports.map((one) => [one.port, portWords(one)]));
  mayPause();
  at("scan-form").hidden = running;
  at("scan-run").hidden = !running;
  at("scan-doing").textContent = told.doing;
  at("scan-bar").value = Math.min(1, told.elapsed_s / told.limit_s);
  const ended = phase === "none" || running ? "" :
    `${phase === "stopped" ? "Stopped" : "Ended"} after ${Math.round(told.elapsed_s)} s. `;
  at("scan-fault").textContent = ended + told.fault;
  put(at("scan-seen"), told.seen.map(seen));
  at("scan-add").hidden = !told.toml;
  if (at("scan-toml").value !== told.toml) {
    at("scan-toml").value = told.toml;
    at("scan-sure").hidden = true;
  }
  at("scan-done").hidden = !told.added;
  if (!told.toml && !told.added && !told.fault && told.seen.some((one) => one.models.length) && !running) {
    at("scan-fault").textContent = ended + "All of these are in gateway.toml already.";
  }
}

async function lookScan() {
  clearTimeout(scanTimer);
  try {
    showScan(await ask(`api/scan?thing=${encodeURIComponent(at("scan-thing").value)}`));
  } catch {
    phase = "none";
  }
  scanTimer = setTimeout(lookScan, phase === "running" ? RUNNING_MS : IDLE_MS);
}

at("scan-port").addEventListener("change", mayPause);
at("scan-thing").addEventListener("change", lookScan);
at("scan-form").addEventListener("submit", (event) => {
  at("scan-added").textContent = "";
  return sending(at("scan-form"), () => post("api/scan", {
    port: at("scan-port").value, pause: at("scan-pause").checked,
  }), "")(event).then(() => { at("scan-pause").checked = false; return lookScan(); });
});
at("scan-stop").addEventListener("click", () => post("api/scan/stop", {}).then(lookScan, lookScan));
at("scan-ask").addEventListener("click", () => { at("scan-sure").hidden = false; });
at("scan-no").addEventListener("click", () => { at("scan-sure").hidden = true; });
at("scan-copy").addEventListener("click", () => {
  at("scan-toml").select();
  document.execCommand("copy"); // over http there is no other way
});
at("scan-add").addEventListener("submit", (event) => sending(at("scan-add"), async () => {
  const told = await post("api/scan/add", { thing: at("scan-thing").value, toml: at("scan-toml").value });
  at("scan-added").textContent = told.said;
}, "")(event).then(lookScan));

at("restart").addEventListener("click", () => sending(at("scan-done"), () => post("api/restart", {}),
  "It starts again, and is back within half a minute.")());

lookScan();
