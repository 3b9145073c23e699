//! Conversations that began on stable, so that a growing weight takes in new ones only.
//!
//! A sketch: a split block Bloom filter (Putze, Sanders, Singler, "Cache-, hash- and space-efficient
//! Bloom filters", 2007; the layout of Apache Parquet) of the conversations seen within the last two
//! generations. It forgets nobody within `conversation_idle`. A false hit keeps one more conversation
//! on stable, whatever its arm would have been, and always the same one.

use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Words of a block: 256 bits, half a cache line.
const BLOCK: usize = 8;
/// Odd numbers that spread the bits of a key over the words of its block (Apache Parquet's).
const SALTS: [u32; BLOCK] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];
/// Filters that are kept beside the one that is filled: the last generation, and those of other
/// processes.
const MOST_OLDER: usize = 4;

/// One generation.
pub(crate) struct Filter {
    words: Box<[AtomicU32]>,
    /// Unix seconds of its first conversation.
    began_s: u64,
}

impl Filter {
    fn new(bytes: usize, began_s: u64) -> Self {
        let blocks = (bytes / (BLOCK * 4)).max(1);
        Self { words: (0..blocks * BLOCK).map(|_| AtomicU32::new(0)).collect(), began_s }
    }

    fn block(&self, key: u64) -> &[AtomicU32] {
        let blocks = (self.words.len() / BLOCK) as u64;
        let at = (((key >> 32) * blocks) >> 32) as usize * BLOCK;
        &self.words[at..at + BLOCK]
    }

    fn contains(&self, key: u64) -> bool {
        let words = self.block(key).iter().zip(SALTS);
        words.fold(true, |all, (word, salt)| {
            all & (word.load(Ordering::Relaxed) & bit(key, salt) != 0)
        })
    }

    /// True if it was not there.
    fn add(&self, key: u64) -> bool {
        let words = self.block(key).iter().zip(SALTS);
        words.fold(false, |new, (word, salt)| {
            let bit = bit(key, salt);
            // Most conversations are there already: a load spares the others their cache line.
            let missing = word.load(Ordering::Relaxed) & bit == 0;
            if missing {
                word.fetch_or(bit, Ordering::Relaxed);
            }
            new | missing
        })
    }

    /// Unix seconds of its first conversation, and its words.
    pub(crate) fn parts(&self) -> (u64, impl Iterator<Item = u32>) {
        (self.began_s, self.words.iter().map(|word| word.load(Ordering::Relaxed)))
    }

    /// A filter from its parts; none if they are none's.
    pub(crate) fn from_parts(began_s: u64, words: Vec<u32>) -> Option<Self> {
        let whole = !words.is_empty() && words.len().is_multiple_of(BLOCK);
        let words = words.into_iter().map(AtomicU32::new).collect();
        whole.then_some(Self { words, began_s })
    }
}

fn bit(key: u64, salt: u32) -> u32 {
    1 << ((key as u32).wrapping_mul(salt) >> 27)
}

#[derive(Default)]
struct Filters {
    current: Option<Arc<Filter>>,
    older: Vec<Arc<Filter>>,
}

/// The conversations of one workload that were seen on stable.
#[derive(Default)]
pub(crate) struct Began {
    filters: ArcSwap<Filters>,
    /// Held while generations change.
    turning: Mutex<()>,
    /// Conversations that were added.
    added: AtomicU64,
}

impl Began {
    /// Returns whether a conversation was seen on stable. Its use is noted.
    pub(crate) fn contains(&self, key: u64) -> bool {
        let filters = self.filters.load();
        let Some(current) = &filters.current else {
            return filters.older.iter().any(|filter| filter.contains(key));
        };
        current.contains(key)
            || (filters.older.iter().any(|filter| filter.contains(key)) && {
                current.add(key);
                true
            })
    }

