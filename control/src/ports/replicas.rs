//! Port: the replicas of a fleet, as far as people and answers need them.

use super::BoxFuture;
use serde::{Deserialize, Serialize};

/// What became of a change on one replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaOutcome {
    /// Its name.
    pub replica: String,
    /// What is known of it.
    pub standing: ReplicaStanding,
    /// Milliseconds from the commit in the ledger until its acknowledgement; none without one.
    pub acked_ms: Option<f64>,
}

/// What is known of a replica after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaStanding {
    /// All its workers follow the change.
    Acked,
    /// It was silent for so long that it has closed its candidates by itself.
    Fenced,
    /// Neither can be shown.
    Unknown,
}

/// What became of a change in the whole fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetOutcome {
    /// Each replica of the roster, by name. Without a roster those that acknowledged.
    pub replicas: Vec<ReplicaOutcome>,
    /// True if the roster is known and no replica is unknown.
    pub complete: bool,
}

impl FleetOutcome {
    /// The same for a change that a fenced replica does not have by being fenced: a fence closes
    /// candidates and nothing else.
    #[must_use]
    pub fn beyond_the_fence(mut self) -> Self {
        for it in &mut self.replicas {
            if it.standing == ReplicaStanding::Fenced {
                it.standing = ReplicaStanding::Unknown;
                self.complete = false;
            }
        }
        self
    }
}

/// One replica, as it describes itself. Also its form on the wire between replicas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaRow {
    /// Its name.
    pub name: String,
    /// Version of the program; empty if it did not answer.
    pub version: String,
    /// True if it answered.
    pub answered: bool,
    /// Epoch that its workers follow.
    pub epoch: u64,
    /// Number of the last entry that its workers follow.
    pub entry: u64,
    /// How long it is still fresh, in milliseconds; none if it is not.
    pub fresh_for_ms: Option<u64>,
    /// True if its candidates are closed because it is not fresh.
    #[serde(default)]
    pub fenced: bool,
    /// True if it keeps its plan when it is not fresh.
    pub holds: bool,
    /// Digest of its configuration, without what belongs to one replica.
    pub config: String,
    /// Its wall clock, in Unix milliseconds.
    pub at_ms: u64,
    /// The reason why it takes no part, if there is one.
    pub problem: Option<String>,
}

/// Something about the servers or replicas that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetFinding {
    /// True if it is as it should be.
    pub ok: bool,
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub found: String,
    /// The remedy; empty if there is nothing to do.
    pub remedy: String,
}

/// The answer of another replica to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaAnswer {
    /// Its name.
    pub replica: String,
    /// None if it did not answer in time.
    pub answer: Option<Vec<u8>>,
}

/// The fleet that this process is a replica of.
pub trait Replicas: Send + Sync + 'static {
    /// Name of the fleet.
    fn fleet(&self) -> String;

    /// This replica. Asks nobody.
    fn own(&self) -> ReplicaRow;

    /// The rows of the last look at all replicas; that of this replica is as it is now. Asks nobody.
    fn seen(&self) -> Vec<ReplicaRow>;

    /// What became of this replica's own entry of this number on each replica. Resolves when no
    /// replica is unknown, or when waiting longer shows nothing more. None if the entry is not one of
    /// this replica's last changes of the plan.
    fn outcome(&self, entry: u64) -> BoxFuture<'static, Option<FleetOutcome>>;

    /// One row for each replica of the roster.
    ///
    /// # Errors
    /// When the roster cannot be read, in words.
    fn rows(&self) -> BoxFuture<'static, Result<Vec<ReplicaRow>, String>>;

    /// Looks at servers, stream and replicas.
    fn examine(&self) -> BoxFuture<'static, Vec<FleetFinding>>;

    /// Asks every other replica of the roster something that each knows of itself, and waits for at most two
    /// seconds.
    fn ask(&self, question: Vec<u8>) -> BoxFuture<'static, Vec<ReplicaAnswer>> {
        let _ = question;
        Box::pin(async { Vec::new() })
    }

    /// Takes a replica that is gone for good out of the roster.
    ///
    /// # Errors
    /// When it is no member, still renews, or the ledger does not answer, in words.
    fn forget(&self, name: String) -> BoxFuture<'static, Result<(), String>>;
}
