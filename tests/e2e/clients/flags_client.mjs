// @openfeature/ofrep-provider and @openfeature/ofrep-web-provider, unmodified: both see a flag change, the
// web provider by an event.
//
// Usage: flags_client.mjs NODE_HOME URL FILE [KEY]

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [home, baseUrl, path, key] = process.argv.slice(2);
const require = createRequire(join(home, "package.json"));
const { EventSource } = require("eventsource");
globalThis.EventSource = EventSource;
const { OpenFeature: Server } = require("@openfeature/server-sdk");
const { OFREPProvider } = require("@openfeature/ofrep-provider");
const { OpenFeature: Web } = require("@openfeature/web-sdk");
const { OFREPWebProvider } = require("@openfeature/ofrep-web-provider");

const TIMEOUT = 60_000;
const headers = key ? [["X-API-Key", key]] : [];
const bob = { targetingKey: "bob", tenant: "other" };

async function until(what, condition) {
  const deadline = Date.now() + TIMEOUT;
  while (!(await condition())) {
    assert(Date.now() < deadline, `gave up waiting for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

await Server.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
const server = Server.getClient();
const details = await server.getBooleanDetails("new-prompt", false, { targetingKey: "ann", tenant: "acme" });
assert.equal(details.value, true);
assert.equal(details.variant, "on");
assert.equal(details.reason, "TARGETING_MATCH");
assert.equal(await server.getBooleanValue("new-prompt", true, bob), false);
assert.equal((await server.getStringDetails("nobody", "own", bob)).errorCode, "FLAG_NOT_FOUND");
console.log("ok server");

await Web.setContext(bob);
// Polling is off: the change can come by the event stream only.
await Web.setProviderAndWait(new OFREPWebProvider({ baseUrl, headers, pollInterval: 0 }));
const web = Web.getClient();
assert.equal(web.getBooleanValue("new-prompt", true), false);
console.log("ok web");

const flags = JSON.parse(readFileSync(path, "utf8"));
flags.flags["new-prompt"].defaultVariant = "on";
await new Promise((resolve) => setTimeout(resolve, 1000));
writeFileSync(path, JSON.stringify(flags));
await until("the change at the server provider", () => server.getBooleanValue("new-prompt", false, bob));
await until("the change at the web provider", () => web.getBooleanValue("new-prompt", false));
for (let round = 0; round < 200; round += 1) {
  assert.equal(await server.getBooleanValue("new-prompt", false, bob), true);
  assert.equal(web.getBooleanValue("new-prompt", false), true);
}
console.log("ok change");
process.exit(0);
