//! The set of flags in force.

use crate::counts::{Counts, FlagCount};
use crate::files::{self, ReadError};
use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use stagegate_flags::{Evaluation, FlagSet, Problem};
use stagegate_settings as settings;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Flags in force, with their settings. Shared by the server and whoever watches the files.
#[derive(Debug)]
pub struct Flags {
    current: ArcSwap<Current>,
    /// The tag of the set in force, for those who wait for the next one.
    tags: watch::Sender<String>,
    counts: Mutex<Counts>,
    /// Problems of the files as they are now; empty when they are in force.
    problems: Mutex<Vec<String>>,
}

/// One set with its settings.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) settings: settings::Flags,
    pub(crate) set: FlagSet,
    /// Changes whenever a definition does.
    pub(crate) tag: String,
}

impl Flags {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read or has a problem.
    pub fn load(settings: settings::Flags) -> Result<Self, ReadError> {
        let (set, warnings) = files::read(&settings)?;
        warn(&warnings);
        tracing::info!(flags = set.len(), "flags in force");
        let tag = tag(&set);
        let (tags, _) = watch::channel(tag.clone());
        Ok(Self {
            current: ArcSwap::from_pointee(Current { settings, set, tag }),
            tags,
            counts: Mutex::default(),
            problems: Mutex::default(),
        })
    }

    /// Reads the files again, perhaps with other settings. If there is a problem, the set in force
    /// stays, with its settings.
    ///
    /// # Errors
    /// When a file cannot be read or has a problem, or when percentages would choose otherwise.
    pub fn reload(&self, settings: settings::Flags) -> Result<(), ReadError> {
        let read = files::read(&settings).and_then(|(set, warnings)| {
            let anew = self.current.load().set.changes(&set).bucketed_anew;
            if anew.is_empty() { Ok((set, warnings)) } else { Err(ReadError::Bucketing(anew)) }
        });
        let (set, warnings) = match read {
            Ok(read) => read,
            Err(error) => {
                self.set_problems(error.lines());
                return Err(error);
            }
        };
        warn(&warnings);
        self.set_problems(Vec::new());
        let changes = self.current.load().set.changes(&set);
        let tag = tag(&set);
        self.current.store(Arc::new(Current { settings, set, tag: tag.clone() }));
        if !changes.is_empty() {
            let (added, removed, changed) = (changes.added, changes.removed, changes.changed);
            tracing::info!(?added, ?removed, ?changed, "flags changed");
        }
        // Only after the new set is in force: who is told asks again at once.
        self.tags.send_if_modified(|current| {
            let changed = *current != tag;
            *current = tag;
            changed
        });
        Ok(())
    }

    /// The number of flags in force.
    #[must_use]
    pub fn count(&self) -> usize {
        self.current.load().set.len()
    }

    /// What keeps the files as they are now from being in force; empty if nothing does.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All evaluations so far, by flag, variant and reason.
    #[must_use]
    pub fn counts(&self) -> Vec<FlagCount> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    pub(crate) fn tags(&self) -> watch::Receiver<String> {
        self.tags.subscribe()
    }

    pub(crate) fn counted(&self, key: &str, evaluation: &Evaluation<'_>) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).count(key, evaluation);
    }

    fn set_problems(&self, problems: Vec<String>) {
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

fn warn(warnings: &[Problem]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// A tag that differs when a definition, metadata or the bucketing of a flag does.
fn tag(set: &FlagSet) -> String {
    let mut hash = Sha256::new();
    for flag in set.flags() {
        let bucketing = set.origin(flag.key()).map_or("", |(_, _, bucketing)| bucketing.label());
        let metadata = serde_json::to_vec(flag.metadata()).unwrap_or_default();
        let definition = serde_json::to_vec(flag.definition()).unwrap_or_default();
        for part in [flag.key().as_bytes(), bucketing.as_bytes(), &metadata, &definition] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.update(serde_json::to_vec(set.metadata()).unwrap_or_default());
    hex::encode(&hash.finalize()[..12])
}
