//! From a request id to the blocks that may hold it.
//!
//! An entry is one number: the upper half a hash of the id, the lower half the block's offset in
//! the segment. In memory entries are kept as a few sorted runs, merged as they grow; on disk they
//! are one sorted run in pages, with the first hash and the checksum of every page beside it.

use super::block::le_u32;
use siphasher::sip::SipHasher13;
use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;

/// The key with which ids are hashed. Every segment draws its own, so that no client can choose ids
/// that all collide.
pub(super) type Key = [u8; 16];

/// Entries in a page: 4 KiB.
const PAGE: usize = 512;
const ENTRY: usize = 8;

/// Hash of an id.
pub(super) fn hash(key: &Key, id: &str) -> u32 {
    let mut hasher = SipHasher13::new_with_key(key);
    hasher.write(id.as_bytes());
    (hasher.finish() >> 32) as u32
}

/// An entry of the index.
pub(super) fn entry(hash: u32, offset: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(offset)
}

/// Offsets in `sorted` under this hash, in ascending order.
fn offsets(sorted: &[u64], hash: u32) -> impl Iterator<Item = u32> {
    let from = sorted.partition_point(|it| *it < entry(hash, 0));
    sorted[from..].iter().take_while(move |it| (**it >> 32) as u32 == hash).map(|it| *it as u32)
}

/// The index of a segment that still grows.
#[derive(Debug, Default)]
pub(super) struct Growing {
    entries: Vec<u64>,
    /// The begin of each sorted run; each is at least twice as long as the next.
    runs: Vec<usize>,
}

impl Growing {
    pub(super) fn extend(&mut self, new: &[u64]) {
        self.runs.push(self.entries.len());
        self.entries.extend_from_slice(new);
        let mut start = self.entries.len() - new.len();
        while let [.., before, last] = self.runs[..] {
            if last - before >= 2 * (self.entries.len() - last) {
                break;
            }
            self.runs.pop();
            start = before;
        }
        // The stable sort finds the runs and merges them.
        self.entries[start..].sort();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Offsets of the blocks that may hold an id with this hash, the newest first.
    pub(super) fn find(&self, hash: u32) -> Vec<u32> {
        let ends = self.runs.iter().skip(1).copied().chain([self.entries.len()]);
        let runs = self.runs.iter().zip(ends).map(|(start, end)| &self.entries[*start..end]);
        newest_first(runs.flat_map(|run| offsets(run, hash)).collect())
    }

    /// All entries as one sorted run.
    pub(super) fn sorted(&self) -> Vec<u64> {
        let mut entries = self.entries.clone();
        entries.sort();
        entries
    }
}

fn newest_first(mut offsets: Vec<u32>) -> Vec<u32> {
    offsets.sort_unstable_by(|a, b| b.cmp(a));
    offsets.dedup();
    offsets
}

/// First hash and checksum of every page of an index on disk.
#[derive(Debug)]
pub(super) struct Fences(Vec<(u32, u32)>);

impl Fences {
    /// Bytes of one fence on disk.
    const SIZE: usize = 8;

    /// The number of bytes the fences of so many entries take.
    pub(super) fn size_for(entries: u64) -> u64 {
        entries.div_ceil(PAGE as u64) * Self::SIZE as u64
    }

    /// The number of bytes the pages of so many entries take.
    pub(super) fn pages_size(entries: u64) -> u64 {
        entries * ENTRY as u64
    }

    /// The fences and the pages of these entries, as they stand on disk.
    pub(super) fn write(sorted: &[u64]) -> (Vec<u8>, Vec<u8>) {
        let mut fences = Vec::with_capacity(sorted.len().div_ceil(PAGE) * Self::SIZE);
        let mut pages = Vec::with_capacity(sorted.len() * ENTRY);
        for page in sorted.chunks(PAGE) {
            let start = pages.len();
            page.iter().for_each(|entry| pages.extend_from_slice(&entry.to_le_bytes()));
            fences.extend_from_slice(&((page[0] >> 32) as u32).to_le_bytes());
            fences.extend_from_slice(&crc32fast::hash(&pages[start..]).to_le_bytes());
        }
        (fences, pages)
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        Self(bytes.chunks_exact(Self::SIZE).map(|it| (le_u32(it, 0), le_u32(it, 4))).collect())
    }

    /// Offsets of the blocks that may hold an id with this hash, the newest first, from the pages
    /// of `entries` entries that begin at `pages_at`.
    pub(super) fn find(
        &self,
        file: &File,
        pages_at: u64,
        entries: u64,
        hash: u32,
    ) -> io::Result<Vec<u32>> {
        // The hash may begin in the page before the first one that starts with it.
        let first = self.0.partition_point(|(start, _)| *start < hash).saturating_sub(1);
        let mut found = Vec::new();
        for (number, (_, crc)) in
            self.0.iter().enumerate().skip(first).take_while(|(_, (start, _))| *start <= hash)
        {
            let before = number * PAGE;
            let count = PAGE.min(entries as usize - before);
            let mut bytes = vec![0; count * ENTRY];
            file.read_exact_at(&mut bytes, pages_at + (before * ENTRY) as u64)?;
            if crc32fast::hash(&bytes) != *crc {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an index page is damaged"));
            }
            let page: Vec<u64> =
                bytes.chunks_exact(ENTRY).map(|it| entry(le_u32(it, 4), le_u32(it, 0))).collect();
            found.extend(offsets(&page, hash));
        }
        Ok(newest_first(found))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fences, Growing, entry};
    use proptest::prelude::*;
    use std::io::Write;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn finds_what_was_put_in_before_and_after_it_is_written(
            batches in prop::collection::vec(prop::collection::vec((0u32..300, 0u32..5000), 1..400), 1..20)
        ) {
            let mut growing = Growing::default();
            for batch in &batches {
                let mut entries: Vec<_> = batch.iter().map(|(hash, at)| entry(*hash, *at)).collect();
                entries.sort_unstable();
                growing.extend(&entries);
            }
            let sorted = growing.sorted();
            let (fences, pages) = Fences::write(&sorted);
            prop_assert_eq!(fences.len() as u64, Fences::size_for(sorted.len() as u64));
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&pages).expect("written");
            let fences = Fences::read(&fences);
            for hash in 0..301 {
                let mut expected: Vec<u32> =
                    batches.iter().flatten().filter(|it| it.0 == hash).map(|it| it.1).collect();
                expected.sort_unstable_by(|a, b| b.cmp(a));
                expected.dedup();
                prop_assert_eq!(&growing.find(hash), &expected);
                let found = fences.find(&file, 0, sorted.len() as u64, hash).expect("readable");
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
