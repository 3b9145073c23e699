//! Records of a process that no longer has the log: it has given the directory away and still
//! finishes what it began.
//!
//! It writes them to a file of its own beside the log, unchanged, and holds a lock on the file for
//! as long as it lives. The owner of the log takes over files that are no longer locked and removes
//! them: after the writer has ended, in whatever way. A crash between the two duplicates some
//! records; none is lost.

use super::{DecisionLog, LogError};
use crate::background::in_background;
use stagegate_rollout::{RecordBatch, records};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

/// The extension of the files.
const PREFIX: &str = "late-";
const SUFFIX: &str = ".records";
/// Names that are tried: a number is taken only where another process has the same id.
const NAMES: u32 = 100;
/// Bytes handed to the log at once.
const BATCH: usize = 256 * 1024;
/// Batches that wait for the disk. Each worker hands one over every quarter of a second.
const ROOM: usize = 1024;

/// A file that takes records. A thread of its own writes them: whoever hands them over waits for no
/// disk.
#[derive(Debug)]
pub struct Spool {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Waits for the spool's disk, apart from the spool.
#[derive(Debug)]
pub struct SpoolFlush(SyncSender<Job>);

#[derive(Debug)]
enum Job {
    Write(RecordBatch),
    /// Answered once everything before it is written.
    Flush(SyncSender<()>),
}

impl Spool {
    /// Creates one in `dir` for this process.
    ///
    /// # Errors
    /// When the file cannot be created, or there is no thread.
    pub fn create(dir: &Path) -> io::Result<Self> {
        let file = create(dir)?;
        let (queue, jobs) = mpsc::sync_channel(ROOM);
        let thread = thread::Builder::new().name("spool".to_owned()).spawn(move || {
            in_background();
            write_all(file, &jobs);
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Takes a batch, without waiting. False if it was dropped for want of room.
    pub fn try_append(&self, batch: RecordBatch) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.try_send(Job::Write(batch)).is_ok())
    }

    /// What waits until everything taken so far is written.
    #[must_use]
    pub fn flusher(&self) -> Option<SpoolFlush> {
        self.queue.clone().map(SpoolFlush)
    }
}

impl SpoolFlush {
    /// Waits until everything taken so far is written.
    pub fn wait(self) {
        let (done, written) = mpsc::sync_channel(1);
        if self.0.send(Job::Flush(done)).is_ok() {
            let _ = written.recv();
        }
    }
}

/// Writes what was taken, and lets go of the file.
impl Drop for Spool {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn create(dir: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    for number in 0..NAMES {
        let name = format!("{PREFIX}{}-{number}{SUFFIX}", std::process::id());
        match options.open(dir.join(name)) {
            Ok(file) => {
                file.lock()?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn write_all(mut file: File, jobs: &Receiver<Job>) {
    for job in jobs {
        match job {
            Job::Write(batch) => {
                if let Err(error) = file.write_all(batch.as_bytes()) {
                    let lost = batch.len();
                    tracing::warn!(%error, lost, "cannot write late decisions; they are lost");
                }
            }
            Job::Flush(done) => {
                let _ = done.send(());
            }
        }
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
