//! The minutes of a workload, recorded ones and the one that has begun.

use super::Control;
use stagegate_rollout::WorkloadName;
use stagegate_store::{RecordedWindow, Store, StoreError};

/// Calls `take` for every recorded minute from `from_ms` up to `until_ms`, oldest first, and for the one that has
/// begun. Each is taken once, also if it ends and is recorded meanwhile: it is recorded at the time of its last
/// count, which is never before the time of `begun`.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn each_minute(
    store: &Store,
    (workload, begun): (&WorkloadName, Option<RecordedWindow>),
    (from_ms, until_ms): (u64, u64),
    take: &mut dyn FnMut(RecordedWindow),
) -> Result<(), StoreError> {
    let begun = begun.filter(|it| (from_ms..until_ms).contains(&it.at_ms));
    let recorded_until = begun.as_ref().map_or(until_ms, |it| it.at_ms);
    store.each_window(workload, from_ms, recorded_until, &mut *take)?;
    begun.into_iter().for_each(take);
    Ok(())
}

impl Control {
    /// Calls `take` for every minute of a workload from `from_ms` up to `until_ms` (Unix milliseconds), oldest first,
    /// with the one that has begun. Blocks on the disk.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn each_minute(
        &self,
        store: &Store,
        workload: &WorkloadName,
        span_ms: (u64, u64),
        take: &mut dyn FnMut(RecordedWindow),
    ) -> Result<(), StoreError> {
        let begun = self.inner.steering.windows().begun(workload);
        each_minute(store, (workload, begun), span_ms, take)
    }
}
