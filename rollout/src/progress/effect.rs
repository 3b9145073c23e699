//! The effects of the state machine. It performs none itself.

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
    /// Send a notice, at the latest together with the record, so that a crash loses neither.
    Notify(Box<Notice>),
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// The actor.
    pub by: String,
    /// Their reason.
    pub reason: String,
    /// The change, in words.
    pub summary: String,
    /// The evidence it rests on.
    pub analysis: Option<AnalysisId>,
    /// The known obstacles that were overridden, one line each.
    pub against: Vec<String>,
}
