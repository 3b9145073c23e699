//! A fleet: what became of a change on each replica, and the replicas themselves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of a change on each replica of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetOutcome {
    /// True if every replica acknowledged or is fenced. If false, a replica may still send requests as
    /// before the change.
    pub complete: bool,
    /// Replicas that acknowledged.
    pub acked: u32,
    /// Replicas that were silent for so long that they have closed their candidates by themselves.
    pub fenced: u32,
    /// Replicas of which neither can be shown.
    pub unknown: u32,
    /// Each replica, by name.
    pub replicas: Vec<ReplicaOutcome>,
}

/// What became of a change on one replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaOutcome {
    /// Its name.
    #[schema(example = "eu-7")]
    pub replica: String,
    /// What is known of it.
    pub standing: ReplicaStanding,
    /// Milliseconds from the commit until its acknowledgement; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_ms: Option<f64>,
}

/// What is known of a replica after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaStanding {
    /// All its workers follow the change.
    Acked,
    /// It has closed its candidates by itself.
    Fenced,
    /// Neither can be shown.
    Unknown,
}

/// The fleet as one of its replicas sees it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FleetStatus {
    /// Name of the fleet.
    pub fleet: String,
    /// The replica that answers.
    pub replica: String,
    /// The replica that steers: it judges gates and does what nobody asked for. Absent while none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<FleetLeader>,
    /// What is wrong with it as a whole, one line each.
    pub warnings: Vec<String>,
    /// Every replica, by name.
    pub replicas: Vec<ReplicaStatus>,
}

/// The replica that steers a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetLeader {
    /// Its name.
    #[schema(example = "eu-7")]
    pub replica: String,
    /// Its term. Each change of the leader makes the next one.
    pub term: u64,
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaStatus {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: ReplicaState,
    /// Version of the program; empty if it did not answer.
    pub version: String,
    /// Epoch that its workers follow.
    pub epoch: u64,
    /// Number of the last entry of the ledger that its workers follow.
    pub entry: u64,
    /// For how long it is still fresh, in milliseconds; absent if it is not, and in the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_for_ms: Option<u64>,
    /// True if it keeps its plan when it is not fresh.
    pub holds: bool,
    /// Digest of its configuration, without what belongs to one replica.
    pub config: String,
    /// Its wall clock, in Unix milliseconds; absent if it did not answer, and in the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// The reason why it takes no part; absent if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// It knows the newest change.
    Fresh,
    /// It may not know the newest change, and keeps its plan (`on_stale: hold`).
    Stale,
    /// It may not know the newest change, and has closed its candidates.
    Fenced,
    /// It did not answer.
    Silent,
}

/// What was looked at for a fleet.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FleetExamination {
    /// True if nothing needs a person.
    pub ok: bool,
    /// Everything that was looked at.
    pub findings: Vec<FleetFinding>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetFinding {
    /// True if it is as it should be.
    pub ok: bool,
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub found: String,
    /// The remedy; absent if there is nothing to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// A replica was taken out of the roster.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplicaForgotten {
    /// Its name.
    pub replica: String,
}
