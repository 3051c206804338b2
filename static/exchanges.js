// What happens around an exchange of a part of a page: where the focus goes on, what stays ticked, and what is said when it fails.

const panelOf = () => document.getElementById("panel");
const opened = () => document.querySelector("[aria-current=true] [data-row]");
const boxes = () => [...document.querySelectorAll(".split tbody input[type=checkbox]")];
let before = {};

// What comes later into a part of the page, such as what happened to a purchase, is no exchange of all of it.
const isWhole = (event) => event.detail.target?.matches(".split");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isWhole(event)) return;
  document.querySelector("#messages .failed")?.remove();
  before = { panel: panelOf()?.dataset.shows, row: opened()?.id };
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, isError, target } = event.detail;
  if (isError) return;
  const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
  if (!isWhole(event)) {
    // Signed out meanwhile: the link stays that leads there.
    event.detail.shouldSwap = Boolean(target.id && answer.getElementById(target.id));
    before.wasIn = target.contains(document.activeElement) ? target.id : "";
    return;
  }
  // Signed out meanwhile, or led somewhere else: no part of this page came back, so go there.
  if (!answer.querySelector(".split")) {
    event.detail.shouldSwap = false;
    window.location.assign(xhr.responseURL);
    return;
  }
  before.ticked = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id && event.target.id === before.wasIn) event.target.focus({ preventScroll: true });
  if (!event.target.matches(".split")) return;
  for (const box of boxes()) box.checked = before.ticked.has(box.value);
  boxes()[0]?.dispatchEvent(new Event("change", { bubbles: true }));
  const panel = panelOf();
  const isNew = panel && panel.dataset.shows !== before.panel;
  const isLost = document.activeElement === document.body;
  // What was opened is read next; what was closed leads back to its row; and a button that is gone must not lose anybody's place.
  if (isNew || (panel && isLost)) panel.focus({ preventScroll: true });
  else if (isLost) document.getElementById(before.row)?.focus();
  // Where there is no room beside the list, the panel takes its place: begin at its top.
  if (panel && window.matchMedia("(max-width: 1100px)").matches) panel.scrollIntoView();
});

const UNKNOWN = "That did not work";
document.addEventListener("htmx:responseError", (event) => {
  const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const [title, ...sentences] = [...page.querySelectorAll("main h1, main p:not(:has(a))")].map((element) => element.textContent.trim());
  say(title || UNKNOWN, sentences.join(" ") || `The server answered ${event.detail.xhr.status}.`);
});
for (const kind of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(kind, (event) => {
    const isRead = event.detail.requestConfig.verb === "get";
    say("No answer", isRead ? "Is there a connection? Nothing was changed." : "Is there a connection? It may have been done all the same: load the page again and look.");
  });
}

function say(title, text) {
  const notice = document.createElement("div");
  notice.className = "notice bad inline-notice failed";
  notice.setAttribute("role", "alert");
  const words = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = `${title}. `;
  words.append(strong, text);
  const again = document.createElement("a");
  again.className = "button";
  again.href = window.location.href;
  again.textContent = "Load the page again";
  notice.append(words, again);
  document.getElementById("messages").append(notice);
  // Nothing that was typed is lost, and it can be sent again.
  document.querySelectorAll("form button[disabled]:not([aria-describedby])").forEach((button) => { button.disabled = false; });
}
