// Keeps the live parts of a page fresh, and gives lists and reviews their keys.
// Without this file every page works: it is then as fresh as its last load.

const parse = globalThis.trustedTypes
  ? trustedTypes.createPolicy("stagegate", { createHTML: (text) => text })
  : { createHTML: (text) => text };

const parts = () => document.querySelectorAll("[data-live]");
// Shortest pause between two looks, in milliseconds. It is longer than the server keeps an answer, so
// the look after the last change shows it.
const PAUSE = 2000;
// Pause between two looks while nothing tells of changes.
const WITHOUT_EVENTS = 10_000;
let looking = false;
let again = false;

function stale(isStale) {
  document.body.classList.toggle("stale", isStale);
  document.getElementById("stale").hidden = !isStale;
}

async function look() {
  // A page that nobody sees is looked at when somebody does.
  if (document.hidden) return;
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

// What a stream tells: `changed`, `lost` or `found`.
function heard(word) {
  if (word === "changed") {
    look();
    again = true;
  } else {
    stale(word === "lost");
  }
}

// Watches the server's stream until the page goes. Resolves when the server refuses a stream: it has no
// place for one more, or the session is over.
function watch(tell) {
  return new Promise((refused) => {
    const events = new EventSource("/events");
    events.addEventListener("status", () => tell("changed"));
    events.addEventListener("open", () => tell("found"));
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) refused();
      else tell("lost");
    });
    addEventListener("pagehide", () => events.close());
  });
}

// A browser opens six connections to a server at most, so one page of it has the stream and tells the
// others. When that page goes, the next one takes its place.
async function follow() {
  const others = globalThis.BroadcastChannel && new BroadcastChannel("stagegate");
  others?.addEventListener("message", (event) => heard(event.data));
  const tell = (word) => {
    heard(word);
    others?.postMessage(word);
  };
  for (;;) {
    // Locks exist in secure contexts: https, and http to this machine.
    if (navigator.locks && others) await navigator.locks.request("stagegate-events", () => watch(tell));
    else await watch(tell);
    look();
    await new Promise((waited) => setTimeout(waited, WITHOUT_EVENTS));
  }
}

if (parts().length > 0) {
  follow();
  addEventListener("visibilitychange", look);
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
