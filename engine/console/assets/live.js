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

async function press(button) {
  const { post, sure, trigger, connection, path, happened, from } = button.dataset;
  if (sure && !confirm(sure)) return;
  button.disabled = true;
  const body = {};
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
    else if (said.url) say(elsewhere(said.url), false, true);
    else if ("try" in button.dataset) say(said.test === "ok" ? said.name + " works." : said.test || said.state.message || said.name + " has no test call.", said.test !== "ok");
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

function started(run) {
  const link = document.createElement("a");
  link.href = "/runs/" + run;
  link.textContent = "Run " + run + " began";
  return link;
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("button[data-post]");
  if (button) press(button);
});
document.addEventListener("visibilitychange", turn);
setInterval(tick, 1000);
timer = setTimeout(turn, often);
