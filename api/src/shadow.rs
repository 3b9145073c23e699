//! Copies of requests, and how the release that got them did against the one that served.

use super::{Bounded, ShadowDropReason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workload's copies.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShadowReport {
    /// The workload.
    pub workload: String,
    /// The settings from the configuration; null if nothing is copied.
    pub settings: Option<ShadowInForce>,
    /// True if selected requests are copied now.
    pub active: bool,
    /// The reason why not; null while they are copied.
    pub why_not: Option<String>,
    /// The copies since the process began, by the release that received them.
    pub copies: Vec<ShadowCopies>,
    /// Judged pairs, by their releases, those seen last first.
    pub pairs: Vec<ShadowPairs>,
    /// The newest pairs of which only stable's answer passed, at most 20.
    pub lost: Vec<LostPair>,
}

/// The shadow settings of a workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShadowInForce {
    /// The release that gets the copies.
    pub release: String,
    /// Share of targeting keys.
    #[schema(example = "1%")]
    pub fraction: String,
    /// Methods that may be copied.
    pub methods: Vec<String>,
    /// Paths that may be copied; `/*` at the end stands for everything below.
    pub paths: Vec<String>,
    /// Most copies at a time.
    pub in_flight: u32,
    /// Largest body that is copied, in bytes.
    pub body_bytes: u64,
    /// Time for a copy in milliseconds.
    pub timeout_ms: u64,
    /// True if both responses are scored.
    pub scored: bool,
}

/// The copies to one release since the process began.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShadowCopies {
    /// The release.
    pub release: String,
    /// Copies that were sent, by what came back.
    pub sent: ShadowOutcomes,
    /// Copies that were not sent, by reason; reasons that did not happen are left out.
    pub dropped: Vec<ShadowDropped>,
    /// Median of the time to the end of an answer, in milliseconds; null without an answer.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same; null below 1000 answers.
    pub p99_ms: Option<f64>,
    /// Known cost of the answers in US dollars.
    pub cost_usd: f64,
}

/// Copies by what came back.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ShadowOutcomes {
    /// Answered well.
    pub ok: u64,
    /// Likely to work at another time.
    pub transient: u64,
    /// The release's own fault.
    pub permanent: u64,
    /// A dependency's.
    pub external: u64,
}

/// Copies that were not sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShadowDropped {
    /// The reason.
    #[schema(example = "in_flight")]
    pub reason: ShadowDropReason,
    /// Number of copies.
    pub count: u64,
}

/// Pairs of answers to the same requests, both judged by the same scorers. The first pair of each
/// conversation counts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShadowPairs {
    /// The release that served.
    pub stable_release: String,
    /// The release that got the copies.
    pub shadow_release: String,
    /// Both answers pass.
    pub both_pass: u64,
    /// Only the answer that was served passes.
    pub only_stable: u64,
    /// Only the shadow's passes.
    pub only_shadow: u64,
    /// Neither passes.
    pub both_fail: u64,
    /// One of them has no verdict.
    pub unscored: u64,
    /// Of the pairs that differ, the share that the shadow lost, with bounds that hold however often
    /// one looks: half is neither better nor worse. Null where none differs.
    pub lost: Option<Bounded>,
}

/// A pair of which only stable's answer passed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LostPair {
    /// The sample of the answer that was served: the request's id.
    pub stable: String,
    /// The sample of the shadow's answer.
    pub shadow: String,
    /// The release that got the copy.
    pub shadow_release: String,
}
