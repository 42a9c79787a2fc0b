// "Tell me on this phone": asks the browser where messages to it can be left, and has the form send
// that in place of the channel and the address that would be chosen otherwise.

const part = document.querySelector("#on-this-phone");
const button = part.querySelector("button");
const form = part.closest("form");
const CONTROLS = ["channel", "address"];

function say(name) {
  for (const line of part.querySelectorAll("[data-say]")) line.hidden = line.dataset.say !== name;
}

function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

async function worker() {
  const registration = await navigator.serviceWorker.register("/static/push-worker.js");
  const waking = registration.installing || registration.waiting;
  // Pages are not in its scope: navigator.serviceWorker.ready would wait for ever.
  while (waking && waking.state !== "activated") {
    if (waking.state === "redundant") throw new Error("the worker did not start");
    await new Promise((resolve) => waking.addEventListener("statechange", resolve, { once: true }));
  }
  return registration;
}

async function subscribe() {
  const { pushManager } = await worker();
  const options = { userVisibleOnly: true, applicationServerKey: bytes(part.dataset.key) };
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    if (error.name !== "InvalidStateError") throw error;
    // Subscribed with another key: this server was set up anew.
    await (await pushManager.getSubscription())?.unsubscribe();
    return pushManager.subscribe(options);
  }
}

function choose(subscription) {
  for (const control of [...form.elements]) {
    if (CONTROLS.includes(control.name)) control.disabled = true;
  }
  const values = ["web_push", JSON.stringify(subscription)];
  for (const [index, name] of CONTROLS.entries()) {
    part.append(Object.assign(document.createElement("input"), { type: "hidden", name, value: values[index] }));
  }
}

function undo() {
  for (const control of part.querySelectorAll("input")) control.remove();
  for (const control of [...form.elements]) {
    if (CONTROLS.includes(control.name)) control.disabled = false;
  }
}

function press(isChosen) {
  button.setAttribute("aria-pressed", String(isChosen));
  button.classList.toggle("quiet", !isChosen);
}

button.addEventListener("click", async () => {
  if (button.getAttribute("aria-pressed") === "true") {
    undo();
    press(false);
    say("");
    return;
  }
  button.disabled = true;
  try {
    if ((await Notification.requestPermission()) !== "granted") {
      say("denied");
      return;
    }
    choose(await subscribe());
    press(true);
    say("ready");
  } catch {
    say("failed"); // no push service, or none that can be reached
  } finally {
    button.disabled = false;
  }
});

part.hidden = !("serviceWorker" in navigator && "PushManager" in window && "Notification" in window);
