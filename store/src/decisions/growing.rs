//! The segment that is being written.
//!
//! A file of blocks after a short header with the key its ids are hashed with. Its index is in
//! memory; after a crash it is read back from the blocks, up to the first that is not whole.

use super::LogError;
use super::block::Block;
use super::extent::Extent;
use super::group::Group;
use super::index::{self, Key, entry, hash};
use stagegate_rollout::records;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"SGLOG\0\0\x01";
/// Bytes before the first block: magic, key, CRC-32 of both, four unused.
pub(super) const HEADER: usize = 32;

/// A segment must be ended at one of these, so that what is kept in memory for it is bounded.
const MAX_RECORDS: usize = 1_000_000;
const MAX_BLOCKS: usize = 65_536;

/// A segment that still grows.
#[derive(Debug)]
pub(super) struct Growing {
    pub(super) number: u64,
    pub(super) path: Arc<Path>,
    pub(super) file: Arc<File>,
    pub(super) key: Key,
    /// The place of the next block.
    pub(super) len: u64,
    pub(super) index: index::Growing,
    pub(super) blocks: Vec<u32>,
    pub(super) extent: Extent,
}

/// Name of a segment's block file.
pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.log"))
}

impl Growing {
    /// Begins a segment.
    pub(super) fn create(dir: &Path, number: u64) -> io::Result<Self> {
        let path = path_of(dir, number);
        let mut key = Key::default();
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..24].copy_from_slice(&key);
        let crc = crc32fast::hash(&header[..24]);
        header[24..28].copy_from_slice(&crc.to_le_bytes());
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        file.write_all_at(&header, 0)?;
        Ok(Self {
            number,
            path: path.into(),
            file: Arc::new(file),
            key,
            len: HEADER as u64,
            index: index::Growing::default(),
            blocks: Vec::new(),
            extent: Extent::default(),
        })
    }

    /// Reads a segment back whose index was not written, and cuts off what is not whole. `None` if
    /// not even its header is.
    pub(super) fn recover(path: &Path, number: u64) -> Result<Option<Self>, LogError> {
        let opening = LogError::io("open", path);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(&opening)?;
        let Some(key) = read_header(&file, path)? else { return Ok(None) };
        let mut segment = Self {
            number,
            path: path.into(),
            file: Arc::new(file),
            key,
            len: HEADER as u64,
            index: index::Growing::default(),
            blocks: Vec::new(),
            extent: Extent::default(),
        };
        let size = segment.file.metadata().map_err(&opening)?.len();
        while segment.len < size {
            let block = match Block::read(&segment.file, path, segment.len) {
                Ok(block) => block,
                Err(LogError::Damaged { .. }) => break,
                Err(other) => return Err(other),
            };
            let Ok(at) = u32::try_from(segment.len) else { break };
            let mut entries = Vec::with_capacity(block.count as usize);
            for record in records(&block.records).flatten() {
                entries.push(entry(hash(&key, record.request_id), at));
                segment.extent.add(&record);
            }
            entries.sort_unstable();
            segment.index.extend(&entries);
            segment.blocks.push(at);
            segment.len = block.next;
        }
        if segment.len < size {
            segment.file.set_len(segment.len).map_err(LogError::io("cut", path))?;
        }
        Ok(Some(segment))
    }

    /// Appends a group that was built for this segment's end, wholly or not at all.
    pub(super) fn write(&self, group: &Group) -> io::Result<()> {
        let written = self.file.write_all_at(&group.bytes, self.len);
        if written.is_err() {
            // What did get written is overwritten by the next group, or cut off at the next start.
            let _ = self.file.set_len(self.len);
        }
        written
    }

    /// Takes a written group into the index.
    pub(super) fn publish(&mut self, group: &Group) {
        self.index.extend(&group.entries);
        self.blocks.extend_from_slice(&group.blocks);
        self.extent.merge(&group.extent);
        self.len += group.bytes.len() as u64;
    }

    /// True if no more should be added.
    pub(super) fn is_full(&self, max_bytes: u64) -> bool {
        self.len >= max_bytes || self.index.len() >= MAX_RECORDS || self.blocks.len() >= MAX_BLOCKS
    }
}

/// The key in the header of a block file; `None` if the header is not whole.
pub(super) fn read_header(file: &File, path: &Path) -> Result<Option<Key>, LogError> {
    let mut header = [0; HEADER];
    match file.read_exact_at(&mut header, 0) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(LogError::io("read", path)(e)),
    }
    if header[..8] != MAGIC || crc32fast::hash(&header[..24]).to_le_bytes() != header[24..28] {
        return Ok(None);
    }
    let mut key = Key::default();
    key.copy_from_slice(&header[8..24]);
    Ok(Some(key))
}
