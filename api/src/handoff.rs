//! The hand-off of a release to the people on call.

use super::{HandoffAct, HandoffPartName, HandoffState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The hand-off of the release that got all traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandoffDetail {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// The release.
    pub release: String,
    /// The ticket of the rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Its state.
    pub state: HandoffState,
    /// Who completed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<String>,
    /// When it was completed, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at_ms: Option<u64>,
    /// Its parts, in the order of the pack.
    pub parts: Vec<HandoffPart>,
    /// The rollback runbook of this deployment, as Markdown.
    pub rollback_runbook: String,
}

/// A part of the hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandoffPart {
    /// Its id.
    pub id: String,
    /// What it is.
    pub title: String,
    /// True if it is there.
    pub is_there: bool,
    /// True if a person says it, with `POST`; else Stagegate finds it out.
    pub is_told: bool,
    /// What it says, or what is missing; one line each.
    pub seen: Vec<String>,
    /// The command that brings it; absent where it is there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// Who said it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
}

/// `POST /v1/workloads/{workload}/handoff`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActOnHandoff {
    /// Says what a part is.
    Tell {
        /// The part.
        part: HandoffPartName,
        /// What it is, 1 to 500 characters.
        #[schema(pattern = r"^(?=[\s\S]*\S)[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]{1,500}$")]
        text: String,
    },
    /// Completes the hand-off.
    Complete {},
}

/// What was done about a hand-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandoffDone {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// What was done.
    pub act: HandoffAct,
    /// The part that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<HandoffPartName>,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The actor.
    pub by: String,
    /// Number of the audit record.
    pub audit_seq: u64,
}
