//! Every metric in one table: name, kind, unit, labels and help.
//!
//! The plain counters of a series stand in the table of [`Series`] (`rollout/src/series.rs`) and
//! are added here. No other file spells a metric name.
//!
//! Label values come from the configuration or from closed enums, never from requests; ids never
//! become labels. Units are base units: seconds, bytes, ratios from 0 to 1.

use metrics::Unit;
use stagegate_rollout::{Counter, CounterUnit, Series};
use std::sync::LazyLock;

/// The behaviour of a metric's value over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until a restart.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by size.
    Histogram,
}

impl Kind {
    /// The word Prometheus uses.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric family.
#[derive(Debug)]
pub struct Metric {
    /// Its name, as Prometheus shows it.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// The unit of its value.
    pub unit: Unit,
    /// Names of its labels, in order.
    pub labels: &'static [&'static str],
    /// One sentence for people.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($const:ident = $kind:ident $name:literal [$($label:literal),*] $unit:ident, $help:literal;)*) => {
        $(pub(crate) static $const: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// The metrics of this table.
        static NAMED: &[&Metric] = &[$(&$const),*];
    };
}

/// Every metric, in the order of the documentation.
pub static ALL: LazyLock<Vec<&'static Metric>> = LazyLock::new(|| {
    COUNTERS.iter().map(|(metric, _)| metric).chain(NAMED.iter().copied()).collect()
});

/// Reads a counter of a series.
type Read = fn(&Series) -> u64;

/// The plain counters of a series, and how each is read.
pub(crate) static COUNTERS: LazyLock<Vec<(Metric, Read)>> = LazyLock::new(|| {
    let metric = |counter: &Counter| Metric {
        name: counter.name,
        kind: Kind::Counter,
        unit: match counter.unit {
            CounterUnit::Count => Unit::Count,
            CounterUnit::Bytes => Unit::Bytes,
        },
        labels: &["workload", "release", "arm"],
        help: counter.help,
    };
    Series::COUNTERS.iter().map(|counter| (metric(counter), counter.of)).collect()
});

