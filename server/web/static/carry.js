// Sends the chosen files one after the other and says what became of each.

const form = document.querySelector("#carry");
const files = document.querySelector("#files");
const button = document.querySelector("#send");
const bar = document.querySelector("#bar");
const state = document.querySelector("#state");
const results = document.querySelector("#results");
const template = document.querySelector("#result");

const AWAY = "The server did not answer. Look whether it runs, and hand the file in again.";

function send(file, onSent) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much was sent
    request.upload.onprogress = (event) => onSent(event.loaded / (event.total || 1));
    request.onload = () => resolve(read(request));
    request.onerror = () => resolve({ words: AWAY, state: "failed", sentences: [] });
    request.open("POST", "/api/v1/imports");
    request.setRequestHeader("Content-Type", "application/zip");
    request.send(file);
  });
}

function read(request) {
  let answer;
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    return { words: AWAY, state: "failed", sentences: [] };
  }
  if (request.status !== 200) {
    return { words: answer.detail || answer.title, state: "failed", sentences: [] };
  }
  const [words, ...sentences] = answer.summary;
  const whole = !answer.missing && !answer.damage.length && !answer.refused;
  return { words, sentences, state: whole ? "fine" : "suspect" };
}

function show(name, told) {
  const result = template.content.cloneNode(true);
  result.querySelector("h2").textContent = name;
  result.querySelector(".verdict").dataset.state = told.state;
  result.querySelector(".words").textContent = told.words;
  const list = result.querySelector("ul");
  for (const sentence of told.sentences) {
    list.append(Object.assign(document.createElement("li"), { textContent: sentence }));
  }
  results.prepend(result);
}

async function sendAll(chosen) {
  for (const [index, file] of chosen.entries()) {
    const which = chosen.length > 1 ? `${index + 1} of ${chosen.length}, ${file.name}` : file.name;
    const told = await send(file, (share) => {
      bar.value = share;
      state.textContent = share < 1 ? `Sending ${which}` : `Storing ${which}`;
    });
    show(file.name, told);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = files.disabled = true;
  bar.hidden = false;
  await sendAll([...files.files]);
  bar.hidden = true;
  button.disabled = files.disabled = false;
  state.textContent = "Done.";
  form.reset();
});

document.querySelector("#without").hidden = true;
form.hidden = false;
