//! Ids that a backend issued, and conversations that began, each pinned to the release that knows it.

use siphasher::sip::SipHasher13;
use stagegate_rollout::{Arm, Weight};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash as _, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Parts of the memory that are locked apart.
const SHARDS: usize = 64;
/// Seconds after which the use of a pin is noted again.
const NOTED_EVERY_S: u32 = 60;

/// The release that knows an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) arm: Arm,
    /// The release's number, unique in the process.
    pub(crate) release: u32,
    /// The generation of the candidate in which the pin was made, its lower half.
    pub(crate) generation: u32,
    /// The weight that drew its arm; [`Weight::ZERO`] if another rule chose it, or if that is not known
    /// any more.
    pub(crate) drawn: Weight,
    /// Names the conversation that the id belongs to: an id of every answer is a conversation's too.
    pub(crate) unit: u32,
    /// When it was last used, by [`Pins::steady_s`].
    pub(crate) used_s: u32,
}

/// The secret under which ids are hashed. It outlives the process, because what is remembered does.
pub(crate) type Seed = [u64; 2];

/// Keys are hashes already.
#[derive(Clone, Copy, Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

type Entries = HashMap<u64, Pin, BuildHasherDefault<Same>>;

/// Two halves: the older one is dropped when the younger one is full.
#[derive(Default)]
struct Shard {
    young: Entries,
    old: Entries,
}

/// Bounded memory of pins, shared by all workers.
pub(crate) struct Pins {
    shards: Vec<Mutex<Shard>>,
    seed: OnceLock<Seed>,
    put: AtomicUsize,
    clock: SteadyClock,
}

/// Seconds that go on evenly, whatever is done to the wall clock: from the wall clock of the start.
#[derive(Clone, Copy, Debug)]
struct SteadyClock {
    begun: Instant,
    begun_s: u64,
}

impl Pins {
    /// Most pins that are kept.
    pub(crate) const CAPACITY: usize = 1_000_000;

    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let clock = SteadyClock { begun: Instant::now(), begun_s: wall_s() };
        Self { shards, seed: OnceLock::new(), put: AtomicUsize::new(0), clock }
    }

    #[cfg(test)]
    pub(crate) fn beginning_at(begun_s: u64) -> Self {
        Self { clock: SteadyClock { begun: Instant::now(), begun_s }, ..Self::new() }
    }

    /// The time at `at` in seconds by which conversations are forgotten. No jump of the wall clock
    /// makes any of them older.
    pub(crate) fn steady_s(&self, at: Instant) -> u64 {
        let SteadyClock { begun, begun_s } = self.clock;
        begun_s + at.saturating_duration_since(begun).as_secs()
    }

    /// Takes over the secret of a process before; false if another one is in use.
    pub(crate) fn take_seed(&self, seed: Seed) -> bool {
        *self.seed.get_or_init(|| seed) == seed
    }

    pub(crate) fn seed(&self) -> Seed {
        *self.seed.get_or_init(|| {
            let mut random = [0; 16];
            // Without randomness ids are hashed all the same, only not in secret.
            let _ = getrandom::fill(&mut random);
            let half = |at: usize| random[at..at + 8].iter().fold(0, |n, b| n << 8 | u64::from(*b));
            [half(0), half(8)]
        })
    }

    /// The hash under which an id of a workload is remembered.
    pub(crate) fn key(&self, workload: &str, id: &str) -> u64 {
        let [a, b] = self.seed();
        let mut hasher = SipHasher13::new_with_keys(a, b);
        (workload, id).hash(&mut hasher);
        hasher.finish()
    }

    /// The pin of an id that was used within `idle`. Its use is noted.
    pub(crate) fn get(&self, key: u64, idle: Duration, now_s: u64) -> Option<Pin> {
        let now = now_s as u32;
        let mut shard = self.shard(key);
        let was_old = !shard.young.contains_key(&key);
        let Shard { young, old } = &mut *shard;
        let pin = young.get_mut(&key).or_else(|| old.get_mut(&key))?;
        let age = now.saturating_sub(pin.used_s);
        if u64::from(age) >= idle.as_secs() {
            return None;
        }
        if age >= NOTED_EVERY_S {
            pin.used_s = now;
        }
        let pin = *pin;
        if was_old {
            shard.insert(key, pin);
        }
        Some(pin)
    }

    /// Pins an id.
    pub(crate) fn put(&self, key: u64, pin: Pin) {
        self.shard(key).insert(key, pin);
        self.put.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of pins made so far.
    pub(crate) fn made(&self) -> usize {
        self.put.load(Ordering::Relaxed)
    }

    /// Every pin, a shard at a time.
    pub(crate) fn each(&self, mut each: impl FnMut(u64, &Pin)) {
        for at in 0..SHARDS {
            let shard = self.shard(at as u64);
            let older = shard.old.iter().filter(|(key, _)| !shard.young.contains_key(*key));
            older.chain(&shard.young).for_each(|(key, pin)| each(*key, pin));
        }
    }

    /// No panic can leave a shard half changed.
    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        let at = key as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Unix seconds.
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Shard {
    fn insert(&mut self, key: u64, pin: Pin) {
        if self.young.len() >= Pins::CAPACITY / SHARDS / 2 && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, pin);
    }
}

impl std::fmt::Debug for Pins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pins({} made)", self.made())
    }
}

#[cfg(test)]
mod tests {
    use super::{Pin, Pins};
    use stagegate_rollout::{Arm, Weight};
    use std::time::Duration;

    const IDLE: Duration = Duration::from_secs(100);

    fn pin(used_s: u32) -> Pin {
        let drawn = Weight::ZERO;
        Pin { arm: Arm::Candidate, release: 3, generation: 1, drawn, unit: 9, used_s }
    }

    #[test]
    fn a_pin_lasts_while_it_is_used() {
        let pins = Pins::new();
        let key = pins.key("w", "c");
        pins.put(key, pin(1_000));
        for now_s in [1_099, 1_170, 1_260] {
            assert!(pins.get(key, IDLE, now_s).is_some(), "{now_s}");
        }
        assert_eq!(pins.get(key, IDLE, 1_360), None);
        assert_eq!(pins.get(pins.key("v", "c"), IDLE, 1_000), None, "of another workload");
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let pins = Pins::new();
        let kept = pins.key("w", "kept");
        pins.put(kept, pin(1_000));
        for number in 0..2 * Pins::CAPACITY as u64 {
            pins.put(number, pin(1_000));
            if number % 1_000 == 0 {
                assert!(pins.get(kept, IDLE, 1_000).is_some());
            }
        }
        let mut count = 0;
        pins.each(|_, _| count += 1);
        assert!(count <= Pins::CAPACITY + super::SHARDS, "{count}");
    }
}
