// @openfeature/ofrep-web-provider, unmodified, in a page in Chromium: it sees a flag change by an event.
//
// Usage: flags_page.mjs PLAYWRIGHT CHROMIUM NODE_HOME URL ORIGIN ADMIN KEY
// The page is at ORIGIN, a port of this machine that the server of flags permits; it is made of files below NODE_HOME.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [playwright, chromium, home, baseUrl, origin, admin, key] = process.argv.slice(2);
const { chromium: engine } = createRequire(import.meta.url)(playwright);
const profile = mkdtempSync(join(tmpdir(), "stagegate-flags-page-"));
const modules = join(home, "node_modules/@openfeature");
const nested = join(modules, "ofrep-web-provider/node_modules/@openfeature/ofrep-core");
const files = {
  "/web-sdk.js": join(modules, "web-sdk/dist/esm/index.js"),
  "/core.js": join(modules, "core/dist/esm/index.js"),
  "/ofrep-core.js": join(existsSync(nested) ? nested : join(modules, "ofrep-core"), "index.esm.js"),
  "/ofrep-web-provider.js": join(modules, "ofrep-web-provider/index.esm.js"),
};
const imports = Object.fromEntries(
  Object.keys(files).map((path) => [`@openfeature/${path.slice(1, -3)}`, path]),
);
const html = `<!doctype html><meta charset="utf-8"><title>flags</title>
<script type="importmap">${JSON.stringify({ imports })}</script>`;

const server = createServer((request, response) => {
  const path = new URL(request.url, origin).pathname;
  const file = files[path];
  const type = path === "/" ? "text/html" : "text/javascript";
  response.writeHead(path === "/" || file ? 200 : 404, { "content-type": type });
  response.end(path === "/" ? html : file && readFileSync(file, "utf8"));
});
await new Promise((done) => server.listen(Number(new URL(origin).port), new URL(origin).hostname, done));
const context = await engine.launchPersistentContext(profile, {
  executablePath: chromium,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
});

async function change(body) {
  const answer = await fetch(`${admin}/v1/flags/new-prompt`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reason: "test", ...body }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

try {
  const page = await context.newPage();
  page.on("console", (message) => console.log(`page: ${message.text()}`));
  page.on("pageerror", (error) => console.log(`page: ${error}`));
  await page.goto(`${origin}/`, { timeout: 100_000 });
  const first = await page.evaluate(
    async ({ baseUrl, key }) => {
      const { OpenFeature } = await import("@openfeature/web-sdk");
      const { OFREPWebProvider } = await import("@openfeature/ofrep-web-provider");
      // Polling is off: a change can come by the event stream only.
      const headers = [["X-API-Key", key]];
      await OpenFeature.setContext({ targetingKey: "bob", tenant: "other" });
      await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl, headers, pollInterval: 0 }));
      window.client = OpenFeature.getClient();
      return window.client.getBooleanValue("new-prompt", true);
    },
    { baseUrl, key },
  );
  assert.equal(first, false);
  console.log("ok first");
  for (const [body, value] of [[{ action: "set", variant: "on" }, true], [{ action: "rm" }, false]]) {
    // The stream is open once the provider has asked for it; the answer of a change is then followed by an event.
    await page.waitForTimeout(1000);
    await change(body);
    const fallback = !value;
    await page.waitForFunction(
      ({ value, fallback }) => window.client.getBooleanValue("new-prompt", fallback) === value,
      { value, fallback },
      { timeout: 30_000, polling: 20 },
    );
    const rounds = await page.evaluate(async ({ value, fallback }) => {
      let same = 0;
      for (let round = 0; round < 200; round += 1) {
        same += window.client.getBooleanValue("new-prompt", fallback) === value ? 1 : 0;
        if (round % 50 === 0) await new Promise((done) => setTimeout(done, 20));
      }
      return same;
    }, { value, fallback });
    assert.equal(rounds, 200, "the old value never again");
    console.log(`ok ${value ? "change" : "back"}`);
  }
} finally {
  await context.close();
  server.close();
  rmSync(profile, { recursive: true, force: true });
}
