//! The table of the allowed arrows between crates.

/// One crate may use another one.
pub(super) struct Arrow {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    /// The reason, in a few words.
    pub(super) why: &'static str,
}

const fn arrow(from: &'static str, to: &'static str, why: &'static str) -> Arrow {
    Arrow { from, to, why }
}

/// Every allowed arrow. `stagegate`, the program, may use every crate, and the tools too.
pub(super) const ALLOWED: &[Arrow] = &[
    // Pure cores.
    arrow("rollout", "sequential", "gates judge by its tests and intervals"),
    arrow("signals", "rollout", "an answer becomes an outcome, its usage becomes tokens and cost"),
    arrow("spans", "rollout", "stages are added to the counts of an arm"),
    arrow("spans", "signals", "a span's tokens are a usage, priced by its protocol"),
    arrow("eval", "rollout", "samples and scores carry names, arms and weights"),
    arrow("eval", "sequential", "results have intervals, the offline gate is a test"),
    arrow("eval", "sealed", "a scorer's key is hidden, a request to it is signed"),
    arrow("external", "rollout", "it answers what a gate's measure asks"),
    arrow("external", "sealed", "addresses and keys are hidden, questions are signed"),
    arrow("flags", "rollout", "percentages use the hash of weights"),
    arrow("readiness", "rollout", "checks judge the gates and steps of a policy"),
    arrow("readiness", "timing", "evidence names its day"),
    // Configuration and data plane: neither knows the other, both know the settings.
    arrow("settings", "rollout", "a workload's settings hold its spec and its key"),
    arrow("settings", "signals", "a workload's settings hold its rules and prices"),
    arrow("settings", "flags", "flags have a bucketing"),
    arrow("config", "flags", "files of flags are checked with the configuration"),
    arrow("config", "settings", "a file is read into them"),
    arrow("config", "rollout", "policies, weights and names are checked by their own types"),
    arrow("config", "eval", "scorers, samples and labelled sets are checked by their own types"),
    arrow("config", "readiness", "a policy's checklist is checked by its own types"),
    arrow("config", "signals", "prices and failure rules are checked by their own types"),
    arrow("proxy", "jwt", "identities come from signed tokens"),
    arrow("proxy", "settings", "it runs on them"),
    arrow("proxy", "sealed", "backends get proofs of their requests"),
    arrow("proxy", "rollout", "the decision for a request, and the counts of what became of it"),
    arrow("proxy", "flags", "flags are evaluated for the requests that it forwards"),
    arrow("proxy", "timing", "ejected endpoints wait longer each time"),
    arrow("proxy", "signals", "an answer's bytes become usage and an outcome"),
    arrow("queue", "settings", "it runs on them"),
    arrow("queue", "timing", "what was not sent waits"),
    // Records, scores, messages, metrics.
    arrow("store", "rollout", "it stores rollouts and the records of decisions"),
    arrow("telemetry", "rollout", "it shows the counts of workers"),
    arrow("scoring", "eval", "it runs the scorers"),
    arrow("scoring", "rollout", "scores are counted by rollout and arm"),
    arrow("scoring", "timing", "failed calls of scorers wait"),
    arrow("otel", "timing", "failed batches wait"),
    arrow("scoring", "store", "samples are stored before they are judged"),
    arrow("notify", "rollout", "a message has a severity"),
    arrow("notify", "store", "messages are sent from the outbox"),
    arrow("notify", "timing", "failed messages wait, moments are written in one way"),
    arrow("notify", "sealed", "a receiver's key is hidden, a message is signed"),
    arrow("otlp", "listener", "it is served as all side listeners are"),
    arrow("otlp", "otel", "what came is passed on by its client"),
    arrow("otlp", "rollout", "stages go where all counts go"),
    arrow("otlp", "sealed", "it finds the owner of a token"),
    arrow("otlp", "signals", "calls of models are priced"),
    arrow("otlp", "spans", "it decodes and joins what it receives"),
    arrow("ofrep", "flags", "it evaluates them"),
    arrow("ofrep", "listener", "it is served as all side listeners are"),
    arrow("ofrep", "sealed", "it finds the owner of a key"),
    arrow("ofrep", "settings", "it runs on them"),
    // Fleet.
    arrow("nats", "fleet", "the protocol decides, it carries out"),
    arrow("nats", "control", "it is the ledger behind the port"),
    arrow("nats", "rollout", "evidence is kept by the name of its workload"),
    arrow("nats", "store", "entries are changes of the store"),
    arrow("nats", "settings", "it runs on them"),
    // Control plane.
    arrow("control", "config", "a reload reads the file, a release is prepared from it"),
    arrow("control", "fleet", "evidence of many replicas is added up by its rules"),
    arrow("control", "flags", "changes of flags are decided by their own types"),
    arrow("control", "notify", "changes are told in the transaction that makes them"),
    arrow("control", "readiness", "it collects the facts of a checklist and keeps what people say"),
    arrow("control", "rollout", "commands and verdicts change the state"),
    arrow("control", "timing", "messages and audit entries name their day"),
    arrow("control", "sealed", "passports are signed and verified"),
    arrow("control", "store", "changes are stored before they take effect"),
    arrow("oidc", "jwt", "a provider signs who somebody is"),
    arrow("oidc", "settings", "it runs on them"),
    arrow("admin", "api", "routes answer with the wire types"),
    arrow("admin", "oidc", "people sign in by a provider"),
    arrow("admin", "eval", "it shows the results of scorers"),
    arrow("admin", "scoring", "it shows samples, sums and reviews"),
    arrow("admin", "timing", "reports write moments"),
    arrow("admin", "config", "it shows the problems of a file, and describes workloads"),
    arrow("admin", "control", "routes hand commands over and read the state"),
    arrow("admin", "flags", "it shows flags, tries them out and exports them"),
    arrow("admin", "notify", "it shows the health of channels and tests them"),
    arrow("admin", "queue", "it shows what waits, and takes it out"),
    arrow("admin", "readiness", "it shows checklists"),
    arrow("admin", "rollout", "it shows states and analyses, reports are made of its figures"),
    arrow("admin", "sealed", "it finds the owner of a token"),
    arrow("admin", "store", "it lists the audit log and the decisions"),
    // Pages: a client of the admin API in the same process.
    arrow("dashboard", "api", "it reads and writes the wire types"),
    arrow("dashboard", "pictures", "figures are drawn as in reports"),
    arrow("dashboard", "timing", "moments are shown"),
    arrow("admin", "pictures", "figures of a report are drawn as in the dashboard"),
    arrow("pictures", "api", "it draws figures of the wire"),
    arrow("pictures", "timing", "moments are shown"),
    // The command line: a client of the admin API.
    arrow("cli", "api", "it reads and writes the wire types"),
    arrow("cli", "eval", "it compares offline runs and reads datasets, without a server"),
    arrow("cli", "sealed", "it makes keys and verifies passports, without a server"),
    arrow("cli", "signals", "it explains the price of a recorded answer, without a server"),
    arrow("cli", "flags", "it checks and tries out files of flags, without a server"),
    arrow("cli", "timing", "it reads days, and waits between two tries"),
    arrow("cli", "rollout", "arguments are checked by the core's own types"),
    arrow("cli", "timing", "moments are shown, an unanswered request waits"),
    arrow("demo", "api", "it reads the state of its workload"),
    arrow("demo", "cli", "it steers by the same client, and prints the same way"),
    arrow("demo", "rollout", "it names arms and weights"),
];

/// Crates for the work on the product. They may use every crate.
pub(super) const TOOLS: &[&str] =
    &["xtask", "fuzz", "loadgen", "micro", "simulation", "fleet-simulation"];
