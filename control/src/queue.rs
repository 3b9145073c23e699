//! The audit of what people do to the queue of a killed workload.

use super::results::unnumbered;
use super::{Action, Control, ExecuteError, now_ms};
use serde_json::json;
use stagegate_store::{NewAudit, NewChange, Recorded};

/// The wish to take a request out of the queue.
#[derive(Clone, Debug)]
pub struct QueueDrop {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// Id of the queued request.
    pub id: String,
    /// Its method and path.
    pub line: String,
    /// The reason; may be empty.
    pub reason: String,
}

impl Control {
    /// Records that a request is taken out of the queue, before it is. Returns the number of the audit entry.
    ///
    /// # Errors
    /// When it cannot be recorded: then it must not be done.
    pub async fn record_queue_drop(&self, order: QueueDrop) -> Result<u64, ExecuteError> {
        let entry = NewAudit {
            at_ms: now_ms(),
            actor: order.actor,
            workload: Some(order.workload.clone()),
            action: Action::QueueDrop.label().to_owned(),
            reason: order.reason,
            summary: format!("queued request {} ({}) taken out", order.id, order.line),
            details: unnumbered(json!({ "id": order.id, "line": order.line })),
        };
        let change = NewChange::entry_only(entry);
        let recorded: Recorded =
            self.inner.append_in_order::<ExecuteError>(&order.workload, change).await?;
        match recorded {
            Recorded::Now(entry) => Ok(entry.seq),
            Recorded::Before(_) => Err(ExecuteError::KeyReused),
        }
    }
}
