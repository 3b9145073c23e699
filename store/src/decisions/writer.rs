//! The thread that writes: takes groups from the queue, ends segments, applies retention.

use super::block::Encoder;
use super::group::{Group, GroupBuilder};
use super::growing::Growing;
use super::queue::{Next, Waiting};
use super::sealed::Sealed;
use super::shared::Shared;
use super::{LogError, Retention};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The interval of retention when nothing is written.
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// Segments of at most this size...
const MAX_SEGMENT: u64 = 64 * 1024 * 1024;
/// ...and not much smaller than this, or there would be too many files.
const MIN_SEGMENT: u64 = 256 * 1024;
/// Into how many segments a log is cut at least when it is full: what retention takes at once.
const SEGMENTS: u32 = 32;
/// No segment is ended for its age before this.
const MIN_SEGMENT_AGE: Duration = Duration::from_secs(60);

/// The writer of one log.
pub(super) struct Writer {
    shared: Arc<Shared>,
    encoder: Encoder,
    /// When the growing segment was begun, in Unix milliseconds.
    begun_ms: u64,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> std::io::Result<Self> {
        Ok(Self { shared, encoder: Encoder::new()?, begun_ms: now_ms() })
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _end = End(Arc::clone(&self.shared));
        loop {
            match self.shared.queue.next(TIDY_EVERY) {
                Next::Write(batches) => {
                    self.write(&batches);
                    if let Some(last) = batches.last() {
                        self.shared.queue.finish(last.order);
                    }
                }
                Next::Tidy => {}
                Next::End => return,
            }
            if let Err(e) = self.tidy() {
                self.shared.health.failed(explain(&e));
            }
            self.shared.queue.tidied();
        }
    }

    /// Writes the batches, or drops them; either way readers no longer need the queue for them.
    pub(super) fn write(&mut self, batches: &[Waiting]) {
        let Some(last) = batches.last() else { return };
        let written = self.try_write(batches);
        let mut catalog = self.shared.catalog_mut();
        // In one step with the group's appearance, so that no reader sees a batch twice.
        catalog.done = last.order;
        match written {
            Ok(group) => {
                catalog.publish(&group);
                self.shared.health.wrote(group.entries.len() as u64, group.unreadable);
            }
            Err(e) => {
                let lost = batches.iter().map(|it| it.batch.len() as u64).sum();
                self.shared.health.write_failed(explain(&e), lost);
            }
        }
    }

    /// Brings the batches to disk as a whole; on failure nothing of them is there.
    fn try_write(&mut self, batches: &[Waiting]) -> Result<Group, LogError> {
        self.make_room()?;
        let dir = LogError::io("write to", &self.shared.dir);
        let (key, end) = {
            let catalog = self.shared.catalog();
            let growing = catalog.growing.as_ref();
            growing
                .map(|it| (it.key, it.len))
                .ok_or_else(|| dir(std::io::ErrorKind::NotFound.into()))?
        };
        let mut group = GroupBuilder::new(&mut self.encoder, key, end);
        batches.iter().try_for_each(|it| group.add(&it.batch)).map_err(&dir)?;
        let group = group.finish().map_err(&dir)?;
        // Readers may look on: nothing they see changes before the group is published.
        let catalog = self.shared.catalog();
        catalog.growing.as_ref().map_or(Ok(()), |it| it.write(&group)).map_err(&dir)?;
        Ok(group)
    }

    /// Sees to it that there is a growing segment with room.
    fn make_room(&mut self) -> Result<(), LogError> {
        let retention = self.shared.retention();
        let max_bytes = (retention.max_bytes / u64::from(SEGMENTS)).clamp(MIN_SEGMENT, MAX_SEGMENT);
        let max_age = (retention.max_age / SEGMENTS).max(MIN_SEGMENT_AGE);
        let now = now_ms();
        let ended = self.shared.catalog().growing.as_ref().map(|growing| {
            let age = Duration::from_millis(now.saturating_sub(self.begun_ms));
            growing.is_full(max_bytes) || (age >= max_age && !growing.blocks.is_empty())
        });
        if ended == Some(true) {
            self.seal()?;
        }
        if ended != Some(false) {
            let number = self.shared.catalog().next_number;
            let dir = &self.shared.dir;
            let segment = Growing::create(dir, number).map_err(LogError::io("write to", dir))?;
            let mut catalog = self.shared.catalog_mut();
            catalog.growing = Some(segment);
            catalog.next_number = number + 1;
            self.begun_ms = now;
        }
        Ok(())
    }

    fn seal(&self) -> Result<(), LogError> {
        let sealed = {
            let catalog = self.shared.catalog();
            let Some(growing) = &catalog.growing else { return Ok(()) };
            Sealed::seal(&self.shared.dir, growing)?
        };
        let mut catalog = self.shared.catalog_mut();
        catalog.growing = None;
        catalog.sealed.push_back(Arc::new(sealed));
        Ok(())
    }

    /// Applies retention: whole segments go, the oldest first.
    fn tidy(&self) -> Result<(), LogError> {
        let Retention { max_age, max_bytes } = self.shared.retention();
        let cutoff =
            now_ms().saturating_sub(u64::try_from(max_age.as_millis()).unwrap_or(u64::MAX));
        let is_past = |newest_ms: u64| newest_ms < cutoff;
        let all_past = {
            let catalog = self.shared.catalog();
            let growing = catalog.growing.as_ref();
            growing.is_some_and(|it| !it.blocks.is_empty() && is_past(it.extent.newest_ms))
        };
        if all_past {
            self.seal()?;
        }
        loop {
            let gone = {
                let catalog = self.shared.catalog();
                let too_large = catalog.size() > max_bytes;
                let oldest = catalog.sealed.front();
                oldest.filter(|it| too_large || is_past(it.extent.newest_ms)).cloned()
            };
            let Some(gone) = gone else { return Ok(()) };
            gone.delete()?;
            self.shared.catalog_mut().sealed.pop_front();
        }
    }
}

/// Closes the queue when the writer ends, in whatever way, so that nothing waits for it.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.queue.close();
        if std::thread::panicking() {
            self.0.health.failed("the writer panicked; nothing more is written".to_owned());
        }
    }
}

/// The error and what caused it, for the status.
fn explain(error: &LogError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
