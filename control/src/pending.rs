//! The writes that wait for the store, and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A write that takes longer makes the store unhealthy.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes in progress.
#[derive(Debug, Default)]
pub(super) struct Pending {
    begun: Mutex<Begun>,
}

/// The beginning of each write, by a number of its own.
#[derive(Debug, Default)]
struct Begun {
    last: u64,
    writes: BTreeMap<u64, (Instant, u64)>,
}

/// One write in progress; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Write<'a> {
    of: &'a Pending,
    number: u64,
}

impl Pending {
    /// A write begins at `at_ms` (Unix milliseconds).
    pub(super) fn begin(&self, at_ms: u64) -> Write<'_> {
        let mut begun = self.lock();
        begun.last += 1;
        let number = begun.last;
        begun.writes.insert(number, (Instant::now(), at_ms));
        Write { of: self, number }
    }

    /// The oldest write, in words, if it waits for too long.
    pub(super) fn too_long(&self) -> Option<String> {
        let begun = self.lock();
        let (at, at_ms) = begun.writes.values().min_by_key(|(at, _)| *at)?;
        let waited = at.elapsed();
        (waited > PATIENCE).then(|| {
            let seconds = waited.as_secs();
            format!("the state store does not answer: a write waits for it since {at_ms} (Unix ms), for {seconds} s")
        })
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.of.lock().writes.remove(&self.number);
    }
}
