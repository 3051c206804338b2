// Receipts by drag and drop, several at once. Every form works without it.
"use strict";

// What is dropped is as if it was chosen.
document.addEventListener("dragover", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (!zone || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  zone.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (zone && !zone.contains(event.relatedTarget)) zone.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (!zone || event.dataTransfer.files.length === 0) return;
  event.preventDefault();
  zone.classList.remove("over");
  const input = zone.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

// One file after the other, each with its progress and what became of it.
document.addEventListener("change", async (event) => {
  const form = event.target.closest("form[data-each]");
  if (!form || event.target.type !== "file") return;
  const files = [...event.target.files];
  event.target.value = "";
  const list = document.getElementById("uploads");
  list.hidden = false;
  const lines = files.map((file) => list.appendChild(lineOf(file)));
  for (const [place, file] of files.entries()) await send(form, file, lines[place]);
});

function lineOf(file) {
  const line = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = file.name;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  line.append(name, bar);
  return line;
}

function send(form, file, line) {
  const body = new FormData();
  body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.append("file", file);
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (event) => { line.querySelector("progress").value = event.loaded / event.total; });
  return new Promise((done) => {
    request.addEventListener("load", () => { tell(line, file, request); done(); });
    request.addEventListener("error", () => { say(line, `${file.name}: not sent. Is there a connection?`, "bad"); done(); });
    request.open("POST", form.action);
    request.send(body);
  });
}

// The page that the server leads to says what became of the file, and what the inbox holds now.
function tell(line, file, request) {
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const said = [...page.querySelectorAll("#messages .notice")];
  if (request.status !== 200 || said.length === 0) {
    say(line, `${file.name}: ${request.status === 413 ? "too large." : "refused. Load this page again, and try once more."}`, "bad");
    return;
  }
  const isBad = said.some((notice) => notice.classList.contains("bad"));
  say(line, said.map((notice) => notice.textContent).join(" "), isBad ? "bad" : "good");
  for (const id of ["inbox", "waiting"]) document.getElementById(id).replaceWith(page.getElementById(id));
}

function say(line, text, kind) {
  line.textContent = text;
  line.className = kind;
}
