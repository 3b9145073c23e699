//! A segment that is complete: its blocks, and beside them its index.
//!
//! The index file: a header (magic, then seven numbers of 8 bytes: records, blocks, bytes of the
//! block file, and the [`Extent`]), the fences of the index pages, the offsets of the blocks
//! (4 bytes each), a CRC-32 of all that, and the index pages. All little endian. In memory stay the
//! header and the fences: 16 KiB for a million records.

use super::LogError;
use super::extent::Extent;
use super::growing::{Growing, path_of, read_header};
use super::index::{Fences, Key, hash};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"SGIDX\0\0\x01";
const NUMBERS: usize = 7;
const HEADER: usize = 8 + 8 * NUMBERS;

/// A complete segment.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) path: Arc<Path>,
    index_path: PathBuf,
    key: Key,
    records: u64,
    blocks: u64,
    pub(super) extent: Extent,
    fences: Fences,
    /// Bytes of both files.
    pub(super) size: u64,
}

fn index_path_of(dir: &Path, number: u64) -> PathBuf {
    path_of(dir, number).with_extension("idx")
}

impl Sealed {
    /// Writes the index of `segment`, after which it is complete. Until this returns, nothing is.
    pub(super) fn seal(dir: &Path, segment: &Growing) -> Result<Self, LogError> {
        let entries = segment.index.sorted();
        let (fences, pages) = Fences::write(&entries);
        let mut head = Vec::with_capacity(HEADER + fences.len() + segment.blocks.len() * 4 + 4);
        head.extend_from_slice(&MAGIC);
        for number in [
            entries.len() as u64,
            segment.blocks.len() as u64,
            segment.len,
            segment.extent.oldest_ms,
            segment.extent.newest_ms,
            segment.extent.first_id_ms,
            segment.extent.last_id_ms,
        ] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        head.extend_from_slice(&fences);
        segment.blocks.iter().for_each(|at| head.extend_from_slice(&at.to_le_bytes()));
        let crc = crc32fast::hash(&head);
        head.extend_from_slice(&crc.to_le_bytes());

        let path = index_path_of(dir, segment.number);
        let draft = path.with_extension("draft");
        let written = write_synced(&draft, &[&head, &pages])
            .and_then(|()| segment.file.sync_data())
            .and_then(|()| fs::rename(&draft, &path));
        if let Err(e) = written {
            let _ = fs::remove_file(&draft);
            return Err(LogError::io("write", &path)(e));
        }
        let size = segment.len + (head.len() + pages.len()) as u64;
        Ok(Self {
            path: Arc::clone(&segment.path),
            index_path: path,
            key: segment.key,
            records: entries.len() as u64,
            blocks: segment.blocks.len() as u64,
            extent: segment.extent,
            fences: Fences::read(&fences),
            size,
        })
    }

    /// Opens a complete segment; `None` if its index is missing, damaged or not of these blocks, so
    /// that it must be recovered.
    pub(super) fn open(dir: &Path, number: u64) -> Result<Option<Self>, LogError> {
        let (path, index_path) = (path_of(dir, number), index_path_of(dir, number));
        let file = match File::open(&index_path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(LogError::io("open", &index_path)(e)),
        };
        let Some(head) = read_head(&file).map_err(LogError::io("read", &index_path))? else {
            return Ok(None);
        };
        let [records, blocks, len, oldest_ms, newest_ms, first_id_ms, last_id_ms] = numbers(&head);
        let log = File::open(&path).map_err(LogError::io("open", &path))?;
        let log_len = log.metadata().map_err(LogError::io("read", &path))?.len();
        let Some(key) = read_header(&log, &path)?.filter(|_| log_len == len) else {
            return Ok(None);
        };
        let fences_end = HEADER + Fences::size_for(records) as usize;
        Ok(Some(Self {
            path: path.into(),
            index_path,
            key,
            records,
            blocks,
            extent: Extent { oldest_ms, newest_ms, first_id_ms, last_id_ms },
            fences: Fences::read(&head[HEADER..fences_end]),
            size: len + head.len() as u64 + 4 + Fences::pages_size(records),
        }))
    }

    /// Offsets of the blocks that may hold this id, the newest first. Empty if retention took the
    /// segment in the meantime.
    pub(super) fn find(&self, id: &str) -> Result<Vec<u32>, LogError> {
        let Some(file) = self.present(File::open(&self.index_path))? else { return Ok(Vec::new()) };
        let pages_at = self.blocks_at() + 4 * self.blocks + 4;
        self.fences
            .find(&file, pages_at, self.records, hash(&self.key, id))
            .map_err(LogError::io("read", &self.index_path))
    }

    /// Offsets of all blocks, in the order they were written. Empty if retention took the segment.
    pub(super) fn blocks(&self) -> Result<Vec<u32>, LogError> {
        let Some(file) = self.present(File::open(&self.index_path))? else { return Ok(Vec::new()) };
        let mut bytes = vec![0; 4 * self.blocks as usize];
        file.read_exact_at(&mut bytes, self.blocks_at())
            .map_err(LogError::io("read", &self.index_path))?;
        Ok(bytes.chunks_exact(4).map(|at| super::block::le_u32(at, 0)).collect())
    }

    /// The block file; `None` if retention took it.
    pub(super) fn file(&self) -> Result<Option<File>, LogError> {
        self.present(File::open(&self.path))
    }

    /// Deletes both files. The blocks go first: an index without blocks is removed at the next
    /// start, blocks without an index would be read back.
    pub(super) fn delete(&self) -> Result<(), LogError> {
        for path in [&*self.path, &self.index_path] {
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(LogError::io("delete", path)(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn blocks_at(&self) -> u64 {
        HEADER as u64 + Fences::size_for(self.records)
    }

    fn present(&self, opened: io::Result<File>) -> Result<Option<File>, LogError> {
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(LogError::io("open", &self.path)(e)),
        }
    }
}

fn write_synced(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = File::create(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// Header, fences and block offsets without their CRC; `None` if they are not what was written.
fn read_head(file: &File) -> io::Result<Option<Vec<u8>>> {
    let size = file.metadata()?.len();
    let mut head = vec![0; HEADER];
    if size < HEADER as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut head, 0)?;
    let [records, blocks, ..] = numbers(&head);
    // Compared with the file's size first: damaged numbers must not make us reserve the memory.
    if head[..8] != MAGIC || records > size || blocks > size {
        return Ok(None);
    }
    let len = HEADER as u64 + Fences::size_for(records) + 4 * blocks;
    if len + 4 + Fences::pages_size(records) != size {
        return Ok(None);
    }
    head.resize(len as usize + 4, 0);
    file.read_exact_at(&mut head, 0)?;
    let crc = super::block::le_u32(&head, len as usize);
    head.truncate(len as usize);
    Ok((crc32fast::hash(&head) == crc).then_some(head))
}

fn numbers(head: &[u8]) -> [u64; NUMBERS] {
    std::array::from_fn(|n| {
        let mut number = [0; 8];
        number.copy_from_slice(&head[8 + 8 * n..16 + 8 * n]);
        u64::from_le_bytes(number)
    })
}
