//! Conversations that began on an arm and stay with the release that knows their id.

use foldhash::quality::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use tinyufo::TinyUfo;

use stagegate_rollout::Arm;

/// Where a conversation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) arm: Arm,
    /// The release's number, unique in the process.
    pub(crate) release: u32,
    /// The generation of the candidate in which the pin was made.
    pub(crate) generation: u64,
    /// Unix seconds after which the pin is forgotten.
    expires_s: u64,
}

/// Bounded memory of pins, shared by all workers.
pub(crate) struct Pins {
    cache: TinyUfo<u64, Pin>,
    /// Seeded anew in every process: the keys are what clients and backends say.
    hasher: RandomState,
    put: AtomicUsize,
}

impl Pins {
    /// Most pins that are kept.
    pub(crate) const CAPACITY: usize = 1_000_000;
    /// How long a conversation may pause.
    const TTL_S: u64 = 24 * 3600;

    pub(crate) fn new() -> Self {
        // The estimate sizes fixed tables; the weight limit is what bounds the cache.
        let cache = TinyUfo::new_compact(Self::CAPACITY, Self::CAPACITY / 10);
        Self { cache, hasher: RandomState::default(), put: AtomicUsize::new(0) }
    }

    /// The pin of a conversation.
    pub(crate) fn get(&self, workload: &str, conversation: &str, now_s: u64) -> Option<Pin> {
        self.cache.get(&self.key(workload, conversation)).filter(|pin| now_s < pin.expires_s)
    }

    /// Pins a conversation.
    pub(crate) fn put(
        &self,
        workload: &str,
        conversation: &str,
        arm: Arm,
        release: u32,
        generation: u64,
        now_s: u64,
    ) {
        let pin = Pin { arm, release, generation, expires_s: now_s + Self::TTL_S };
        self.cache.force_put(self.key(workload, conversation), pin, 1);
        self.put.fetch_add(1, Ordering::Relaxed);
    }

    /// How many pins were ever made.
    pub(crate) fn made(&self) -> usize {
        self.put.load(Ordering::Relaxed)
    }

    fn key(&self, workload: &str, conversation: &str) -> u64 {
        self.hasher.hash_one((workload, conversation))
    }
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pins({} made)", self.made())
    }
}
