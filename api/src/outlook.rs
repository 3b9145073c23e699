//! Looking ahead and looking back: how long a policy's steps will take, and what another policy
//! would have done.

use super::{AnalysisDetail, RateSource, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The forecast of a workload's rollout.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Outlook {
    /// The workload.
    pub workload: String,
    /// Name of the policy.
    pub policy: String,
    /// Requests a second that were assumed.
    pub rps: f64,
    /// The source of that rate: `given`, or `measured` over the last quarter of an hour.
    pub rps_from: RateSource,
    /// Requests of a conversation that were assumed. Scorers count one response of each.
    #[serde(default)]
    pub turns: f64,
    /// The source of that number: `given`, `measured` in the newest rollout, or `assumed`.
    #[serde(default = "assumed")]
    pub turns_from: RateSource,
    /// The policy's steps.
    pub steps: Vec<StepOutlook>,
}

const fn assumed() -> RateSource {
    RateSource::Assumed
}

/// One step as it will probably go.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StepOutlook {
    /// The candidate's share of targeting keys.
    pub weight: String,
    /// The shortest time to a promotion (at the last step: to completion), in milliseconds; absent
    /// if something it needs never comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_ms: Option<u64>,
    /// The condition that takes the longest.
    pub because: String,
    /// The probability that a candidate as good as stable passes in the shortest time, all gates together;
    /// absent at the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<f64>,
    /// The time in which nine of ten candidates as good as stable pass, in milliseconds; absent if that is
    /// not within a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely_ms: Option<u64>,
    /// Requests the candidate serves in the shortest time.
    pub requests: u64,
    /// Dollars they cost; 0 where the cost of a request was not given.
    pub usd: f64,
    /// The regression that each gate can detect.
    pub gates: Vec<GateOutlook>,
}

/// The regression that a gate can detect in a step.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GateOutlook {
    /// The gate's id.
    pub gate: String,
    /// Values of the candidate that a promotion needs.
    pub needed: u64,
    /// The probability that the first look passes a candidate as good as stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<f64>,
    /// A regression, as a share of bad values, of twice the margin or limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regression: Option<f64>,
    /// The time in which it is found in half of the cases, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_in_ms: Option<u64>,
    /// Values that carry as much as one independent value (the design effect), measured over the workload's
    /// conversations in its last rollout, or as follows from `turns` and `icc`; absent where neither is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<f64>,
}

/// `POST /v1/workloads/{workload}/gates/replay`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayGates {
    /// YAML with the key `policies`, as in the configuration file.
    pub text: String,
    /// The policy to replay; may be left out if there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The start of the replayed time, in Unix milliseconds.
    #[serde(deserialize_with = "crate::number::stored")]
    pub since_ms: u64,
    /// Judge look by look where every look was kept (`measurements.ticks`), and not minute by minute: the policy of
    /// the time then gives the very figures of the time.
    #[serde(default)]
    pub exact: bool,
}

/// The result of a policy replayed on recorded traffic.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// Name of the policy.
    pub policy: String,
    /// One for each pair of releases that was recorded, oldest first.
    pub rollouts: Vec<ReplayedRollout>,
}

/// The result of a policy replayed on one rollout.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplayedRollout {
    /// The stable release of the time.
    pub from: String,
    /// The candidate of the time.
    pub to: String,
    /// Recorded windows, about a minute each.
    pub windows: u64,
    /// Candidate requests that stable would have served instead, after a rollback.
    pub spared: u64,
    /// Every step, change of the verdict and rollback, oldest first.
    pub events: Vec<ReplayedEvent>,
    /// The last analysis, with the evidence of every gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AnalysisDetail>,
}

/// Something a policy would have said or done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplayedEvent {
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The policy's step, from 1.
    pub step: u32,
    /// The weight of the time.
    pub weight: String,
    /// The verdict from here on.
    pub verdict: Verdict,
    /// Set where the policy would have rolled back: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The analysis behind it.
    pub analysis: AnalysisDetail,
}
