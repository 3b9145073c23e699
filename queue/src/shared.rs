//! What the thread and everybody else share: settings, counts, and the news that something may be to be sent.

use crate::figures::Figures;
use crate::keeping::{All, Totals};
use stagegate_settings::Queue as Settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// What the thread and everybody else share.
#[derive(Default)]
pub(crate) struct Shared {
    settings: RwLock<All>,
    figures: Mutex<BTreeMap<String, Figures>>,
    /// Something may be to be sent.
    pub(crate) changed: Notify,
}

impl Shared {
    pub(crate) fn settings(&self) -> All {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts settings in force.
    pub(crate) fn set_settings(&self, settings: BTreeMap<String, Settings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.changed.notify_one();
    }

    /// Counts hold no invariant that a panic elsewhere could have broken.
    pub(crate) fn figures(&self) -> MutexGuard<'_, BTreeMap<String, Figures>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something of a workload.
    pub(crate) fn count(&self, workload: &str, add: impl FnOnce(&mut Figures)) {
        add(self.figures().entry(workload.to_owned()).or_default());
    }

    /// Takes over what is in the file.
    pub(crate) fn set_totals(&self, totals: &Totals) {
        let mut figures = self.figures();
        for (workload, it) in figures.iter_mut() {
            let (waiting, oldest_ms, bytes) = totals.get(workload).copied().unwrap_or_default();
            (it.waiting, it.oldest_ms, it.bytes) = (waiting, oldest_ms, bytes);
        }
        for (workload, &(waiting, oldest_ms, bytes)) in totals {
            let it = figures.entry(workload.clone()).or_default();
            (it.waiting, it.oldest_ms, it.bytes) = (waiting, oldest_ms, bytes);
        }
    }
}

/// Now, in Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_millis() as u64)
}
