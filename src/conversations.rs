//! Conversations outlive the process: who issued which id, and who began on stable.
//!
//! Each process writes a file of its own to the data directory, every minute and at its end. The
//! process that has the directory takes in what others left there, at its start and while it runs: a
//! process that was replaced writes for the last time when its last answer has ended.

use crate::plane::Plane;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time between two looks for what others left.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two files.
const SAVE_EVERY: u32 = 60;
const PREFIX: &str = "conversations-";
const SUFFIX: &str = ".bin";

/// The files of remembered conversations in one data directory.
pub(crate) struct Conversations {
    plane: Arc<Plane>,
    dir: PathBuf,
    own: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was remembered when the file was last written.
    saved: Option<u64>,
    /// Files of others that were taken in, as they were then.
    taken: HashMap<PathBuf, SystemTime>,
}

impl Conversations {
    pub(crate) fn new(plane: Arc<Plane>, data_dir: &Path) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_millis());
        let own = data_dir.join(format!("{PREFIX}{}-{now}{SUFFIX}", std::process::id()));
        Self { plane, dir: data_dir.to_owned(), own, state: Mutex::default() }
    }

    /// Takes in what other processes left. Blocks; what cannot be used is left out and logged.
    pub(crate) fn recall(&self) {
        let mut state = self.state();
        for (path, changed) in self.of_others() {
            if state.taken.get(&path) == Some(&changed) {
                continue;
            }
            let recalled = fs::read(&path).map_err(|error| error.to_string()).and_then(|bytes| {
                self.plane.proxy().recall(&bytes).map_err(|error| error.to_string())
            });
            if let Err(error) = recalled {
                tracing::warn!(file = %path.display(), error, "remembered conversations cannot be used");
            }
            state.taken.insert(path, changed);
        }
    }

    /// Writes what is remembered, if anything is new, and removes what was taken in of others. Blocks.
    pub(crate) fn save(&self) {
        let mut state = self.state();
        let (bytes, count) = self.plane.proxy().remembered();
        let is_new = count > 0 && state.saved != Some(count);
        if !is_new && state.taken.is_empty() {
            return;
        }
        if let Err(error) = write(&self.own, &bytes) {
            tracing::warn!(file = %self.own.display(), %error, "conversations cannot be remembered");
            return;
        }
        state.saved = Some(count);
        for (path, changed) in self.of_others() {
            if state.taken.get(&path) == Some(&changed) && fs::remove_file(&path).is_ok() {
                state.taken.remove(&path);
            }
        }
        state.taken.retain(|path, _| path.exists());
    }

    /// Saves every minute, and looks for what others left, for ever.
    pub(crate) async fn keep(self: Arc<Self>) {
        for round in 1u32.. {
            tokio::time::sleep(LOOK_EVERY).await;
            let this = Arc::clone(&self);
            let turn = move || {
                this.recall();
                if round.is_multiple_of(SAVE_EVERY) {
                    this.save();
                }
            };
            if let Err(error) = tokio::task::spawn_blocking(turn).await {
                tracing::error!(%error, "conversations are not remembered this minute");
            }
        }
    }

    fn of_others(&self) -> Vec<(PathBuf, SystemTime)> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let of_conversations = |name: &OsStr| {
            name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
        };
        let files = entries.flatten().filter(|entry| of_conversations(&entry.file_name()));
        let dated = files.filter_map(|entry| {
            let changed = entry.metadata().and_then(|meta| meta.modified()).ok()?;
            Some((entry.path(), changed))
        });
        dated.filter(|(path, _)| *path != self.own).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces a file in one step. It need not outlive a loss of power.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    fs::rename(&new, path)
}
