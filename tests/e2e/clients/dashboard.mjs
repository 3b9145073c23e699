// Stories of the dashboard in Chromium.
//
// Usage: dashboard.mjs PLAYWRIGHT CHROMIUM STORY URL TOKEN [PID [OTHER]]

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { createRequire } from "node:module";

const [playwright, executablePath, story, url, token, pid, other] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const { chromium } = require(playwright);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const problems = [];

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // A refusal that a story provokes is no fault of the page.
    const provoked = /the server responded with a status of 4\d\d|net::ERR_/.test(message.text());
    if (message.type() === "error" && !provoked) problems.push(message.text());
  });
  return page;
}

async function signIn(page, path = "/") {
  await page.goto(url + path);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function atProvider(page, path = "/", account = token) {
  await page.goto(url + path);
  await page.getByRole("link", { name: "Sign in with your organisation" }).click();
  await page.locator("input[name=login]").fill(account);
  await page.locator("input[name=password]").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

async function rollBack(page) {
  await page.locator("summary", { hasText: "Roll back" }).click();
  await page.locator("#rollback-reason").fill("<script>alert(1)</script> \u202e سلام Größe");
  await page.getByRole("button", { name: "Roll back now" }).click();
  await page.getByText(/workers follow after/).waitFor();
}

const PAGES = [
  "/", "/w/agent", "/w/agent/charts?span=24h", "/w/agent/history", "/w/agent/readiness", "/w/agent/runbook", "/w/agent/runbook/rollback", "/w/agent/handoff", "/w/agent/queue", "/w/agent/releases", "/w/agent/taking-part", "/request",
  "/request?workload=agent&tenant=acme", "/samples", "/flags", "/fleet", "/audit?verify=1", "/settings",
];

// No violation of axe-core's rules in both themes, nor of the pages' own policy. Whoever has signed in already
// hands over what the browser has stored.
async function accessible(paths, storageState) {
  const axe = readFileSync(require.resolve(playwright + "/../axe-core/axe.min.js"), "utf8");
  for (const colorScheme of ["light", "dark"]) {
    // The rules are injected, which the policy of the pages rightly forbids to anybody else.
    const page = await open({ colorScheme, bypassCSP: true, storageState });
    if (!storageState) await signIn(page);
    for (const path of paths) {
      await page.goto(url + path);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run());
      const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html)}`);
      assert.deepEqual(found, [], `${path} in ${colorScheme}`);
    }
  }
  const page = await open({ storageState });
  if (!storageState) await signIn(page);
  for (const path of paths) await page.goto(url + path);
}

// The answers that a page of the documentation writes in the table below a picture, as patterns: `…` stands for any
// text.
function documented(file, picture) {
  const rest = readFileSync(file, "utf8").split(`/${picture})`)[1] ?? "";
  const rows = rest.split("\n![")[0].split("\n").filter((line) => line.startsWith("|"));
  const cells = rows.slice(2).map((line) => line.split("|").map((cell) => cell.trim()));
  return cells.map(([, question, answer]) => {
    const parts = answer.replace(/^`|`$/g, "").split("…");
    const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return { question, answer, pattern: new RegExp(escaped.join(".*")) };
  });
}

const stories = {
  // On a phone, with scripts: sign in with a wrong token, then with a right one, and roll back.
  async phone() {
    const page = await open({ viewport: { width: 360, height: 740 } });
    await page.goto(url + "/w/agent");
    await page.getByLabel("Token").fill("sgt_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "not one of the configured ones" }).waitFor();
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "agent", exact: true }).waitFor();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(wider <= 0, `the page is wider than a phone by ${wider}`);
    await rollBack(page);
    await page.getByRole("link", { name: "Back to agent" }).click();
    await page.getByText("Rolled back:").waitFor();
    const shown = await page.locator("main").innerText();
    assert(shown.includes("<script>alert(1)</script>"), shown);
    assert(shown.includes("\\u{202e}") && shown.includes("سلام Größe"), shown);
  },

  // Somebody signs in by the provider, rolls back, and signs out. TOKEN is the account.
  async provider() {
    const page = await open();
    await atProvider(page, "/w/agent");
    await page.getByText(`${token}@example.test`).waitFor();
    await page.getByRole("heading", { name: "agent", exact: true }).waitFor();
    await rollBack(page);
    await page.goto(url + "/audit");
    await page.getByText("signed in by provider").first().waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in with your organisation" }).waitFor();
    await page.goto(url + "/settings");
    await page.getByRole("link", { name: "Sign in with your organisation" }).waitFor();
  },

  // Somebody whom the provider knows, and no rule.
  async stranger() {
    const page = await open();
    await atProvider(page);
    await page.getByRole("alert").filter({ hasText: "no rule of" }).waitFor();
    await page.goto(url + "/settings");
    await page.getByRole("link", { name: "Sign in with your organisation" }).waitFor();
  },

  // An admin ends the session of somebody else.
  async revoke() {
    const [admin, other] = [await open(), await open()];
    await atProvider(admin, "/settings");
    await admin.getByText("Sessions").waitFor();
    await atProvider(other, "/", "bob.agents");
    await other.getByRole("heading", { name: "Overview" }).waitFor();
    await admin.reload();
    await admin.getByRole("button", { name: "End the session of bob.agents@example.test" }).click();
    await admin.getByRole("heading", { name: "Sessions" }).waitFor();
    await other.goto(url + "/settings");
    await other.getByRole("link", { name: "Sign in with your organisation" }).waitFor();
  },

  // The same without any script.
  async plain() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page, "/w/agent");
    await rollBack(page);
    await page.getByRole("link", { name: "Back to agent" }).click();
    await page.getByText("Rolled back:").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
  },

  // What somebody else does shows up by itself; a dead server is said, and so is its return.
  async live() {
    const page = await open();
    await signIn(page, "/w/agent");
    await page.getByText("50% by hand").waitFor();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ weight: "40%", reason: "x" });
    const changed = await fetch(`${url}/v1/workloads/agent/weight`, { method: "PUT", headers, body });
    assert.equal(changed.status, 200);
    await page.getByText("40% by hand").waitFor();
    process.kill(Number(pid), "SIGKILL");
    await page.getByText("what you see is old").waitFor();
  },

  // A flag is denied to a tenant.
  async flag() {
    const page = await open();
    await signIn(page, "/flags");
    await page.locator("summary", { hasText: "Deny a tenant" }).click();
    await page.getByLabel("Tenant").nth(1).fill("acme");
    await page.locator("#new-prompt-deny-reason").fill("wrong answers");
    await page.getByRole("button", { name: "Deny a tenant" }).click();
    await page.getByText("workers follow after").waitFor();
    await page.getByRole("link", { name: "Back to the flags" }).click();
    await page.locator("li", { hasText: "deny tenant acme" }).waitFor();
  },

  // What the command line can change, a page can: lists, a release, a drill, a reload.
  async verbs() {
    const page = await open();
    await signIn(page, "/w/agent/taking-part");
    await page.locator("#deny-id").fill("a/../b ÄÖ");
    await page.locator("#deny-reason").fill("wrong answers");
    await page.getByRole("button", { name: "Deny" }).click();
    await page.getByText("Done: ").waitFor();
    await page.goto(url + "/w/agent/taking-part");
    await page.getByText("tenant a/../b ÄÖ").waitFor();
    await page.getByRole("button", { name: "Remove a/../b ÄÖ" }).click();
    await page.getByText("Done: ").waitFor();
    await page.goto(url + "/w/agent/releases");
    await page.locator("#release-name").fill("v9");
    await page.locator("#release-endpoints").fill("http://127.0.0.1:9");
    await page.locator("#release-model").fill("m-9");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("Done: ").waitFor();
    await page.goto(url + "/w/agent/releases");
    await page.locator("summary", { hasText: "Remove" }).click();
    await page.getByRole("button", { name: "Remove v9" }).click();
    await page.getByText("Done: ").waitFor();
    await page.goto(url + "/w/agent");
    await page.locator("summary", { hasText: "More" }).click();
    await page.locator("#drill-reason").fill("monthly");
    await page.getByRole("button", { name: "Drill" }).click();
    await page.getByText("Drill of agent: passed").waitFor();
    await page.goto(url + "/settings");
    await page.getByRole("button", { name: "Read the configuration again" }).click();
    await page.getByText("The configuration is in force").waitFor();
  },

  // The second of two people sees what the first one changed.
  async two() {
    const [first, second] = [await open(), await open()];
    for (const page of [first, second]) {
      await signIn(page, "/w/agent");
      await page.locator("summary", { hasText: "More" }).click();
    }
    for (const [page, weight] of [[first, "30%"], [second, "60%"]]) {
      await page.locator("#weight").fill(weight);
      await page.getByRole("button", { name: "Set the weight" }).click();
    }
    await first.getByText("Done: ").waitFor();
    await second.getByText("Nothing was changed").waitFor();
    await second.getByText("weight 30%").waitFor();
    const page = await open();
    await signIn(page, "/w/agent");
    await page.locator("summary", { hasText: "More" }).click();
    await page.locator("#kill-name").fill("another");
    await page.locator("#kill-reason").fill("x");
    await page.getByRole("button", { name: "Kill agent" }).click();
    await page.getByText("type its name").waitFor();
  },

  // Every page in both themes: no violation of axe-core's rules nor of the pages' own policy.
  async pages() {
    await accessible(PAGES);
  },

  // The checklist without any script: sign, waive, withdraw.
  async ready() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page, "/w/agent/readiness");
    await page.getByText("Not ready:").waitFor();
    const say = async (check, kind, title, reason) => {
      await page.locator(`#${check} summary`, { hasText: title }).click();
      await page.locator(`#${check}-${kind}-reason`).fill(reason);
      await page.getByRole("button", { name: `${title} ${check}` }).click();
      await page.getByText(`Done: check ${check}`).waitFor();
      await page.getByRole("link", { name: "Back to the checklist" }).click();
    };
    await say("F28", "sign", "Sign", "no <b>visible</b> change");
    await page.locator("#F28").getByText("yes", { exact: true }).waitFor();
    assert((await page.locator("#F28").innerText()).includes("no <b>visible</b> change"));
    await say("C11", "waive", "Waive", "drill tomorrow");
    await page.locator("#C11").getByText("waived", { exact: true }).waitFor();
    await say("C11", "withdraw", "Withdraw", "drilled");
    await page.locator("#C11").getByText("no", { exact: true }).waitFor();
    await page.locator("#A3 summary", { hasText: "Attach a link" }).click();
    await page.locator("#A3-link").fill("https://wiki.example/42");
    await page.getByRole("button", { name: "Attach a link A3" }).click();
    await page.getByText("Done: check A3").waitFor();
    await page.goto(url + "/w/agent/runbook");
    await page.getByText("begin when a rollout reaches 100%").waitFor();
    await page.getByRole("link", { name: "How to roll back" }).click();
    await page.getByText("stagegate rollback agent").first().waitFor();
  },

  // After 100%, without any script: a task is done, and the report is read; both pages in both themes.
  async after() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page, "/w/agent/runbook");
    await page.locator("#told-0h summary", { hasText: "Done" }).click();
    await page.locator("#told-0h-done").fill("told in the channel");
    await page.getByRole("button", { name: "Done: told-0h" }).click();
    await page.getByText("Done: task told-0h").waitFor();
    await page.getByRole("link", { name: "Back to the runbook" }).click();
    await page.locator("#told-0h").getByText("told in the channel").waitFor();
    await page.goto(url + "/w/agent/handoff");
    await page.getByText("Not complete").waitFor();
    await page.locator("#owners summary", { hasText: "Say it" }).click();
    await page.locator("#owners-text").fill("ann, bea");
    await page.getByRole("button", { name: "Say owners" }).click();
    await page.getByText("Done: owners: ann, bea").waitFor();
    await page.getByRole("link", { name: "Back to the hand-off" }).click();
    await page.locator("#owners").getByText("yes", { exact: true }).waitFor();
    await page.goto(url + "/w/agent/history");
    await page.getByRole("link", { name: /^report of agent~v2/ }).click();
    await page.getByText("AG-118").waitFor();
    await page.getByText("overridden by").first().waitFor();
    await page.getByRole("link", { name: "First day" }).click();
    await page.getByText("AG-118").waitFor();
    const report = new URL(page.url()).pathname;
    await accessible(["/w/agent/runbook", "/w/agent/handoff", report]);
  },

  // A page answers the five questions without a click, in the words of the documentation, and its picture is taken.
  // TOKEN is the directory of the pictures, PID the name of this one, OTHER the page of the documentation.
  async answers() {
    const page = await open({ colorScheme: "light" });
    await page.goto(url + "/w/agent");
    const answers = documented(other, pid);
    assert.equal(answers.length, 5, `${other} has no five answers for ${pid}`);
    const shown = (await page.locator("main").innerText()).replace(/\s+/g, " ");
    for (const { question, answer, pattern } of answers) {
      assert(pattern.test(shown), `${question} ${answer} does not stand in: ${shown}`);
    }
    // All of it without scrolling.
    const end = await page.locator(".short").evaluate((it) => it.getBoundingClientRect().bottom);
    assert(end < 900, `the answers end at ${end}`);
    assert.equal(await page.locator(".controls summary").first().innerText(), "Roll back");
    await page.screenshot({ path: `${token}/${pid}` });
  },

  // The page of a fleet, of replica a. PID is replica c, OTHER the nats-server.
  async fleet() {
    const page = await open();
    await signIn(page, "/fleet");
    const storageState = await page.context().storageState();
    const row = (name) => page.locator("tbody tr").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
    const until = async (states) => {
      for (let tries = 0; ; tries += 1) {
        await page.goto(url + "/fleet");
        const shown = await page.locator("tbody tr").allInnerTexts();
        const right = await Promise.all(
          Object.entries(states).map(async ([name, state]) => (await row(name).innerText()).includes(state)),
        );
        if (right.length > 0 && right.every(Boolean)) return;
        assert(tries < 120, `not ${JSON.stringify(states)} but ${shown.join("; ")}`);
        await pause(500);
      }
    };
    await until({ a: "fresh", b: "fresh", c: "fresh" });
    assert.equal(await page.locator("table").first().locator("tbody tr").count(), 3);
    await accessible(["/fleet"], storageState);
    // A replica that is paused says nothing.
    process.kill(Number(pid), "SIGSTOP");
    try {
      await until({ a: "fresh", b: "fresh", c: "silent: it does not answer" });
      await accessible(["/fleet"], storageState);
    } finally {
      process.kill(Number(pid), "SIGCONT");
    }
    await until({ a: "fresh", b: "fresh", c: "fresh" });
    // Without the ledger a replica closes its candidates, and its own page says so.
    process.kill(Number(other), "SIGSTOP");
    try {
      await until({ a: "fenced: everybody goes to stable" });
      await accessible(["/fleet"], storageState);
    } finally {
      process.kill(Number(other), "SIGCONT");
    }
    await until({ a: "fresh", b: "fresh", c: "fresh" });
  },

  // A viewer reads and finds no button.
  async viewer() {
    const page = await open();
    await signIn(page, "/w/agent");
    await page.getByText("Your role is viewer").waitFor();
    assert.equal(await page.locator("summary", { hasText: "Roll back" }).count(), 0);
    await page.goto(url + "/w/agent/readiness");
    await page.getByText("Not ready:").waitFor();
    assert.equal(await page.locator("main summary").count(), 0);
  },
};

await stories[story]();
assert.deepEqual(problems, []);
console.log(`ok ${story}`);
await browser.close();
