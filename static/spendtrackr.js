// What pages do better with a script. Every link and form works without it.
"use strict";

document.documentElement.classList.add("js");

// Choosing a file is enough: no second button on a phone.
document.addEventListener("change", (event) => {
  const input = event.target;
  if (input.matches("input[data-uploads]") && input.files.length > 0) input.form.requestSubmit();
});

// A form that was sent shows that it is under way, and is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  for (const bar of form.querySelectorAll("progress")) {
    bar.removeAttribute("value");
    bar.classList.remove("hidden");
  }
  setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
});

// The browser's back button brings a page as it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form button[disabled]:not([aria-describedby])").forEach((button) => { button.disabled = false; });
});

// One box that ticks all of a name, and what is ticked, counted and added up.
document.addEventListener("change", (event) => {
  const all = event.target.closest("input[data-ticks]");
  if (all) boxesOf(all.dataset.ticks).forEach((box) => { box.checked = all.checked; });
  if (event.target.type === "checkbox") addUp();
});
window.addEventListener("pageshow", addUp);

function boxesOf(name) {
  return [...document.querySelectorAll(`input[type=checkbox][name="${name}"]`)];
}

function addUp() {
  for (const all of document.querySelectorAll("input[data-ticks]")) {
    const boxes = boxesOf(all.dataset.ticks);
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
  for (const sum of document.querySelectorAll("[data-sum]")) {
    const ticked = boxesOf(sum.dataset.sum).filter((box) => box.checked);
    sum.closest("[data-bar]").classList.toggle("has-some", ticked.length > 0);
    sum.textContent = ticked.length > 0 ? `${ticked.length} ticked: ${sums(ticked).join(", ")}` : "";
  }
}

// Whole minor units are added, so no digit is lost; each currency by itself.
function sums(boxes) {
  const totals = new Map();
  for (const { dataset: { amount, currency } } of boxes) {
    const places = (amount.split(".")[1] ?? "").length;
    const total = totals.get(currency) ?? { minor: 0n, places };
    total.minor += BigInt(amount.replace(".", ""));
    totals.set(currency, total);
  }
  return [...totals].sort().map(([currency, { minor, places }]) => written(minor, currency, places));
}

// As the server writes amounts for this reader.
const amounts = JSON.parse(document.documentElement.dataset.amounts ?? "null");

function written(minor, currency, places) {
  const digits = String(minor < 0n ? -minor : minor).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const figures = grouped(whole) + (places > 0 ? amounts.decimal + digits.slice(-places) : "");
  const parts = new Intl.NumberFormat("en", { style: "currency", currency }).formatToParts(0);
  const sign = parts.find((part) => part.type === "currency").value;
  const text = (minor < 0n ? amounts.minus : amounts.plus).replace("¤", () => sign).replace("#", () => figures);
  return text.replace(/([A-Za-z])(?=\d)/, "$1\u00a0");
}

function grouped(whole) {
  const [last, other] = amounts.sizes;
  const groups = [whole.slice(-last)];
  for (let rest = whole.slice(0, -last); rest; rest = rest.slice(0, -other)) groups.unshift(rest.slice(-other));
  return groups.join(amounts.group);
}

// Loosely, for a hint alone: what the server reads, it reads strictly.
function typed(text) {
  const bare = text.replaceAll(amounts.decimal === "," ? "." : ",", "").replace(/[\s'\u2019]/g, "");
  return Number(bare.replace(amounts.decimal, ".")) || 0;
}

// While somebody splits an amount: what is left of it.
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-splits]");
  if (!form || !/-amount$/.test(event.target.name)) return;
  const shares = [...form.querySelectorAll("input[name$='-amount']")].map((input) => typed(input.value));
  const whole = Math.abs(Number(form.dataset.splits));
  const places = (form.dataset.splits.split(".")[1] || "").length;
  const left = whole - shares.reduce((sum, amount) => sum + amount, 0);
  const told = form.querySelector("[data-left]");
  told.hidden = false;
  told.textContent = Math.abs(left) < 0.5 / 10 ** places ? "It adds up." : `${left > 0 ? "Left" : "Too much"}: ${Math.abs(left).toFixed(places).replace(".", amounts.decimal)}`;
});

// What is under way is looked at again until it is over, without taking anybody's place on the page.
function renewSoon() {
  const part = document.querySelector("[data-renews]");
  if (part) setTimeout(() => renew(part), 3000);
}

async function renew(part) {
  const answer = await fetch(window.location.href).catch(() => null);
  const page = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  const now = page && page.querySelector("[data-renews]");
  if (page && !now) window.location.reload();
  else {
    if (now && !part.contains(document.activeElement)) part.replaceWith(now);
    renewSoon();
  }
}
renewSoon();

// A link to copy.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copies]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copies);
  source.select();
  navigator.clipboard?.writeText(source.value).then(() => { button.textContent = "Copied"; });
});
