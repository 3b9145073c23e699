//! Gated rollouts: what is asked for, and how one stands.

use super::{AnalysisDetail, Phase, StaleCheck, TransitionKind, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/workloads/{workload}/rollouts`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRollout {
    /// The release to roll out; with `flag`, the variant. Not with `aa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v43")]
    pub to: Option<String>,
    /// Roll out a variant of this flag: a release that is the stable one with that variant is
    /// registered, if it is not there, and rolled out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "new-prompt")]
    pub flag: Option<String>,
    /// Compare the stable release with itself: two arms, one release. It is never promoted and ends by itself,
    /// and the reason of its end says whether the measuring is honest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aa: bool,
    /// Name of the policy; the workload's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Start although something is missing. Needs a reason; both are recorded.
    #[serde(default, rename = "override")]
    pub overriding: bool,
    /// The ticket that the rollout belongs to, at most 100 characters. It is part of every message about the
    /// rollout, of its report and of its hand-off pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]{1,100}$", example = "AG-118")]
    pub ticket: Option<String>,
    /// The reason; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// `POST /v1/workloads/{workload}/rollouts/current/promote`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// Id of the analysis that was looked at; refused with 409 if the evidence changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// Promote whatever the verdict is. Needs the role `admin` and a reason; both are recorded.
    #[serde(default)]
    pub force: bool,
    /// The reason; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// A rollout in one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutSummary {
    /// Its id.
    pub id: String,
    /// The stable release it began with.
    pub from: String,
    /// The release that is rolled out.
    pub to: String,
    /// Name of its policy.
    pub policy: String,
    /// `progressing`, `paused`, `watching`, `completed`, `aborted` or `rolled_back`.
    pub phase: Phase,
    /// True if it is in progress.
    pub active: bool,
    /// The step it is at, or ended at, from 1.
    pub step: u32,
    /// Number of steps.
    pub steps: u32,
    /// True if a release is compared with itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aa: bool,
    /// The ticket that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The actor, reason and time of the change to this phase.
    pub since: MarkDetail,
    /// The verdict that was last recorded in this step: `pass`, `fail`, `inconclusive` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// The actor, reason and time of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkDetail {
    /// The actor; `stagegate` if a gate decided.
    pub by: String,
    /// Their reason; may be empty.
    pub reason: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

/// A rollout in full.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RolloutDetail {
    /// Epoch of the workload's last change; the value of its `ETag`.
    pub epoch: u64,
    /// The workload.
    pub workload: String,
    /// The rollout and its current step.
    #[serde(flatten)]
    pub summary: RolloutSummary,
    /// The candidate's share of targeting keys now.
    pub weight: String,
    /// The actor, reason and time of the start.
    pub started: MarkDetail,
    /// The start of the current step, in Unix milliseconds.
    pub step_since_ms: u64,
    /// The policy's steps.
    pub plan: Vec<StepDetail>,
    /// Gates that were waived at the start because nothing measures them.
    pub waived: Vec<String>,
    /// Checks of the checklist that were met at the start and are not any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_checks: Vec<StaleCheck>,
    /// The responses of the last minutes whose cost is unknown, why, and the remedy, while a gate on costs waits
    /// for values; absent where every cost is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_cost: Option<String>,
    /// The actor who started it and so cannot promote it, where the policy wants a second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_by: Option<String>,
    /// The transitions, oldest first.
    pub history: Vec<TransitionDetail>,
    /// The newest analysis of its present step; absent before the first and after the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<AnalysisDetail>,
}

/// One step of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepDetail {
    /// The candidate's share of targeting keys.
    #[schema(example = "10%")]
    pub weight: String,
    /// The minimum time of observation before a promotion, in milliseconds.
    pub hold_ms: u64,
    /// Requests of the candidate that a promotion needs.
    pub requests: u64,
    /// Scored responses of the candidate that a promotion needs.
    pub scored: u64,
    /// The time of observation before the candidate becomes stable, in milliseconds; above 0 only
    /// in the last step.
    pub watch_ms: u64,
}

/// One turn of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransitionDetail {
    /// `started`, `promoted`, `paused`, `resumed`, `overridden`, `completed`, `aborted` or
    /// `rolled_back`.
    pub turn: TransitionKind,
    /// The step afterwards, from 1.
    pub step: u32,
    /// The candidate's share of targeting keys afterwards.
    pub weight: String,
    /// The actor, reason and time.
    pub mark: MarkDetail,
    /// Id of the analysis it rested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// The objections that were overridden, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<String>,
}

/// The rollouts of a workload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rollouts {
    /// Newest first.
    pub rollouts: Vec<PastRollout>,
}

/// A rollout with its history.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PastRollout {
    /// The rollout and its current or last step.
    #[serde(flatten)]
    pub summary: RolloutSummary,
    /// When it began, in Unix milliseconds.
    pub started_ms: u64,
    /// When it ended, in Unix milliseconds; absent while it is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// The transitions, oldest first.
    pub history: Vec<TransitionDetail>,
}
