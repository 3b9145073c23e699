//! The process around the protocol, and what the tasks of a replica tell each other.

use crate::record::Record;
use stagegate_control::ports::BoxFuture;
use stagegate_fleet::{Input, Moment, Place};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Pause before another try.
pub(crate) const RETRY: Duration = Duration::from_millis(500);

/// What the protocol needs from the process around it.
pub trait Host: Send + Sync + 'static {
    /// From now on candidates close at this moment, by themselves; at once if there is none.
    fn fence(&self, closes_at: Option<Instant>);

    /// The candidates of this replica have closed because it is not fresh, or are open again.
    fn fenced(&self, closed: bool);

    /// Another replica has said something about evidence.
    fn heard(&self, message: &[u8]) {
        let _ = message;
    }

    /// Puts the newest state of the local copy in force, and waits until all workers follow. The error
    /// is in words; it is tried again then.
    fn put_in_force(&self, epoch: u64) -> BoxFuture<'static, Result<(), String>>;
}

/// What is known of this replica.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The last place that its workers follow.
    pub(crate) settled: Place,
    /// When its freshness ends.
    pub(crate) fresh_until: Option<Moment>,
    /// The reason why it takes no part.
    pub(crate) problem: Option<String>,
    /// True once it has found its place.
    pub(crate) joined: bool,
}

/// What has happened, for the loop.
pub(crate) enum Event {
    Input(Input<Arc<Record>>),
    /// An entry cannot be read: this version is too old.
    Unreadable(String),
}

/// Changes what is known of this replica.
pub(crate) fn with<T>(seen: &Mutex<Seen>, change: impl FnOnce(&mut Seen) -> T) -> T {
    change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))
}
