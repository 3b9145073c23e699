//! Records on their way to disk: cut into blocks, hashed, ready for one write.

use super::block::{Encoder, TARGET};
use super::extent::Extent;
use super::index::{Key, entry, hash};
use stagegate_rollout::{Record, RecordBatch, records};
use std::io;

/// Blocks to be written in one piece at the end of a segment.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The blocks.
    pub(super) bytes: Vec<u8>,
    /// Index entries, sorted.
    pub(super) entries: Vec<u64>,
    /// Offsets of the blocks in the segment.
    pub(super) blocks: Vec<u32>,
    /// The extent of the records.
    pub(super) extent: Extent,
    /// The number of records could not be read and are not in it.
    pub(super) unreadable: u64,
}

/// Fills a group that will be written at `offset` of the segment whose ids are hashed with `key`.
pub(super) struct GroupBuilder<'e> {
    encoder: &'e mut Encoder,
    key: Key,
    offset: u64,
    group: Group,
    block: RecordBatch,
}

impl<'e> GroupBuilder<'e> {
    pub(super) fn new(encoder: &'e mut Encoder, key: Key, offset: u64) -> Self {
        let block = RecordBatch::with_capacity(TARGET + TARGET / 8);
        Self { encoder, key, offset, group: Group::default(), block }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for record in records(batch.as_bytes()) {
            match record {
                Ok(record) => self.add_record(&record)?,
                Err(_) => self.group.unreadable += 1,
            }
        }
        Ok(())
    }

    fn add_record(&mut self, record: &Record<'_>) -> io::Result<()> {
        let at = self.offset + self.group.bytes.len() as u64;
        let at = u32::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.group.entries.push(entry(hash(&self.key, record.request_id), at));
        self.group.extent.add(record);
        self.block.push(record);
        if self.block.as_bytes().len() >= TARGET { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        let empty = RecordBatch::with_capacity(TARGET + TARGET / 8);
        let block = std::mem::replace(&mut self.block, empty);
        if block.is_empty() {
            return Ok(());
        }
        self.group.blocks.push((self.offset + self.group.bytes.len() as u64) as u32);
        // A group is some milliseconds of work: whoever serves need not wait for its end.
        std::thread::yield_now();
        self.encoder.append(&mut self.group.bytes, &block)
    }

    pub(super) fn finish(mut self) -> io::Result<Group> {
        self.end_block()?;
        self.group.entries.sort_unstable();
        Ok(self.group)
    }
}
