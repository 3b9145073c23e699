//! Requests that came while a workload was killed, and wait until it is revived.

use super::QueueState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Counts of a workload's queue. Those of events are since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueFigures {
    /// Requests that wait, or are being sent.
    pub waiting: u64,
    /// Bytes on disk, answers included.
    pub bytes: u64,
    /// When the oldest one that waits came, in Unix milliseconds; absent while none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
    /// Requests that were stored.
    pub taken: u64,
    /// Requests for which there was no room, or whose idempotency key was used before.
    pub refused: u64,
    /// Requests that were sent and answered.
    pub answered: u64,
    /// Requests of which nobody knows what the backend did: their sending was cut off, and they cannot be repeated.
    pub unknown: u64,
    /// Requests that a person took out.
    pub dropped: u64,
    /// Requests that waited too long.
    pub expired: u64,
}

/// The queue of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueDetail {
    /// The workload.
    pub workload: String,
    /// True if its kill switch stores requests.
    pub enabled: bool,
    /// The counts.
    pub figures: QueueFigures,
    /// In the order in which they came.
    pub entries: Vec<QueueEntry>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_after: Option<u64>,
}

/// One request of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueEntry {
    /// Its place in the order.
    pub seq: u64,
    /// Its id. Whoever knows it can ask the proxy for the answer.
    pub id: String,
    /// Its state.
    pub state: QueueState,
    /// Method and path.
    #[schema(example = "POST /v1/tasks")]
    pub line: String,
    /// When it came, in Unix milliseconds.
    pub created_ms: u64,
    /// When its state changed last, in Unix milliseconds.
    pub changed_ms: u64,
    /// When it is given up, or forgotten, in Unix milliseconds.
    pub expires_ms: u64,
    /// How often it was begun to be sent.
    pub tries: u64,
    /// Status of its answer; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// One request of a queue, with what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueEntryDetail {
    /// The workload.
    pub workload: String,
    /// The request.
    pub entry: QueueEntry,
    /// What was asked; absent once it was answered or given up, and while the key does not open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<QueuedRequest>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedRequest {
    /// The id of the request, for `explain`.
    pub request_id: String,
    /// Request line and fields. Values of fields that hold secrets are left out.
    pub head: String,
    /// The body as text; what is no text is replaced.
    pub body: String,
}

/// A request that was taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueDropped {
    /// The workload.
    pub workload: String,
    /// The request's id.
    pub id: String,
    /// Method and path.
    pub line: String,
    /// The actor.
    pub by: String,
    /// Number of the audit record.
    pub audit_seq: u64,
}
