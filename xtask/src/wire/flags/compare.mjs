// Random contexts: the evaluations of a running Stagegate (over OFREP) against those of @openfeature/flagd-core.
//
// Usage: compare.mjs NODE_HOME URL RULES CONTEXTS

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [home, url, rules, contexts] = process.argv.slice(2);
const { FlagdCore } = createRequire(join(home, "package.json"))("@openfeature/flagd-core");
const text = readFileSync(rules, "utf8");
const silent = { error() {}, warn() {}, info() {}, debug() {} };
const core = new FlagdCore(undefined, silent);
core.setConfigurations(text);
const keys = Object.keys(JSON.parse(text).flags);

let wrong = 0;
let evaluations = 0;
for (const context of JSON.parse(readFileSync(contexts, "utf8"))) {
  const body = JSON.stringify({ context });
  const answer = await fetch(`${url}/ofrep/v1/evaluate/flags`, { method: "POST", body });
  const ours = new Map((await answer.json()).flags.map((flag) => [flag.key, flag]));
  for (const key of keys) {
    evaluations += 1;
    const theirs = core.resolveStringEvaluation(key, "own", context, silent);
    const { variant, errorCode, reason } = ours.get(key);
    const same =
      (theirs.variant || null) === (variant || null) &&
      (theirs.errorCode ?? null) === (errorCode ?? null) &&
      (errorCode || theirs.reason === reason);
    if (!same && (wrong += 1) <= 10) {
      console.log(`${key}: ours ${variant} ${reason} ${errorCode}, theirs ${JSON.stringify(theirs)}: ${body}`);
    }
  }
}
console.log(`${evaluations} evaluations, ${wrong} differ`);
process.exit(wrong ? 1 : 0);
