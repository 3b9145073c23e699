//! Numbers of releases: the same for as long as the process lives, whatever plan they are in.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Known = BTreeMap<(String, String), u32>;

static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of a workload's release.
pub(crate) fn of(workload: &str, release: &str) -> u32 {
    let mut known = known();
    let next = known.len() as u32;
    *known.entry((workload.to_owned(), release.to_owned())).or_insert(next)
}

/// Workload and release of every number.
pub(crate) fn names() -> Vec<(u32, (String, String))> {
    known().iter().map(|(names, number)| (*number, names.clone())).collect()
}
