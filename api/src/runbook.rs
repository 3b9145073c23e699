//! The runbook after a release has all traffic.

use super::{RunbookTaskKind, RunbookTaskState, TaskAct};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The tasks of a workload's last rollout that reached 100%.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunbookDetail {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// The release.
    pub release: String,
    /// When it got all traffic, in Unix milliseconds.
    pub began_ms: u64,
    /// False once the release was taken out: nothing is due any more.
    pub active: bool,
    /// In the order in which they are due.
    pub tasks: Vec<RunbookTask>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunbookTask {
    /// Its id.
    pub id: String,
    /// The hour at which it is due.
    pub hour: u64,
    /// How it is done.
    pub kind: RunbookTaskKind,
    /// What is to be done.
    pub title: String,
    /// The command that helps.
    pub hint: String,
    /// The owner.
    pub owner: String,
    /// When it is due, in Unix milliseconds.
    pub due_ms: u64,
    /// Its state.
    pub state: RunbookTaskState,
    /// The last result; absent before there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<RunbookNote>,
    /// Remarks, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<RunbookNote>,
}

/// A result or a remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunbookNote {
    /// The text.
    pub text: String,
    /// The actor; `stagegate` for what it did by itself.
    pub by: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

/// `POST /v1/workloads/{workload}/runbook/{task}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActOnTask {
    /// What is done.
    pub act: TaskAct,
    /// The result, the owner, or the remark; 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    pub text: String,
}

/// What was done about a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskDone {
    /// The workload.
    pub workload: String,
    /// The rollout.
    pub rollout: String,
    /// The task's id.
    pub task: String,
    /// What was done.
    pub act: TaskAct,
    /// The result, the owner, or the remark.
    pub text: String,
    /// The actor.
    pub by: String,
    /// Number of the audit record.
    pub audit_seq: u64,
}
