//! Results of the driver's operations.

use super::ports::FleetOutcome;
use super::{ChangeKind, ExecuteError, Live};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stagegate_config::Problem;
use stagegate_store::{NewIdempotency, Recorded, StoredResponse};
use std::time::{Duration, Instant};

/// `If-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// None: last one wins.
    #[default]
    None,
    /// The workload's epoch must be one of these.
    Epochs(Vec<u64>),
}

impl Precondition {
    pub(super) fn holds(&self, epoch: u64) -> bool {
        match self {
            Self::None => true,
            Self::Epochs(epochs) => epochs.contains(&epoch),
        }
    }
}

/// `Idempotency-Key`, for requests that are answered with a `T`.
#[derive(Debug)]
pub struct IdempotencyKey<T> {
    /// The key that the caller sent.
    pub key: String,
    /// Digest of the request: the key may be used for this request only.
    pub fingerprint: String,
    /// The form in which the answer is kept and given again.
    pub write: fn(&T) -> Value,
}

impl<T> Clone for IdempotencyKey<T> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), fingerprint: self.fingerprint.clone(), write: self.write }
    }
}

impl<T> IdempotencyKey<T> {
    /// The key as the store knows it: keys of different callers do not meet.
    pub(super) fn stored_as(&self, actor: &str) -> String {
        format!("{actor}\n{}", self.key)
    }

    /// The answer as it is kept. The number of its audit entry is left open: the store fills it in.
    pub(super) fn keeping(&self, actor: &str, answer: &T) -> NewIdempotency {
        NewIdempotency {
            key: self.stored_as(actor),
            actor: actor.to_owned(),
            fingerprint: self.fingerprint.clone(),
            response: unnumbered((self.write)(answer)).to_string(),
        }
    }

    /// The text of a kept answer.
    ///
    /// # Errors
    /// When it answers another request.
    pub(super) fn recognise(&self, kept: StoredResponse) -> Result<String, ExecuteError> {
        if kept.fingerprint == self.fingerprint {
            Ok(kept.response)
        } else {
            Err(ExecuteError::KeyReused)
        }
    }
}

/// The JSON with the number of its audit entry left open.
pub(super) fn unnumbered(mut value: Value) -> Value {
    if let Some(number) = value.get_mut("audit_seq") {
        *number = Value::Null;
    }
    value
}

/// The answer to a request that may carry an idempotency key.
#[derive(Clone, Debug)]
pub enum Answer<T> {
    /// It was done now.
    New(T),
    /// It was done before under the same key: the answer of that time, as it was written.
    Kept(String),
}

impl<T> Answer<T> {
    /// The answer to what was recorded; `made` gets the number of the audit entry.
    ///
    /// # Errors
    /// When the key answers another request.
    pub(super) fn of(
        recorded: Recorded,
        key: Option<&IdempotencyKey<T>>,
        made: impl FnOnce(u64) -> T,
    ) -> Result<Self, ExecuteError> {
        match (recorded, key) {
            (Recorded::Now(entry), _) => Ok(Self::New(made(entry.seq))),
            (Recorded::Before(kept), Some(key)) => Ok(Self::Kept(key.recognise(kept)?)),
            (Recorded::Before(_), None) => Err(ExecuteError::KeyReused),
        }
    }
}

/// The result of a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The kind of change.
    pub kind: ChangeKind,
    /// False when the state already was as asked; then no new plan was made.
    pub changed: bool,
    /// The change, as text.
    pub summary: String,
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// Number of the audit entry.
    pub audit_seq: u64,
    /// True if the change is in the store. If false, it is in force and has no audit entry yet; it
    /// is recorded as soon as the store answers.
    pub recorded: bool,
    /// The actor.
    pub actor: String,
    /// The reason that was recorded; empty if none was given.
    pub reason: String,
    /// The timing of the data plane; present if traffic is taken off the candidate.
    pub rollback: Option<RollbackTiming>,
    /// What became of it on each replica of the fleet; present in a fleet if traffic is taken off the
    /// candidate.
    pub fleet: Option<FleetOutcome>,
    /// The workload afterwards.
    pub workload: Live,
}

/// The time until the candidate received no new requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackTiming {
    /// Milliseconds from the commit in the store to the last new candidate request; 0 when none
    /// arrived after the commit. An upper bound where the candidate keeps other traffic.
    pub last_candidate_request_ms: f64,
    /// Milliseconds from the commit until every worker had taken the new plan over.
    pub acknowledged_ms: f64,
    /// Workers that have acknowledged the new plan.
    pub acknowledged_workers: u32,
    /// Number of workers.
    pub workers: u32,
    /// True if all workers acknowledged in time.
    pub settled: bool,
}

impl RollbackTiming {
    /// Builds the timing of a change made at `committed`; the last acknowledgement came
    /// `acknowledged` later.
    pub(super) fn of(
        settled: &super::ports::Settled,
        committed: Instant,
        acknowledged: Duration,
    ) -> Self {
        Self {
            last_candidate_request_ms: settled.last_after(committed).as_secs_f64() * 1e3,
            acknowledged_ms: acknowledged.as_secs_f64() * 1e3,
            acknowledged_workers: settled.acknowledged_workers,
            workers: settled.workers,
            settled: settled.all_followed(),
        }
    }
}

/// The result of a configuration reload.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// Epoch of the routing plan in force afterwards.
    pub epoch: u64,
    /// The changes, one line each; empty if the file describes what is already in force.
    pub changes: Vec<String>,
    /// Settings that changed in the file but need a restart, one line each.
    pub needs_restart: Vec<String>,
    /// Warnings about the new configuration.
    pub warnings: Vec<Problem>,
}
