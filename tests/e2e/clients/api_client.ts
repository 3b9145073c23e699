// A client on types that `openapi-typescript` generates from /openapi.json. It compiles only if
// every closed set is an enum of its own: a switch over all words needs no `default`, and a wrong
// word is an error, which `@ts-expect-error` demands.
import type { components, paths } from "./api.js";

type Schemas = components["schemas"];

function short(arm: Schemas["Arm"]): string {
  switch (arm) {
    case "stable": return "S";
    case "candidate": return "C";
  }
}

function mayPromote(verdict: Schemas["Verdict"]): boolean {
  switch (verdict) {
    case "pass": return true;
    case "fail":
    case "inconclusive":
    case "error": return false;
  }
}

function isUnderWay(phase: Schemas["Phase"]): boolean {
  switch (phase) {
    case "progressing":
    case "paused":
    case "watching": return true;
    case "completed":
    case "aborted":
    case "rolled_back": return false;
  }
}

function isHealthy(state: Schemas["GateStatus"]): boolean {
  switch (state) {
    case "ok": return true;
    case "inconclusive":
    case "violated":
    case "no_data":
    case "error": return false;
  }
}

// @ts-expect-error no arm has this name
export const noArm: Schemas["Arm"] = "canary";
// @ts-expect-error a phase, not a verdict
export const noVerdict: Schemas["Verdict"] = "paused";
// @ts-expect-error a verdict, not a phase
export const noPhase: Schemas["Phase"] = "pass";
// @ts-expect-error the state of a gate, not a verdict
export const noState: Schemas["Verdict"] = "violated";
// @ts-expect-error not every phase is handled
export function forgets(phase: Schemas["Phase"]): boolean {
  switch (phase) {
    case "progressing": return true;
    case "paused": return false;
  }
}

type Answer<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
} ? Body : never;

declare const process: { argv: string[] };

const admin = process.argv[2];

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`http://${admin}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const wanted: Schemas["SetWeight"] = { weight: "25%", reason: "a generated client" };
const changed = await call<Answer<"/v1/workloads/{workload}/weight", "put">>(
  "PUT", "/v1/workloads/agent/weight", wanted,
);
const explained = await call<Answer<"/v1/explain", "post">>(
  "POST", "/v1/explain", { workload: "agent", tenant: "acme", user: "ann" },
);
const kind: Schemas["ChangeKind"] = changed.command;
const key: Schemas["KeyKind"] = explained.key_kind;
console.log(JSON.stringify({
  kind,
  key,
  weight: changed.workload.weight,
  arms: (["stable", "candidate"] as const).map(short),
  promote: mayPromote("pass"),
  ended: !isUnderWay("rolled_back"),
  healthy: isHealthy("ok"),
}));
