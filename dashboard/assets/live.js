// Keeps the live parts of a page fresh, and gives lists and reviews their keys.
// Without this file every page works: it is then as fresh as its last load.

const parse = globalThis.trustedTypes
  ? trustedTypes.createPolicy("stagegate", { createHTML: (text) => text })
  : { createHTML: (text) => text };

const parts = () => document.querySelectorAll("[data-live]");
// Shortest pause between two looks, in milliseconds.
const PAUSE = 2000;
let looking = false;
let again = false;

function stale(isStale) {
  document.body.classList.toggle("stale", isStale);
  document.getElementById("stale").hidden = !isStale;
}

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(parse.createHTML(await answer.text()), "text/html");
      for (const part of parts()) {
        const other = fresh.getElementById(part.id);
        // What a person reads with a screen reader or has selected stays in place if it is the same.
        if (other && other.textContent !== part.textContent) part.replaceChildren(...other.childNodes);
      }
      stale(false);
    } else if (answer.type === "opaqueredirect") {
      location.reload();
    }
  } catch {
    stale(true);
  }
  setTimeout(() => {
    looking = false;
    if (again) {
      again = false;
      look();
    }
  }, PAUSE);
}

if (parts().length > 0) {
  const events = new EventSource("/events");
  events.addEventListener("status", look);
  events.addEventListener("open", () => stale(false));
  events.addEventListener("error", () => stale(true));
  addEventListener("pagehide", () => events.close());
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea")) return;
  const links = [...document.querySelectorAll("[data-rows] tbody th a")];
  const step = { j: 1, k: -1 }[event.key];
  if (step && links.length > 0) {
    const at = links.indexOf(document.activeElement);
    const to = at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1);
    links[to].focus();
    return;
  }
  const verdict = { p: "pass", f: "fail" }[event.key];
  document.querySelector(`[data-review] button[value="${verdict}"]`)?.click();
});
