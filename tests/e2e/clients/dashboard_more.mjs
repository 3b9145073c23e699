// More stories of the dashboard in Chromium: a connection that is lost, much data, texts of strangers, budgets.
//
// Usage: dashboard_more.mjs PLAYWRIGHT CHROMIUM STORY URL TOKEN

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";

const [playwright, executablePath, story, url, token] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(playwright);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const problems = [];

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("dialog", (dialog) => problems.push(`a dialog: ${dialog.message()}`));
  page.on("console", (message) => {
    const provoked = /the server responded with a status of 4\d\d|net::ERR_/.test(message.text());
    if (message.type() === "error" && !provoked) problems.push(message.text());
  });
  return page;
}

async function signIn(page, path = "/", at = url) {
  await page.goto(at + path);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// A forwarder to the server, whose connections can be cut.
function forwarder() {
  const { hostname, port } = new URL(url);
  const open = new Set();
  let server;
  const listen = (at) =>
    new Promise((listening) => {
      server = createServer((client) => {
        const onward = connect(Number(port), hostname);
        for (const [one, other] of [[client, onward], [onward, client]]) {
          open.add(one);
          one.on("error", () => other.destroy());
          one.on("close", () => {
            open.delete(one);
            other.destroy();
          });
          one.pipe(other);
        }
      });
      server.listen(at, "127.0.0.1", () => listening(server.address().port));
    });
  const cut = () =>
    new Promise((done) => {
      server.close(done);
      for (const socket of open) socket.destroy();
    });
  return { listen, cut };
}

// Everything that a page may show of a stranger's text, and what no page may contain.
const HOSTILE = /[\u001b\u0007\u202a-\u202e\u2066-\u2069\u200e\u200f]/;

const PAGES = [
  "/", "/w/agent", "/w/agent/charts?span=24h", "/w/agent/history", "/w/agent/readiness", "/w/agent/runbook",
  "/w/agent/runbook/rollback", "/w/agent/handoff", "/w/agent/queue", "/w/agent/releases", "/w/agent/taking-part", "/request",
  "/request?workload=agent&tenant=acme", "/samples", "/flags", "/fleet", "/audit?verify=1", "/settings",
];

const stories = {
  // The connection is lost: the page turns grey and says so. It comes back: the page follows again, by itself.
  async lost() {
    const between = forwarder();
    const port = await between.listen(0);
    const page = await open();
    await signIn(page, "/w/agent", `http://127.0.0.1:${port}`);
    await page.getByText("50% by hand").waitFor();
    assert.equal(await page.locator("#stale").isVisible(), false);
    await between.cut();
    await page.getByText("what you see is old").waitFor();
    assert((await page.evaluate(() => document.body.classList.contains("stale"))), "it is grey");
    const opacity = await page.locator("main").evaluate((main) => getComputedStyle(main).opacity);
    assert(Number(opacity) < 1, `the old figures are shown at ${opacity}`);
    // Somebody else acts meanwhile.
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ weight: "40%", reason: "x" });
    const changed = await fetch(`${url}/v1/workloads/agent/weight`, { method: "PUT", headers, body });
    assert.equal(changed.status, 200);
    await between.listen(port);
    await page.getByText("40% by hand").waitFor();
    await page.locator("#stale").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => document.body.classList.contains("stale")), false);
    await between.cut();
  },

  // Ten thousand samples: a page has few of them, and the last page can be reached.
  async samples() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page, "/samples?workload=agent");
    const seen = new Set();
    const add = (ids) => {
      for (const id of ids) {
        assert(!seen.has(id), `${id} is shown twice`);
        seen.add(id);
      }
    };
    // The first and the last pages as people read them, those in between as programs do.
    const read = async (path, most) => {
      let next = path;
      for (let pages = 0; next && pages < most; pages += 1) {
        await page.goto(url + next);
        const ids = await page.locator("[data-rows] tbody th a").allTextContents();
        assert(ids.length <= 50, `${ids.length} rows on a page`);
        add(ids);
        const older = page.getByRole("link", { name: "Older samples" });
        next = (await older.count()) > 0 ? await older.getAttribute("href") : null;
      }
      return next;
    };
    let cursor = new URL(await read("/samples?workload=agent", 3), url).searchParams.get("cursor");
    const headers = { authorization: `Bearer ${token}` };
    while (seen.size < 9_600) {
      const more = `${url}/v1/samples?workload=agent&limit=500&cursor=${cursor}`;
      const found = await (await fetch(more, { headers })).json();
      add(found.samples.map((it) => it.id));
      cursor = found.next;
    }
    assert.equal(await read(`/samples?workload=agent&cursor=${cursor}`, 20), null, "the pages have no end");
    assert.equal(seen.size, 10_000);
    await page.goto(`${url}/samples?workload=agent&text=سلام`);
    await page.locator("[data-rows] tbody th a").first().click();
    const shown = await page.locator("main").innerText();
    assert(shown.includes("سلام") && shown.includes("Größe"), shown);
    // Each text has its own direction, and does not turn the page around it.
    assert.equal(await page.locator("pre").first().getAttribute("dir"), "auto");
    const size = (await page.content()).length;
    assert(size < 100_000, `${size} bytes`);
  },

  // Three days of minutes: every chart has few points, a table behind it, and marks.
  async history() {
    const page = await open();
    await signIn(page, "/w/agent/charts?span=72h");
    const charts = page.locator(".chart");
    await charts.first().waitFor();
    assert((await charts.count()) >= 4, `${await charts.count()} charts`);
    const rows = await page.locator(".chart table").first().locator("tbody tr").count();
    assert(rows >= 100 && rows <= 200, `${rows} points of 4,320 minutes`);
    const html = (await page.content()).length;
    assert(html < 3_000_000, `${html} bytes of page`);
    for (const chart of await charts.all()) {
      assert((await chart.locator("table tbody tr").count()) > 0, "a chart without its table");
    }
    const curves = await page.locator(".chart svg polyline").evaluateAll((all) => all.map((it) => it.getAttribute("points").length));
    assert(curves.length > 0 && Math.max(...curves) < 5_000, `${Math.max(...curves)} bytes of a curve`);
    const pictures = await page.locator(".chart svg").evaluateAll((all) => all.map((it) => it.outerHTML.length));
    console.log(`${html} bytes of page, curves of ${Math.max(...curves)}, pictures of ${Math.max(...pictures)}`);
    assert(Math.max(...pictures) < 30_000, `${Math.max(...pictures)} bytes of a picture`);
  },

  // Whatever strangers and colleagues wrote, no page runs it, and none lets it rearrange what stands around it.
  async hostile() {
    const page = await open();
    await signIn(page, "/w/agent");
    const links = await (await fetch(`${url}/v1/samples?limit=1`, { headers: { authorization: `Bearer ${token}` } })).json();
    const id = encodeURIComponent(links.samples[0].id);
    const all = [...PAGES, `/samples/${id}`, `/request?id=${id}`, `/samples?text=${encodeURIComponent("<script>")}`];
    const history = await (await fetch(`${url}/v1/workloads/agent/rollouts`, { headers: { authorization: `Bearer ${token}` } })).json();
    for (const rollout of history.rollouts) all.push(`/w/agent/report/${encodeURIComponent(rollout.id)}`);
    let shown = 0;
    for (const path of all) {
      const answer = await page.goto(url + path);
      assert(answer.status() < 500, `${path}: ${answer.status()}`);
      assert(!HOSTILE.test(await answer.text()), `${path} has a control or a bidi character`);
      const inside = await page.evaluate(() => ({
        hit: globalThis.hit,
        scripts: [...document.scripts].filter((it) => !it.src.includes("/assets/")).length,
        images: document.querySelectorAll("main img, main iframe, main object").length,
        handlers: [...document.querySelectorAll("*")].filter((it) => it.hasAttribute("onerror")).length,
        text: document.querySelector("main").innerText,
      }));
      assert.equal(inside.hit, undefined, path);
      assert.deepEqual([inside.scripts, inside.images, inside.handlers], [0, 0, 0], path);
      if (inside.text.includes("<script>")) shown += 1;
    }
    // It is shown as what it is: readable, where somebody has to read it.
    assert(shown >= 6, `on ${shown} pages only`);
  },

  // What a first look at a workload costs over the wire, and before it can be painted.
  async budget() {
    const page = await open();
    await signIn(page, "/");
    const client = await page.context().newCDPSession(page);
    await client.send("Network.enable");
    await client.send("Network.setCacheDisabled", { cacheDisabled: true });
    const kinds = new Map();
    let bytes = 0;
    let blocking = 0;
    client.on("Network.responseReceived", ({ requestId, type }) => kinds.set(requestId, type));
    client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      bytes += encodedDataLength;
      if (["Document", "Stylesheet"].includes(kinds.get(requestId))) blocking += encodedDataLength;
    });
    await page.goto(url + "/w/agent");
    await page.getByRole("heading", { name: "agent", exact: true }).waitFor();
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
    // The module is loaded beside the page and holds no paint back.
    const order = await page.evaluate(() => [...document.scripts].map((it) => it.type));
    assert(order.every((it) => it === "module"), String(order));
    console.log(`first paint after ${Math.round(paint)} ms, ${blocking} bytes before it, ${bytes} in all`);
    assert(bytes < 150 * 1024, `${bytes} bytes`);
    assert(blocking < 75 * 1024, `${blocking} bytes hold the first paint back`);
    // Values that are read again while the page is open do not belong to the first look.
    const parts = [...kinds.values()].filter((it) => !["EventSource", "Fetch", "XHR"].includes(it));
    assert(parts.length <= 5, `${parts} and ${kinds.size - parts.length} requests for values`);
  },

  // What the command line can do with a flag, its page can: set, replace, remove. And a second person scores.
  async more() {
    const page = await open();
    await signIn(page, "/flags");
    const act = async (title, fill) => {
      await page.goto(url + "/flags");
      await page.locator("summary", { hasText: title }).click();
      const form = page.locator("form", { has: page.getByRole("button", { name: title, exact: true }) });
      await fill(form);
      await form.getByLabel("Reason").fill("a test");
      await form.getByRole("button", { name: title, exact: true }).click();
    };
    await act("Set for everybody", (form) => form.getByLabel("Variant").selectOption("off"));
    await page.getByText("workers follow after").waitFor();
    await act("Replace all changes", (form) =>
      form.getByLabel("Changes, as JSON").fill('{"rules": [{"rule": "deny", "tenant": "acme", "variant": "off"}, {"rule": "percent", "share": "10%", "variant": "on"}]}'));
    await page.getByText("workers follow after").waitFor();
    await act("Remove a change", (form) => form.getByLabel("Change").selectOption({ label: "deny tenant acme" }));
    await page.getByText("workers follow after").waitFor();
    await page.goto(url + "/flags");
    assert.equal(await page.getByText("deny tenant acme").count(), 0);
    await page.getByText("10%").first().waitFor();
    await act("Replace all changes", (form) => form.getByLabel("Changes, as JSON").fill("{"));
    await page.getByText("the changes are no JSON").waitFor();
    await act("Remove a change", async () => {});
    await page.getByText("workers follow after").waitFor();
    await page.goto(url + "/samples?workload=agent");
    await page.locator("[data-rows] tbody th a").first().click();
    for (const [said, words] of [["fail", "Score: counted"], ["pass", "Score: repeated"]]) {
      await page.locator("summary", { hasText: "Add a score" }).click();
      await page.getByLabel("Name").fill("expert");
      await page.getByLabel("Verdict").selectOption(said);
      await page.getByLabel("Score, from 0 to 1").fill("0.25");
      await page.getByLabel("Why").fill("<b>too short</b>");
      await page.getByRole("button", { name: "Add the score" }).click();
      await page.getByText(words).waitFor();
      await page.getByRole("link", { name: "Back to the sample" }).click();
    }
    const shown = await page.locator("main").innerText();
    assert(shown.includes("expert") && shown.includes("<b>too short</b>"), shown);
  },

  // A report is printed: some pages of PDF, with its pictures.
  async print() {
    const page = await open();
    await signIn(page, "/w/agent/history");
    await page.getByRole("link", { name: /^report of agent~v2/ }).click();
    await page.getByText("AG-118").waitFor();
    await page.emulateMedia({ media: "print" });
    for (const hidden of ["header nav", ".tabs"]) {
      for (const it of await page.locator(hidden).all()) {
        assert.equal(await it.isVisible(), false, `${hidden} is printed`);
      }
    }
    assert.equal(await page.getByText("AG-118").first().isVisible(), true);
    const pdf = await page.pdf({ format: "A4" });
    const text = pdf.toString("latin1");
    assert(text.startsWith("%PDF-"), text.slice(0, 20));
    const pages = (text.match(/\/Type\s*\/Page[^s]/g) ?? []).length;
    assert(pages >= 1 && pages <= 20, `${pages} pages`);
    assert(pdf.length > 10_000 && pdf.length < 2_000_000, `${pdf.length} bytes`);
    // Nothing is cut off at the right.
    await page.setViewportSize({ width: 794, height: 1123 });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(wider <= 0, `wider than a page by ${wider}`);
    console.log(`${pages} pages, ${pdf.length} bytes`);
  },
};

await stories[story]();
assert.deepEqual(problems, []);
console.log(`ok ${story}`);
await browser.close();
