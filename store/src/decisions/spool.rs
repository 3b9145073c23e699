//! Records of a process that no longer has the log: it has given the directory away and still
//! finishes what it began.
//!
//! It writes them to a file of its own beside the log, unchanged, and holds a lock on the file for
//! as long as it lives. The owner of the log takes over files that are no longer locked and removes
//! them: after the writer has ended, in whatever way. A crash between the two duplicates some
//! records; none is lost.

use super::{DecisionLog, LogError};
use stagegate_rollout::{RecordBatch, records};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The extension of the files.
const PREFIX: &str = "late-";
const SUFFIX: &str = ".records";
/// Names that are tried: a number is taken only where another process has the same id.
const NAMES: u32 = 100;
/// Bytes handed to the log at once.
const BATCH: usize = 256 * 1024;

/// A file that takes records.
#[derive(Debug)]
pub struct Spool {
    file: File,
}

impl Spool {
    /// Creates one in `dir` for this process.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(dir: &Path) -> io::Result<Self> {
        for number in 0..NAMES {
            let name = format!("{PREFIX}{}-{number}{SUFFIX}", std::process::id());
            match File::create_new(dir.join(name)) {
                Ok(file) => {
                    file.lock()?;
                    return Ok(Self { file });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.file.write_all(batch.as_bytes())
    }
}

impl DecisionLog {
    /// Takes over what other processes left in `dir`; says how many records. Files that are still
    /// being written stay for another time.
    ///
    /// # Errors
    /// When the directory or a file of it cannot be read; what was found before is in the log.
    pub fn take_over(&self, dir: &Path) -> Result<u64, LogError> {
        let failed = |source| LogError::io("read", dir)(source);
        let mut taken = 0;
        for path in left_behind(dir).map_err(failed)? {
            let file = File::options().read(true).write(true).open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let bytes = fs::read(&path).map_err(failed)?;
            taken += self.append_all(&bytes);
            // On its way to disk before the only copy goes.
            self.flush();
            fs::remove_file(&path).map_err(failed)?;
        }
        Ok(taken)
    }

    /// Hands over every readable record; an unfinished one at the end is passed over.
    fn append_all(&self, bytes: &[u8]) -> u64 {
        let writer = self.writer();
        let (mut batch, mut count) = (RecordBatch::with_capacity(BATCH), 0);
        for record in records(bytes).filter_map(Result::ok) {
            batch.push(&record);
            count += 1;
            if batch.as_bytes().len() >= BATCH {
                writer.try_append(std::mem::replace(&mut batch, RecordBatch::with_capacity(BATCH)));
                // What waits is bounded: nothing of this may be dropped for want of room.
                self.flush();
            }
        }
        writer.try_append(batch);
        count
    }
}

fn left_behind(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
