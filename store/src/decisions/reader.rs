//! Looking things up, without holding up the writer or the workers.

use super::block::Block;
use super::index::hash;
use super::queue::Waiting;
use super::sealed::Sealed;
use super::shared::Shared;
use super::{Filter, LogError, OwnedRecord, Recent};
use stagegate_rollout::records;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Records a search for the newest ones reads at most: about half a second's work.
const SCAN_LIMIT: u64 = 1_000_000;

/// The readable data at one moment.
struct Snapshot {
    /// Batches not in a segment yet, the newest first.
    waiting: Vec<Waiting>,
    /// The growing segment's blocks to read, the newest first.
    growing: Option<(Arc<File>, Arc<Path>, Vec<u32>)>,
    /// Complete segments, the newest first.
    sealed: Vec<Arc<Sealed>>,
}

impl Shared {
    /// Everything there is, each record once; of the growing segment the blocks that `pick` wants.
    fn snapshot(&self, pick: impl Fn(&super::growing::Growing) -> Vec<u32>) -> Snapshot {
        // The queue first: what leaves it in between is found in the catalog and dropped here.
        let mut waiting = self.queue.snapshot();
        let catalog = self.catalog();
        waiting.retain(|it| it.order > catalog.done);
        let growing = catalog
            .growing
            .as_ref()
            .map(|it| (Arc::clone(&it.file), Arc::clone(&it.path), pick(it)));
        Snapshot { waiting, growing, sealed: catalog.sealed.iter().rev().cloned().collect() }
    }

    /// The newest record with this id.
    pub(super) fn get(&self, id: &str) -> Result<Option<OwnedRecord>, LogError> {
        let there = self.snapshot(|it| it.index.find(hash(&it.key, id)));
        for waiting in &there.waiting {
            if let Some(record) = last_with(waiting.batch.as_bytes(), id) {
                return Ok(Some(record));
            }
        }
        if let Some((file, path, offsets)) = &there.growing
            && let Some(record) = find_in(file, path, offsets, id)?
        {
            return Ok(Some(record));
        }
        for segment in there.sealed.iter().filter(|it| it.extent.may_hold(id)) {
            let offsets = segment.find(id)?;
            if offsets.is_empty() {
                continue;
            }
            let Some(file) = segment.file()? else { continue };
            if let Some(record) = find_in(&file, &segment.path, &offsets, id)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The newest records that match.
    pub(super) fn recent(&self, filter: &Filter, limit: usize) -> Result<Recent, LogError> {
        let there = self.snapshot(|it| it.blocks.iter().rev().copied().collect());
        let mut search = Search { filter, limit, read: 0, found: Recent::default() };
        for waiting in &there.waiting {
            search.batch(waiting.batch.as_bytes());
        }
        if let Some((file, path, offsets)) = &there.growing {
            search.blocks(file, path, offsets)?;
        }
        for segment in &there.sealed {
            if search.is_over() {
                break;
            }
            let mut offsets = segment.blocks()?;
            offsets.reverse();
            let Some(file) = segment.file()? else { continue };
            search.blocks(&file, &segment.path, &offsets)?;
        }
        Ok(search.found)
    }
}

fn find_in(
    file: &File,
    path: &Path,
    newest_first: &[u32],
    id: &str,
) -> Result<Option<OwnedRecord>, LogError> {
    for at in newest_first {
        let block = Block::read(file, path, u64::from(*at))?;
        if let Some(record) = last_with(&block.records, id) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn last_with(bytes: &[u8], id: &str) -> Option<OwnedRecord> {
    let with_id = records(bytes).flatten().filter(|record| record.request_id == id);
    with_id.last().map(|record| OwnedRecord::from(&record))
}

/// A search for the newest records that match.
struct Search<'f> {
    filter: &'f Filter,
    limit: usize,
    read: u64,
    found: Recent,
}

impl Search<'_> {
    /// True if nothing more is to be read; remembers if that is for having read enough.
    fn is_over(&mut self) -> bool {
        let gave_up = self.read >= SCAN_LIMIT;
        self.found.more |= gave_up;
        gave_up || self.found.records.len() >= self.limit
    }

    fn batch(&mut self, bytes: &[u8]) {
        let all: Vec<_> = records(bytes).flatten().collect();
        self.read += all.len() as u64;
        let room = self.limit - self.found.records.len();
        let matching = all.iter().rev().filter(|record| self.filter.accepts(record));
        self.found.records.extend(matching.take(room).map(OwnedRecord::from));
    }

    fn blocks(&mut self, file: &File, path: &Path, newest_first: &[u32]) -> Result<(), LogError> {
        for at in newest_first {
            if self.is_over() {
                break;
            }
            match Block::read(file, path, u64::from(*at)) {
                Ok(block) => self.batch(&block.records),
                Err(LogError::Damaged { .. }) => self.found.damaged_blocks += 1,
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Next;
    use super::super::writer::Writer;
    use super::super::{Filter, Retention, Shared};
    use stagegate_rollout::{Arm, KeyKind, Outcome, Reason, Record, RecordBatch};
    use std::sync::Arc;
    use std::time::Duration;

    fn batch(request_id: &str) -> RecordBatch {
        let mut batch = RecordBatch::default();
        batch.push(&Record {
            request_id,
            at_ms: 1,
            workload: "agent",
            release: "v1",
            arm: Arm::Stable,
            reason: Reason::Default,
            detail: "",
            epoch: 1,
            key: KeyKind::Request,
            bucket: None,
            weight: 0,
            tenant: "",
            user: "",
            conversation: "",
            status: 200,
            outcome: Outcome::Ok,
            duration_us: 1,
            first_byte_us: 1,
            retries: 0,
            shadowed: false,
            spent: None,
            flags: "",
        });
        batch
    }

    #[test]
    fn between_segment_and_queue_a_record_is_seen_once() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let keep = Retention { max_age: Duration::MAX, max_bytes: u64::MAX };
        let shared = Arc::new(Shared::open(dir.path(), keep).expect("opened"));
        let mut writer = Writer::new(Arc::clone(&shared)).expect("made");
        let seen = || -> Vec<String> {
            let found = shared.recent(&Filter::default(), 10).expect("readable").records;
            found.into_iter().map(|it| it.request_id).collect()
        };
        for id in ["a", "b"] {
            assert_eq!(shared.queue.push(batch(id)), Ok(()));
        }
        assert_eq!(seen(), ["b", "a"]);
        let Next::Write(waiting) = shared.queue.next(Duration::from_secs(60)) else {
            panic!("they wait")
        };
        writer.write(&waiting[..1]);
        assert_eq!(seen(), ["b", "a"], "a is in the segment and still in the queue");
        writer.write(&waiting[1..]);
        assert_eq!(seen(), ["b", "a"], "so is b");
        shared.queue.finish(2);
        assert_eq!(seen(), ["b", "a"], "now in the segment alone");
    }
}