    /// Notes a conversation that stable serves. `bytes` is the memory of both generations together.
    pub(crate) fn add(&self, key: u64, bytes: usize, idle: Duration, now_s: u64) {
        if bytes == 0 {
            return;
        }
        let filters = self.filters.load();
        let fits = |filter: &&Arc<Filter>| now_s < filter.began_s + idle.as_secs().max(1);
        let new = match filters.current.as_ref().filter(fits) {
            Some(current) => current.add(key),
            None => {
                drop(filters);
                self.turn(bytes, idle, now_s);
                self.filters.load().current.as_ref().is_some_and(|current| current.add(key))
            }
        };
        if new {
            self.added.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins a generation, and forgets the one before the last.
    fn turn(&self, bytes: usize, idle: Duration, now_s: u64) {
        let _turn = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let filters = self.filters.load();
        let idle_s = idle.as_secs().max(1);
        if filters.current.as_ref().is_some_and(|filter| now_s < filter.began_s + idle_s) {
            return;
        }
        let before = filters.older.iter().chain(&filters.current);
        let older = before.filter(|filter| now_s < filter.began_s + 2 * idle_s).cloned();
        let older = newest(older.collect());
        let current = Some(Arc::new(Filter::new(bytes / 2, now_s)));
        self.filters.store(Arc::new(Filters { current, older }));
    }

    /// Takes in what another process has seen.
    pub(crate) fn merge(&self, other: Filter) {
        let _turn = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let filters = self.filters.load();
        self.added.fetch_add(1, Ordering::Relaxed);
        let same = filters.current.iter().chain(&filters.older).find(|filter| {
            filter.words.len() == other.words.len() && filter.began_s >= other.began_s
        });
        if let Some(filter) = same {
            for (word, bits) in filter.words.iter().zip(&other.words) {
                word.fetch_or(bits.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            return;
        }
        let mut older = filters.older.clone();
        let mut current = filters.current.clone();
        let other = Arc::new(other);
        if current.as_ref().is_none_or(|current| current.began_s < other.began_s) {
            older.extend(current.replace(other));
        } else {
            older.push(other);
        }
        self.filters.store(Arc::new(Filters { current, older: newest(older) }));
    }

    /// How many conversations were added; unchanged as long as nothing is new.
    pub(crate) fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }

    /// Every generation.
    pub(crate) fn filters(&self) -> Vec<Arc<Filter>> {
        let filters = self.filters.load();
        filters.current.iter().chain(&filters.older).cloned().collect()
    }
}

fn newest(mut filters: Vec<Arc<Filter>>) -> Vec<Arc<Filter>> {
    filters.sort_by_key(|filter| std::cmp::Reverse(filter.began_s));
    filters.truncate(MOST_OLDER);
    filters
}

impl std::fmt::Debug for Began {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Began({} added)", self.added())
    }
}

#[cfg(test)]
mod tests {
    use super::{Began, Filter};
    use crate::pins::Pins;
    use std::time::Duration;

    const IDLE: Duration = Duration::from_secs(3_600);

    fn keys(from: usize, count: usize) -> Vec<u64> {
        let pins = Pins::new();
        pins.take_seed([1, 2]);
        (from..from + count).map(|number| pins.key("w", &format!("c-{number}"))).collect()
    }

    #[test]
    fn nobody_is_forgotten_within_the_idle_time() {
        let began = Began::default();
        let (early, late) = (keys(0, 1_000), keys(1_000, 1_000));
        early.iter().for_each(|key| began.add(*key, 1 << 16, IDLE, 10_000));
        late.iter().for_each(|key| began.add(*key, 1 << 16, IDLE, 13_000));
        assert!(early.iter().chain(&late).all(|key| began.contains(*key)));
        began.add(1, 1 << 16, IDLE, 14_000);
        assert!(late.iter().all(|key| began.contains(*key)), "of the generation before");
        began.add(2, 1 << 16, IDLE, 18_000);
        assert!(late.iter().all(|key| began.contains(*key)), "used in the last generation");
        began.add(3, 1 << 16, IDLE, 100_000);
        assert!(!late.iter().any(|key| began.contains(*key)), "idle for a day");
    }

    #[test]
    fn false_hits_are_as_rare_as_promised() {
        let began = Began::default();
        // 13.4 bits a key, as 10 million in 16 MiB have.
        let seen = keys(0, 80_000);
        seen.iter().for_each(|key| began.add(*key, 2 * 134_000, IDLE, 10));
        let others = keys(1_000_000, 100_000);
        let hits = others.iter().filter(|key| began.contains(**key)).count();
        assert!(hits < 800, "{hits} of 100000");
    }

    #[test]
    fn what_two_processes_saw_adds_up() {
        let (one, other) = (Began::default(), Began::default());
        let (mine, theirs) = (keys(0, 100), keys(100, 100));
        mine.iter().for_each(|key| one.add(*key, 1 << 12, IDLE, 10));
        theirs.iter().for_each(|key| other.add(*key, 1 << 13, IDLE, 20));
        for filter in other.filters() {
            let (began_s, words) = filter.parts();
            one.merge(Filter::from_parts(began_s, words.collect()).expect("whole"));
        }
        assert!(mine.iter().chain(&theirs).all(|key| one.contains(*key)));
        assert!(Filter::from_parts(1, vec![0; 7]).is_none());
    }
}
