//! Blocks: a few hundred records, compressed together, that say whether they are whole.
//!
//! Header, little endian: magic and version (4 bytes), length of the body, length of the records,
//! number of records, CRC-32 of all that and the body (4 bytes each). The body is the records'
//! compact form, compressed with zstd.

use super::LogError;
use stagegate_rollout::RecordBatch;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The last byte is the version: of this header, and of the records' compact form. Version 2 added
/// what an answer cost; a reader of it reads version 1 too.
const MAGIC: [u8; 4] = *b"SGB\x02";
/// Versions that are read.
const READABLE: [[u8; 4]; 2] = [*b"SGB\x01", MAGIC];
/// Bytes of a block before its body.
pub(super) const HEADER: usize = 20;
/// The place of the CRC in the header. It covers everything before it, and the body.
const CRC_AT: usize = HEADER - 4;
/// Records are cut into blocks of about this size. Larger ones are slower to look into and hardly
/// smaller on disk.
pub(super) const TARGET: usize = 64 * 1024;
/// No block is larger than this, whatever its header says.
const LIMIT: usize = 4 * TARGET;
/// Higher levels cost more CPU and save nothing on records that are mostly random ids.
const LEVEL: i32 = 1;

/// Makes blocks; holds the compressor's tables.
pub(super) struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
}

impl Encoder {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(LEVEL)? })
    }

    /// Appends a block with these records to `out`.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, records: &RecordBatch) -> io::Result<()> {
        let body = self.zstd.compress(records.as_bytes())?;
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        for number in [body.len(), records.as_bytes().len(), records.len()] {
            out.extend_from_slice(&(number as u32).to_le_bytes());
        }
        let crc = crc(&out[start..], &body);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&body);
        Ok(())
    }
}

/// A block read back.
pub(super) struct Block {
    /// The records in their compact form.
    pub(super) records: Vec<u8>,
    /// The number of records.
    pub(super) count: u32,
    /// The begin of the next block.
    pub(super) next: u64,
}

impl Block {
    /// Reads the block at `offset`.
    pub(super) fn read(file: &File, path: &Path, offset: u64) -> Result<Self, LogError> {
        let damaged = |why| LogError::Damaged { path: path.to_owned(), offset, why };
        let read = |buffer: &mut [u8], at| match file.read_exact_at(buffer, at) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(damaged("it is cut off")),
            other => other.map_err(LogError::io("read", path)),
        };
        let mut header = [0; HEADER];
        read(&mut header, offset)?;
        if !READABLE.iter().any(|magic| header[..4] == *magic) {
            return Err(damaged("no block of a known version begins there"));
        }
        let [body_len, raw_len, count, expected] =
            std::array::from_fn(|n| le_u32(&header, 4 + 4 * n));
        if body_len as usize > LIMIT || raw_len as usize > LIMIT {
            return Err(damaged("its length is impossible"));
        }
        let mut body = vec![0; body_len as usize];
        read(&mut body, offset + HEADER as u64)?;
        if crc(&header[..CRC_AT], &body) != expected {
            return Err(damaged("its checksum does not fit"));
        }
        let records = zstd::bulk::decompress(&body, raw_len as usize)
            .map_err(|_| damaged("it does not decompress"))?;
        Ok(Self { records, count, next: offset + (HEADER + body.len()) as u64 })
    }
}

/// The little-endian number at `at`, which must lie within `bytes`.
pub(super) fn le_u32(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn crc(header: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(body);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::{Block, CRC_AT, Encoder, HEADER, crc};
    use crate::LogError;
    use stagegate_rollout::RecordBatch;
    use std::fs::File;

    /// An empty block that says it is of this version.
    fn of_version(version: u8) -> Result<Block, LogError> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new().expect("zstd");
        encoder.append(&mut bytes, &RecordBatch::default()).expect("memory");
        bytes[3] = version;
        let sum = crc(&bytes[..CRC_AT], &bytes[HEADER..]);
        bytes[CRC_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("blocks");
        std::fs::write(&path, &bytes).expect("written");
        Block::read(&File::open(&path).expect("there"), &path, 0)
    }

    #[test]
    fn blocks_of_both_versions_are_read_and_of_no_other() {
        for version in [1, 2] {
            assert_eq!(of_version(version).expect("readable").count, 0);
        }
        for version in [0, 3] {
            assert!(matches!(of_version(version), Err(LogError::Damaged { .. })), "{version}");
        }
    }
}