metrics! {
    REQUESTS = Counter "stagegate_requests_total" ["workload", "release", "arm", "outcome"] Count,
        "Finished requests by how they ended; forced ones are counted apart";
    REQUEST_DURATION = Histogram "stagegate_request_duration_seconds" ["workload", "release", "arm"] Seconds,
        "Time from the end of the request head to the end of the response, or until the client left";
    FIRST_BYTE = Histogram "stagegate_time_to_first_byte_seconds" ["workload", "release", "arm"] Seconds,
        "Time from the end of the request head to the response head";
    DECISIONS = Counter "stagegate_decisions_total" ["workload", "reason"] Count,
        "Routing decisions by the rule that decided";
    KEYS = Counter "stagegate_decision_keys_total" ["workload", "key"] Count,
        "Requests by the kind of key that decided; many by `request` where conversations should stay together mean that no conversation id is found";
    REFUSED = Counter "stagegate_refused_total" ["workload", "reason"] Count,
        "Requests and connections the proxy itself answered or ended; no workload label if none was matched";
    BETWEEN_CHUNKS = Histogram "stagegate_between_chunks_seconds" ["workload", "release", "arm"] Seconds,
        "Time between two chunks of a streamed response, as its bytes come in";
    STAGE_DURATION = Histogram "stagegate_stage_duration_seconds" ["workload", "release", "arm", "stage"] Seconds,
        "Time by stage, as backends state it in Server-Timing or agents in their traces; later stages than the first 32 count as `other`";
    STAGE_CALLS = Counter "stagegate_stage_calls_total" ["workload", "release", "arm", "stage"] Count,
        "Calls by stage in the agents' traces, such as `llm` or `tool:search`; stages contain each other";
    STAGE_ERRORS = Counter "stagegate_stage_errors_total" ["workload", "release", "arm", "stage"] Count,
        "Calls of a stage that failed, by the status of their span";
    STAGE_TOKENS = Counter "stagegate_stage_tokens_total" ["workload", "release", "arm", "stage", "type"] Count,
        "Tokens of the model calls in a stage, `input` or `output`; stages contain each other, so their sum counts tokens twice";
    STAGE_COST = Counter "stagegate_stage_cost_usd_total" ["workload", "release", "arm", "stage"] Count,
        "Known cost in US dollars of the model calls in a stage; stages contain each other";
    OTLP_EXPORTS = Counter "stagegate_otlp_exports_total" ["result"] Count,
        "Exports of agents by how they ended: `accepted`, or refused as `denied`, `too_large`, `malformed`, `unsupported`, `busy`, `forward_failed`; `forwarded` is the part of the accepted ones that a collector took";
    OTLP_SPANS = Counter "stagegate_otlp_spans_total" ["result"] Count,
        "Spans of agents: all `received` with valid ids, and the others as `rejected`; of the received ones those `joined` to a request, `late` for it, `unmatched` by any, `repeated`, or `dropped` because a limit was reached";
    OTLP_WAITING = Gauge "stagegate_otlp_waiting" ["kind"] Count,
        "Traces and spans of agents that wait for their request, or for its time";
    OTLP_MEMORY = Gauge "stagegate_otlp_waiting_bytes" [] Bytes,
        "Memory of the spans of agents that wait";
    TOKENS = Counter "stagegate_tokens_total" ["workload", "release", "arm", "type"] Count,
        "Tokens as responses report them; `reasoning` is a part of `output`, the other types are disjoint";
    COSTED = Counter "stagegate_costed_responses_total" ["workload", "release", "arm", "truth"] Count,
        "Responses by how their cost is known";
    COST = Counter "stagegate_cost_usd_total" ["workload", "release", "arm", "truth"] Count,
        "Cost of responses in US dollars, by how it is known";
    UNPRICED = Counter "stagegate_unpriced_responses_total" ["workload", "reason", "model"] Count,
        "Responses whose cost is unknown, by reason (`not_listed`: the price list does not have the model; `no_model`: nothing names it; `unfinished`: the answer is made later; `unread`: the body could not be read) and model; models beyond the first 128 of a workload count as `other`";
    TENANT_REQUESTS = Counter "stagegate_tenant_requests_total" ["workload", "tenant"] Count,
        "Finished requests of the tenants that are counted on their own; the rest is `other`";
    TENANT_TOKENS = Counter "stagegate_tenant_tokens_total" ["workload", "tenant"] Count,
        "Tokens of the tenants that are counted on their own; the rest is `other`";
    TENANT_COST = Counter "stagegate_tenant_cost_usd_total" ["workload", "tenant"] Count,
        "Cost in US dollars of the tenants that are counted on their own; the rest is `other`";
    TRACE_EXPORTED = Counter "stagegate_trace_exported_total" ["kind"] Count,
        "Spans and events (verdicts of scorers) that the OpenTelemetry collector took";
    TRACE_DROPPED = Counter "stagegate_trace_dropped_total" ["reason"] Count,
        "Spans and events that were not exported; requests are not affected";
    EVAL_RESULTS = Counter "stagegate_eval_results_total" ["workload", "arm", "scorer", "label"] Count,
        "Scores of sampled answers by what the scorer said: `pass`, `fail` or `unscored`";
    EVAL_DROPPED = Counter "stagegate_eval_dropped_total" ["reason"] Count,
        "Picked exchanges that were not scored, of either arm alike; answers are not affected";
    QUEUE_REQUESTS = Counter "stagegate_queue_requests_total" ["workload", "event"] Count,
        "Requests of killed workloads by what became of them: `taken` into the queue, `refused` by it, `answered` after the revival, `unknown` because their sending was cut off and they cannot be repeated, `dropped` by a person, `expired`";
    QUEUE_WAITING = Gauge "stagegate_queue_waiting" ["workload"] Count,
        "Requests that wait until their workload is revived, or for their turn";
    QUEUE_BYTES = Gauge "stagegate_queue_bytes" ["workload"] Bytes,
        "Size of the queued requests and of the kept answers on disk";
    QUEUE_OLDEST = Gauge "stagegate_queue_oldest_seconds" ["workload"] Seconds,
        "Age of the oldest request that waits; 0 if none does";
    LAST_LOOK = Gauge "stagegate_last_look_timestamp_seconds" ["loop"] Seconds,
        "When a loop of the process has last looked, in Unix seconds: `steering` judges rollouts, `collector` takes in counts, `notifier` sends messages, `scoring` takes over samples, `recorder` stores measurements";
    EVAL_QUEUE = Gauge "stagegate_eval_queue_items" [] Count,
        "Samples that scorers are at";
    EVAL_MEMORY = Gauge "stagegate_eval_copies_bytes" [] Bytes,
        "Bytes of answers that are being copied or wait to be taken over for scoring";
    EVAL_ACCURACY = Gauge "stagegate_eval_accuracy_ratio" ["workload", "release", "arm", "bound"] Count,
        "Share of scored samples that passed since the last rollout began, with its 95% confidence sequence";
    EVAL_LABELLED = Gauge "stagegate_eval_labelled_accuracy_ratio" ["workload", "release", "arm", "bound"] Count,
        "Share of the samples whose right answer is known that gave it, since the last rollout began, with its 95% confidence sequence";
    EVAL_MEAN_SCORE = Gauge "stagegate_eval_mean_score" ["workload", "release", "arm"] Count,
        "Mean value of the gating scorers since the last rollout began, 0 to 1";
    EVAL_BRIER = Gauge "stagegate_eval_brier_score" ["workload", "release", "arm"] Count,
        "Mean squared difference between the backend's confidence and correctness since the last rollout began";
    EVAL_CALIBRATION = Gauge "stagegate_eval_calibration_error_ratio" ["workload", "release", "arm"] Count,
        "By how much the backend's confidence and its accuracy differ since the last rollout began, over 15 bins";
    SHADOW_REQUESTS = Counter "stagegate_shadow_requests_total" ["workload", "release", "outcome"] Count,
        "Copies of requests that were sent to the shadow release, by what came back; no client and no gate sees them";
    SHADOW_DROPPED = Counter "stagegate_shadow_dropped_total" ["workload", "release", "reason"] Count,
        "Requests picked for the shadow release that were not copied, or whose copy was not sent";
    SHADOW_DURATION = Histogram "stagegate_shadow_duration_seconds" ["workload", "release"] Seconds,
        "Time from sending a copy to the end of its answer, or to the time limit that ended it";
    SHADOW_PAIRS = Counter "stagegate_shadow_pairs_total" ["workload", "result"] Count,
        "Judged pairs of a served answer and a shadow's answer to the same request, the first of each conversation, by which of them passed";
    SHADOW_COST = Counter "stagegate_shadow_cost_usd_total" ["workload", "release"] Count,
        "Known cost in US dollars of answers to copies; it is in no other figure";
    EVAL_DOUBT = Gauge "stagegate_eval_judge_doubt" ["workload", "reason"] Count,
        "1 while the workload's scorers are not believed for this reason, and let no gate on accuracy pass";
    EVAL_JUDGE_SPEND = Counter "stagegate_eval_judge_spend_usd_total" ["workload", "scorer"] Count,
        "What a judge with a budget has cost in US dollars; what nobody knows counts as the most it can have been";
    EVAL_JUDGE_TODAY = Gauge "stagegate_eval_judge_spent_today_usd" ["workload", "scorer"] Count,
        "What a judge has cost today (UTC) in US dollars, with the most that calls under way may cost; kept over restarts";
    EVAL_JUDGE_BUDGET = Gauge "stagegate_eval_judge_budget_usd" ["workload", "scorer"] Count,
        "What a judge may cost in a day (UTC) in US dollars";
    WEIGHT = Gauge "stagegate_candidate_weight_ratio" ["workload"] Count,
        "Share of targeting keys that the weight sends to the candidate, 0 to 1";
    ARM_INFO = Gauge "stagegate_arm_info" ["workload", "release", "arm"] Count,
        "Always 1; says which release is stable and which the candidate";
    PLAN_EPOCH = Gauge "stagegate_plan_epoch" [] Count,
        "Number of the routing plan in force";
    KILLED = Gauge "stagegate_workload_killed" ["workload"] Count,
        "1 while the workload's kill switch is on";
    CLOSED = Gauge "stagegate_candidate_closed" ["workload"] Count,
        "1 while a rollback keeps everyone off the candidate";
    ROLLBACKS = Counter "stagegate_rollbacks_total" ["workload", "reason"] Count,
        "Times traffic was taken off the candidate: by a person's rollback or abort, by closing the latest cohort, by the kill switch, or by a gate of the axis named";
    ROLLBACK_DELAY = Gauge "stagegate_rollback_delay_seconds" ["workload"] Seconds,
        "Of the last rollback by a gate: from the arrival of the counts that completed the evidence to the rollback; absent before the first";
    ROLLOUT_PHASE = Gauge "stagegate_rollout_phase" ["workload", "phase"] Count,
        "1 for the phase of the workload's last rollout, 0 for the others";
    ROLLOUT_STEP = Gauge "stagegate_rollout_step" ["workload"] Count,
        "Step of the rollout under way, from 1; 0 while none is";
    GATE_STATE = Gauge "stagegate_gate_state" ["workload", "axis"] Count,
        "Worst gate of an axis in the rollout under way: 0 holds, 1 waits for evidence, 2 has no data, 3 is violated";
    ENDPOINT_HEALTHY = Gauge "stagegate_endpoint_healthy" ["workload", "release", "endpoint"] Count,
        "Share of the endpoint's addresses that pass their health checks, 0 to 1; absent without checks";
    CONFIG_SUCCESS = Gauge "stagegate_config_reload_success" [] Count,
        "1 if the configuration file was good when it was last read; 0 means an older one is in force";
    CONFIG_TIMESTAMP = Gauge "stagegate_config_last_reload_timestamp_seconds" [] Seconds,
        "Unix time at which the configuration in force was taken over";
    CONFIG_RELOADS = Counter "stagegate_config_reloads_total" ["result"] Count,
        "Readings of the configuration file by result, the one at start included";
    LOG_HEALTHY = Gauge "stagegate_decision_log_healthy" [] Count,
        "1 while decision records are being written";
    LOG_DROPPED = Counter "stagegate_decision_log_dropped_total" ["reason"] Count,
        "Decision records that could not be kept, by reason; traffic is not affected";
    STORE_FAILURES = Counter "stagegate_store_failures_total" [] Count,
        "Changes refused because the state store could not record them";
    FLAG_EVALUATIONS = Counter "stagegate_flag_evaluations_total" ["flag", "variant", "reason"] Count,
        "Evaluations of feature flags over OFREP, over gRPC and for forwarded requests; `unknown` are keys that no flag has, and an empty variant means the caller's own default";
    FLAGS_EXPIRED = Gauge "stagegate_flags_expired" ["risk"] Count,
        "Feature flags that are past the day in their metadata and gate a kill switch, a stage or a running rollout";
    FLAG_FILES = Gauge "stagegate_flag_files_good" [] Count,
        "1 if the files of feature flags are in force as they are now, 0 if a problem keeps the former ones in force";
    NOTIFICATIONS = Counter "stagegate_notifications_total" ["channel", "result"] Count,
        "Tries to tell somebody by how they ended; `failed` ones are tried again, `refused`, `expired` and `dropped` notices are lost";
    NOTIFICATIONS_PENDING = Gauge "stagegate_notifications_pending" [] Count,
        "Messages that wait to be delivered, over all channels";
    SAFE_START = Gauge "stagegate_safe_start" [] Count,
        "1 while the process runs safe, by --safe-start or because the store cannot be read: everything goes to stable, nothing can be changed";
    REPLICA_FRESHNESS = Gauge "stagegate_replica_freshness_seconds" [] Seconds,
        "How long this replica of a fleet is still fresh if the ledger does not answer any more; 0 if it is not fresh. Only in a fleet";
    REPLICA_FENCED = Gauge "stagegate_replica_fenced" [] Count,
        "1 while this replica has closed its candidates because it is not fresh. Only in a fleet";
    REPLICA_ENTRY = Gauge "stagegate_replica_ledger_entry" [] Count,
        "Number of the last entry of the fleet's ledger that all workers follow. Only in a fleet";
    FLEET_REPLICAS = Gauge "stagegate_fleet_replicas" [] Count,
        "Replicas of the fleet, as this one last saw it. Only in a fleet";
    FLEET_SILENT = Gauge "stagegate_fleet_replicas_silent" [] Count,
        "Replicas that did not answer this one. Only in a fleet";
    FLEET_CONFIGS = Gauge "stagegate_fleet_configurations" [] Count,
        "Different configurations among the replicas that answered; 1 if all have the same. Only in a fleet";
    FLEET_STEERS = Gauge "stagegate_fleet_steers" [] Count,
        "1 on the replica that steers: it judges gates and does what nobody asked for. Only in a fleet";
    FLEET_TERM = Gauge "stagegate_fleet_term" [] Count,
        "Term of the replica that steers, as this one sees it; 0 while none does. Only in a fleet";
    FLEET_COVERAGE = Gauge "stagegate_fleet_evidence_coverage" [] Count,
        "Smallest share of the fleet's traffic whose evidence was judged, among the rollouts in progress; 1 without one, 0 while nobody judges. Only in a fleet";
    CONNECTIONS = Gauge "stagegate_connections" ["worker"] Count,
        "Open client connections";
    WORKER_ALIVE = Gauge "stagegate_worker_alive" ["worker"] Count,
        "1 while the worker thread runs; 0 once it has ended by an error, and gets no connections";
    PINS = Gauge "stagegate_pins" [] Count,
        "Conversations pinned to the arm they began on";
    PROCESS_CPU = Counter "process_cpu_seconds_total" [] Seconds,
        "CPU time the process has used, user and system";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" [] Bytes,
        "Memory of the process that is in RAM";
    PROCESS_FDS = Gauge "process_open_fds" [] Count,
        "Open file descriptors of the process";
    PROCESS_MAX_FDS = Gauge "process_max_fds" [] Count,
        "File descriptors the process may open";
    PROCESS_START = Gauge "process_start_time_seconds" [] Seconds,
        "Unix time at which the process started";
    BUILD_INFO = Gauge "stagegate_build_info" ["version"] Count,
        "Always 1; says which version runs";
}
