//! The failures of each channel between two tries.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The condition of a channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Condition {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// The earliest time of the next try, in Unix milliseconds.
    pub(crate) rests_until_ms: u64,
}

/// The conditions of all channels, by name.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Mutex<BTreeMap<String, Condition>>);

impl Conditions {
    /// The condition of a channel; a new one has no failures.
    pub(crate) fn of(&self, channel: &str) -> Condition {
        let conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.get(channel).copied().unwrap_or_default()
    }

    /// Stores the condition of a channel.
    pub(crate) fn set(&self, channel: &str, condition: Condition) {
        let mut conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        conditions.insert(channel.to_owned(), condition);
    }
}
