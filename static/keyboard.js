// Pages by keyboard. Every link and form works without it. What a key does is written on the page:
//   data-row    the link of a row: j and k move among these, o opens
//   data-key    the key that presses this button, ticks this box, goes into this field, or unfolds this and goes into its field
//   data-says   what the list of keys calls it
//   data-go     the key that follows this link after g
// A key that stands in several rows is meant for the row with the focus, or for the opened panel.

const keys = document.getElementById("keys");
const isOn = keys.dataset.keys === "on";
let isGoing = false;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (keys.open) {
    if (event.key === "?") keys.close();
    return;
  }
  const isDone = event.key === "Escape" ? leave(event.target) : isOn && !isTyping(event.target) && act(event.key, event.repeat);
  if (isDone) event.preventDefault();
});

// Moving may be held down; nothing else is done twice by one press.
function act(key, isHeld) {
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  if (isHeld) return false;
  const wasGoing = isGoing;
  isGoing = !wasGoing && key === "g";
  if (isGoing) return true;
  if (wasGoing) return press(keys.querySelector(`[data-go="${CSS.escape(key)}"]`));
  if (key === "?") return show();
  return press(key === "o" ? focused(rows()) : meant(key));
}

const isTyping = (element) => element.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=submit])");
const isShown = (element) => element.getClientRects().length > 0;
const rows = () => [...document.querySelectorAll("[data-row]")].filter(isShown);
const place = (row) => row.closest("tr, article, li");
const focused = (all) => all.find((row) => place(row).contains(document.activeElement));
const opened = () => document.querySelector("[aria-current=true] [data-row]");

// From the row with the focus, or else from the one that is opened beside the list.
function step(by) {
  const all = rows();
  const from = all.indexOf(focused(all) ?? opened());
  const to = all[from < 0 ? 0 : Math.min(Math.max(from + by, 0), all.length - 1)];
  if (!to) return false;
  select(to);
  return true;
}

function select(row) {
  row.focus({ preventScroll: true });
  place(row).scrollIntoView({ block: "nearest" });
}

function meant(key) {
  const all = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(isShown);
  const every = rows();
  const row = focused(every);
  const panel = document.getElementById("panel");
  const isBeside = !row || row === opened();
  return (
    all.find((one) => row && place(row).contains(one)) ??
    all.find((one) => isBeside && panel?.contains(one)) ??
    all.find((one) => !panel?.contains(one) && !every.some((other) => place(other).contains(one)))
  );
}

function press(one) {
  if (!one || one.disabled) return false;
  if (one.matches("summary")) {
    one.parentElement.open = true;
    one.parentElement.querySelector("input:not([type=hidden]), textarea, select").focus();
  } else if (isTyping(one)) {
    one.focus();
    one.select?.();
  } else {
    remember(one);
    one.click();
  }
  return true;
}

// Out of a part that was unfolded, out of a field, out of the panel.
function leave(from) {
  isGoing = false;
  const summary = from.closest("details[open]")?.querySelector(":scope > summary[data-key]");
  if (summary) {
    summary.parentElement.open = false;
    summary.focus();
  } else if (isTyping(from)) {
    const to = from.closest("#panel") ?? opened() ?? rows()[0];
    if (to) to.focus();
    else from.blur();
  } else return press([...document.querySelectorAll('[data-key="Escape"]')].find(isShown));
  return true;
}

// A decision loads the list anew, without what was decided: go on where it was.
function remember(button) {
  const all = rows();
  const row = all.find((one) => place(one).contains(button));
  if (row && button.matches("button[data-key]")) sessionStorage.setItem("row", JSON.stringify([location.pathname, all.indexOf(row)]));
}
const [page, number] = JSON.parse(sessionStorage.getItem("row") ?? "[]");
sessionStorage.removeItem("row");
if (page === location.pathname && rows().length > 0) select(rows()[Math.min(number, rows().length - 1)]);

// The list of keys, made of what is on the page now.
function show() {
  const found = new Map();
  if (rows().length > 0) {
    found.set("j", ["The next row", "k", "the one before"]);
    found.set("o", ["Open the row", "Enter"]);
  }
  for (const one of document.querySelectorAll("[data-key]")) if (isShown(one) && !found.has(one.dataset.key)) found.set(one.dataset.key, [one.dataset.says]);
  const list = keys.querySelector("[data-here]");
  list.replaceChildren(...[...found].map(([key, [says, other, then]]) => line(key, says, other, then)));
  list.hidden = found.size === 0 || !isOn;
  keys.showModal();
  return true;
}

function line(key, says, other, then) {
  const item = document.createElement("li");
  const words = document.createElement("span");
  words.textContent = then ? `${says}, ${then}` : says;
  item.append(words, ...[key, other].filter(Boolean).map(cap));
  return item;
}

function cap(key) {
  const shown = document.createElement("kbd");
  shown.textContent = key === "Escape" ? "Esc" : key;
  return shown;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-opens-keys]")) show();
  else if (event.target === keys || event.target.closest("[data-closes-keys]")) keys.close();
});
