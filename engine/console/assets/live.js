// Keeps a page fresh without reloading it: the page is fetched again and what
// differs is put in place, so that scrolling, selections and opened details
// stay. Buttons with data-post ask the API.
"use strict";

const often = 1500; // milliseconds between two looks
const seldom = 10000; // where nothing changes soon

document.documentElement.classList.add("js");

const key = (node) => (node.dataset && node.dataset.key) || "";

// What a person has changed on an element, and no answer changes back.
const own = (node, name) => name === "open" && node.nodeName === "DETAILS";

function morph(old, now) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  for (const { name, value } of now.attributes) {
    if (!own(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!own(old, name) && !now.hasAttribute(name)) old.removeAttribute(name);
  }
  const keyed = new Map();
  for (const child of old.children) if (key(child)) keyed.set(key(child), child);
  let at = old.firstChild;
  for (const child of [...now.childNodes]) {
    const k = key(child);
    const fits = at && !key(at) && !k && at.nodeName === child.nodeName;
    const match = k ? keyed.get(k) : fits ? at : null;
    if (!match || match.nodeName !== child.nodeName) {
      old.insertBefore(child, at);
    } else {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      morph(match, child);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// The same words as in words.go.
function ago(date) {
  const s = (Date.now() - date.getTime()) / 1000;
  if (s < 0) return "in " + rough(-s);
  return s < 1 ? "now" : rough(s) + " ago";
}

function rough(s) {
  if (s < 60) return Math.floor(s) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 48 * 3600) return Math.floor(s / 3600) + " h";
  return Math.floor(s / 86400) + " days";
}

function tick() {
  for (const t of document.querySelectorAll("time")) {
    const text = ago(new Date(t.dateTime));
    if (t.textContent !== text) t.textContent = text;
  }
}

const note = document.getElementById("note");
let hiding;

function say(text, bad, stays) {
  clearTimeout(hiding);
  note.hidden = !text;
  note.className = bad ? "bad" : "";
  note.replaceChildren(text);
  if (text && !stays) hiding = setTimeout(() => say(""), 8000);
}

let offline = false;

async function look() {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  try {
    const res = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await res.text(), "text/html");
    const fresh = page.querySelector("main");
    if (res.status === 401) return location.reload();
    if (fresh && fresh.hasAttribute("data-live")) {
      morph(main, fresh);
      document.title = page.title;
    }
    if (offline) say("");
    offline = false;
  } catch {
    offline = true;
    say("Patchbay does not answer. What you see may be old.", true, true);
  }
  tick();
}

let timer;

async function turn() {
  clearTimeout(timer);
  if (document.hidden) return;
  await look();
  const rest = document.querySelector("main[data-rest]");
  timer = setTimeout(turn, rest ? seldom : often);
}

// What a person has filled in around a button: the fields it takes, and the
// values that are not what they were.
function filled(button) {
  const form = button.closest("[data-form]");
  const body = {};
  if (!form) return body;
  const by = form.querySelector("[name=by]");
  if (by && by.value.trim()) body.by = by.value.trim();
  for (const name of (button.dataset.takes || "").split(" ").filter(Boolean)) {
    const text = form.querySelector(`[name=${name}]`).value.trim();
    if (name === "output" || name === "given") {
      if (text) body[name === "given" ? "with" : name] = JSON.parse(text);
    } else body[name] = text;
  }
  const edits = edited(form);
  if (edits.length) body.edit = edits;
  return body;
}

// The edits of a form: what differs from how the page came, and what it came
// with.
function edited(form) {
  return [...form.querySelectorAll("[data-edit]")]
    .filter((f) => f.value !== f.defaultValue || "edited" in f.dataset)
    .map((f) => f.dataset.edit + "=" + f.value);
}

// A retry is shown before it begins: with other values it is another one.
function shown(button) {
  const { plan, from, items } = button.dataset;
  const q = new URLSearchParams({ from, with: button.dataset.with });
  for (const item of items.split(", ").filter(Boolean)) q.append("item", item);
  for (const edit of edited(button.closest("[data-form]"))) q.append("edit", edit);
  location.href = plan + "?" + q;
}

function settled() {
  for (const plan of document.querySelectorAll("button[data-plan]")) {
    const form = plan.closest("[data-form]");
    const changed = [...form.querySelectorAll("[data-edit]")].some((f) => f.value !== f.defaultValue);
    plan.hidden = !changed;
    form.querySelector("button[data-to]").hidden = changed;
  }
}

async function press(button) {
  const { post, sure, trigger, connection, path, happened, from, items, rename, named, to: next } = button.dataset;
  let body;
  try {
    body = filled(button);
  } catch (e) {
    return say("That is no JSON: " + e.message, true);
  }
  if (sure && !confirm(sure)) return;
  const to = rename && prompt("Another name for the " + rename + " " + named, named);
  if (rename && (!to || to === named)) return;
  button.disabled = true;
  if (rename) Object.assign(body, { kind: rename, from: named, to });
  if (body.by) localStorage.setItem("by", body.by);
  if (items) body.items = items.split(", ");
  if (trigger) body.trigger = trigger;
  if (connection) body.connection = connection;
  if (path) body.path = path;
  if (happened) body.happened = happened === "true";
  if (from) Object.assign(body, { from, with: button.dataset.with });
  try {
    const res = await fetch(post, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await res.json();
    if (!res.ok) say(said.error + (said.hint ? ". " + said.hint : ""), true);
    else if (trigger) say(started(said.run));
    else if (rename) say("The " + rename + " " + named + " is named " + to + " now.");
    else if (said.url) say(elsewhere(said.url), false, true);
    else if ("try" in button.dataset) say(said.test === "ok" ? said.name + " works." : said.test || said.state.message || said.name + " has no test call.", said.test !== "ok");
    else if (next) return (location.href = next);
  } catch {
    say("Patchbay does not answer.", true);
  }
  button.disabled = false;
  turn();
}

function elsewhere(url) {
  const link = document.createElement("a");
  link.href = url;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = "Sign in at the service";
  return link;
}

async function ask(path, body) {
  const res = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await res.json();
  if (!res.ok) throw new Error(said.error + (said.hint ? ". " + said.hint : ""));
  return said;
}

// A replay is closed once all of it was taken up: the next one is a new one.
async function replay(button) {
  const { flow, since, to } = button.dataset;
  const body = { ...filled(button), flow, since, from: "failed", with: button.dataset.with };
  button.disabled = true;
  try {
    const said = await ask("/api/v1/replays", body);
    if (!said.left) await ask("/api/v1/replays/close", body);
    location.href = to;
  } catch (e) {
    say(e.message, true);
    button.disabled = false;
  }
}

function started(run) {
  const link = document.createElement("a");
  link.href = "/runs/" + run;
  link.textContent = "Run " + run + " began";
  return link;
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("button");
  if (!button) return;
  if (button.dataset.post) press(button);
  else if ("replay" in button.dataset) replay(button);
  else if (button.dataset.plan) shown(button);
});
document.addEventListener("input", settled);
for (const by of document.querySelectorAll("[name=by]")) by.value = localStorage.getItem("by") || "";
settled();
document.addEventListener("visibilitychange", turn);
setInterval(tick, 1000);
timer = setTimeout(turn, often);
