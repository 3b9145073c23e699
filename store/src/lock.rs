//! One process per directory: an exclusive lock on the directory itself and on a file in it that
//! names the holder.
//!
//! The directory is what counts: its lock outlives the removal of the file. The file keeps out
//! earlier versions, which knew it only.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The time that a holder may take to release it: a killed process holds the lock until the system
/// has removed it, and a child process that it was just starting holds a copy for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// The interval of the tries.
const RETRY_EVERY: Duration = Duration::from_millis(20);

/// A directory that cannot be locked for this process.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is in use by process {pid}: stop that one, or give this one another data_dir", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The holder as it named itself, `unknown` if it did not get that far.
        pid: String,
    },
    /// The directory or its lock file cannot be made.
    #[error("cannot lock {}: is it a directory this user may write to?", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// Holds the directory until dropped; the system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct DirLock {
    file: File,
    directory: File,
}

/// The file or directory behind a name: device and inode.
type Identity = (u64, u64);

fn identity(facts: &Metadata) -> Identity {
    (facts.dev(), facts.ino())
}

/// The files that a store works on, to be found again under their names.
#[derive(Clone, Debug)]
pub struct Presence {
    dir: PathBuf,
    directory: Option<Identity>,
    files: Vec<(PathBuf, Identity)>,
}

impl Presence {
    /// Looks whether the directory and its files are still those that were opened.
    ///
    /// # Errors
    /// What is missing or another one, in words.
    pub fn check(&self) -> Result<(), String> {
        let found = |path: &Path| std::fs::metadata(path).map(|facts| identity(&facts));
        let name = self.dir.display();
        if let Some(directory) = self.directory
            && found(&self.dir).ok() != Some(directory)
        {
            return Err(format!(
                "data_dir {name} was removed, moved or replaced under this process: what it records no restart would find; put it back or restart"
            ));
        }
        for (path, opened) in &self.files {
            if found(path).ok() != Some(*opened) {
                return Err(format!(
                    "{} was removed or replaced under this process: what it records no restart would find; restart",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

impl DirLock {
    /// Creates `dir` if need be and takes it.
    pub(crate) fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("lock");
        let failed = |source| LockError::Io { path: path.clone(), source };
        // Who asked for what is nobody else's business.
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let directory = File::open(dir).map_err(failed)?;
        let locked = lock_soon(&directory).or_else(|error| match error {
            // Some network file systems lock files only.
            TryLockError::Error(_) => Ok(()),
            held @ TryLockError::WouldBlock => Err(held),
        });
        match locked.and_then(|()| lock_soon(&file)) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let named = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                let pid = if named { pid.trim().to_owned() } else { "unknown".to_owned() };
                return Err(LockError::Held { dir: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Naming ourselves is a courtesy to whoever comes second: on a full disk we do without.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file, directory })
    }

    /// The directory, its lock and `others`, as they are now.
    pub(crate) fn presence(&self, dir: &Path, others: &[PathBuf]) -> Presence {
        let lock = self.file.metadata().ok().map(|facts| (dir.join("lock"), identity(&facts)));
        let others = others.iter().filter_map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((path.clone(), identity(&facts)))
        });
        Presence {
            dir: dir.to_owned(),
            directory: self.directory.metadata().ok().map(|facts| identity(&facts)),
            files: lock.into_iter().chain(others).collect(),
        }
    }
}

/// Takes the lock, waiting a little for a holder that is on its way out.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(RETRY_EVERY);
            }
            other => return other,
        }
    }
}
