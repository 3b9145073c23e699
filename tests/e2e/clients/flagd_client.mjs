// @openfeature/flagd-provider, unmodified, in both of its modes: sees a flag change, and never the old value again.
//
// Usage: flagd_client.mjs NODE_HOME HOST PORT ADMIN

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const [home, host, port, admin] = process.argv.slice(2);
const require = createRequire(join(home, "package.json"));
const { OpenFeature } = require("@openfeature/server-sdk");
const { FlagdProvider } = require("@openfeature/flagd-provider");

const TIMEOUT = 60_000;
const acme = { targetingKey: "ann", tenant: "acme" };
const bob = { targetingKey: "bob", tenant: "other", age: 40, groups: ["a", { b: null }] };

/** Changes a flag; the answer is the acknowledgement. */
async function change(flag, body) {
  const answer = await fetch(`${admin}/v1/flags/${flag}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reason: "a test", ...body }),
  });
  assert.equal((await answer.json()).timing.settled, true);
}

const modes = {
  rpc: { resolverType: "rpc", cache: "disabled" },
  "rpc, cached": { resolverType: "rpc", cache: "lru" },
  "in-process": { resolverType: "in-process" },
};
for (const [mode, options] of Object.entries(modes)) {
  const provider = new FlagdProvider({ host, port: Number(port), deadlineMs: 20_000, ...options });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const details = await client.getBooleanDetails("new-prompt", false, acme);
  assert.equal(details.value, true);
  assert.equal(details.variant, "on");
  assert.equal(details.reason, "TARGETING_MATCH");
  assert.equal(details.flagMetadata.owner, "ann");
  assert.equal(await client.getBooleanValue("new-prompt", true, bob), false);
  assert.equal((await client.getStringDetails("nobody", "own", bob)).errorCode, "FLAG_NOT_FOUND");
  assert.equal((await client.getStringDetails("new-prompt", "own", bob)).errorCode, "TYPE_MISMATCH");
  const away = await client.getStringDetails("switched-off", "own", bob);
  assert.equal(away.value, "own");
  assert.equal(away.reason, "DISABLED");
  assert.equal(await client.getNumberValue("steps", 1), 3);
  assert.deepEqual(await client.getObjectValue("model", {}), { name: "m-6", temperature: 0.5 });

  for (const [flag, variant, old, next] of [["new-prompt", "on", false, true], ["steps", "many", 3, 5]]) {
    const ask = (own) =>
      flag === "steps" ? client.getNumberValue(flag, own, bob) : client.getBooleanValue(flag, own, bob);
    const until = async (what, own, wanted) => {
      const deadline = Date.now() + TIMEOUT;
      while ((await ask(own)) !== wanted) {
        assert(Date.now() < deadline, `${mode}: gave up waiting for: ${what}`);
        // The provider hears of the change between two evaluations only.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    assert.equal(await ask(old), old);
    await change(flag, { action: "set", variant });
    const asked = performance.now();
    // With a copy of its own, the provider follows a moment after the acknowledgement.
    if (mode !== "rpc") await until(`the change of ${flag}`, old, next);
    console.log(`${mode}: ${flag} followed within ${(performance.now() - asked).toFixed(1)} ms`);
    for (let round = 0; round < 200; round += 1) assert.equal(await ask(old), next, mode);
    await change(flag, { action: "rm" });
    await until(`the way back of ${flag}`, next, old);
  }
  console.log(`ok ${mode}`);
  await OpenFeature.close();
}
process.exit(0);
