//! What the state machine wants done. It does nothing itself.

use super::Notice;
use crate::{Action, AnalysisId};
use serde::{Deserialize, Serialize};

/// One thing to do, in the order given. A record that cannot be written ends the list: nothing
/// that follows may happen, and the old state stays in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write the new state and this entry in one transaction.
    Record(Entry),
    /// Publish the plan that the new state makes.
    Publish,
    /// Abort running responses of the candidate too.
    Cut,
    /// Tell somebody; at the latest together with the record, so that a crash loses neither.
    Notify(Box<Notice>),
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was done.
    pub action: Action,
    /// Who did it.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// What changed, in words.
    pub summary: String,
    /// The evidence it rests on.
    pub analysis: Option<AnalysisId>,
    /// What was known and overridden, one line each.
    pub against: Vec<String>,
}
