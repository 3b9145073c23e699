//! Exact counts of the tenants that are active, in bounded memory.
//!
//! A tenant is active while it has a request under way or was counted within the last second. Keys are
//! keyed hashes of 128 bits with seeds of this process, so nobody can make two tenants collide.

use foldhash::fast::RandomState;
use stagegate_settings::TenantLimits;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tables, each with a lock of its own.
const SHARDS: usize = 16;
/// Tenants of one table.
const MOST: usize = 4096;
/// Milliseconds over which a rate is counted.
const WINDOW_MS: u64 = 1000;
/// Milliseconds between two looks for tenants that are no longer active.
const SWEEP_MS: u64 = 100;

/// The limit that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Requests a second.
    Rate,
    /// Requests at a time.
    InFlight,
}

/// A tenant that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u128);

/// Counts of active tenants.
pub(crate) struct Tenants {
    shards: [Mutex<Shard>; SHARDS],
    seeds: [std::collections::hash_map::RandomState; 2],
}

#[derive(Default)]
struct Shard {
    active: HashMap<u128, Active, RandomState>,
    swept_ms: u64,
}

#[derive(Debug)]
struct Active {
    in_flight: u32,
    /// Begin of the second that is counted.
    from_ms: u64,
    count: u32,
}

impl Default for Tenants {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            seeds: std::array::from_fn(|_| std::collections::hash_map::RandomState::new()),
        }
    }
}

impl Tenants {
    /// Counts a request in at `now_ms` of a clock that only goes forward; none when the table has no
    /// room for another tenant. What was counted in ends with [`Tenants::leave`].
    pub(crate) fn enter(
        &self,
        tenant: &str,
        limits: TenantLimits,
        now_ms: u64,
    ) -> Option<Result<Key, Over>> {
        let [high, low] = [&self.seeds[0], &self.seeds[1]].map(|seed| seed.hash_one(tenant));
        let key = u128::from(high) << 64 | u128::from(low);
        self.shard(Key(key)).enter(key, limits, now_ms).map(|entered| entered.map(|()| Key(key)))
    }

    /// A request of the tenant has ended.
    pub(crate) fn leave(&self, key: Key) {
        if let Some(active) = self.shard(key).active.get_mut(&key.0) {
            active.in_flight = active.in_flight.saturating_sub(1);
        }
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(key.0 % SHARDS as u128) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn enter(&mut self, key: u128, limits: TenantLimits, now_ms: u64) -> Option<Result<(), Over>> {
        if self.active.len() >= MOST && !self.active.contains_key(&key) {
            self.sweep(now_ms);
            if self.active.len() >= MOST {
                return None;
            }
        }
        let fresh = Active { in_flight: 0, from_ms: now_ms, count: 0 };
        let active = self.active.entry(key).or_insert(fresh);
        if limits.in_flight.is_some_and(|limit| active.in_flight >= limit) {
            return Some(Err(Over::InFlight));
        }
        if now_ms >= active.from_ms.saturating_add(WINDOW_MS) {
            (active.from_ms, active.count) = (now_ms, 0);
        }
        if limits.rate.is_some_and(|limit| active.count >= limit) {
            return Some(Err(Over::Rate));
        }
        active.count = active.count.saturating_add(1);
        active.in_flight = active.in_flight.saturating_add(1);
        Some(Ok(()))
    }

    fn sweep(&mut self, now_ms: u64) {
        if now_ms < self.swept_ms.saturating_add(SWEEP_MS) {
            return;
        }
        self.swept_ms = now_ms;
        self.active.retain(|_, active| {
            active.in_flight > 0 || now_ms < active.from_ms.saturating_add(WINDOW_MS)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Over, SHARDS, Tenants};
    use proptest::prelude::*;
    use stagegate_settings::TenantLimits;

    const LIMITS: TenantLimits = TenantLimits { rate: Some(10), in_flight: Some(3) };

    #[test]
    fn a_tenant_is_refused_for_what_it_does_itself() {
        let tenants = Tenants::default();
        let keys: Vec<_> = (0..3).map(|_| tenants.enter("a", LIMITS, 0)).collect();
        assert!(keys.iter().all(|entered| matches!(entered, Some(Ok(_)))));
        assert_eq!(tenants.enter("a", LIMITS, 0), Some(Err(Over::InFlight)));
        assert!(matches!(tenants.enter("b", LIMITS, 0), Some(Ok(_))));
        keys.into_iter().flatten().flatten().for_each(|key| tenants.leave(key));
        for _ in 3..10 {
            let key = tenants.enter("a", LIMITS, 999).expect("room").expect("within its limits");
            tenants.leave(key);
        }
        assert_eq!(tenants.enter("a", LIMITS, 999), Some(Err(Over::Rate)));
        assert!(matches!(tenants.enter("a", LIMITS, 1000), Some(Ok(_))), "another second");
    }

    #[test]
    fn memory_is_bounded_and_who_is_active_stays() {
        let tenants = Tenants::default();
        let busy = tenants.enter("busy", LIMITS, 0).expect("room").expect("within its limits");
        let (mut room, mut none) = (0, 0);
        for n in 0..200_000_u64 {
            match tenants.enter(&format!("t-{n}"), LIMITS, 0) {
                Some(entered) => {
                    room += 1;
                    tenants.leave(entered.expect("its first request"));
                }
                None => none += 1,
            }
        }
        assert!(room < SHARDS * MOST && none > 0, "{room}");
        for _ in 0..2 {
            assert!(matches!(tenants.enter("busy", LIMITS, 500), Some(Ok(_))));
        }
        assert_eq!(tenants.enter("busy", LIMITS, 500), Some(Err(Over::InFlight)));
        // The others were not seen for a second, and make room.
        assert!((0..1000).all(|n| tenants.enter(&format!("u-{n}"), LIMITS, 2000).is_some()));
        assert_eq!(tenants.enter("busy", LIMITS, 2000), Some(Err(Over::InFlight)));
        tenants.leave(busy);
        assert!(matches!(tenants.enter("busy", LIMITS, 2000), Some(Ok(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        /// Whatever ten thousand others do, a tenant within its limits is served.
        #[test]
        fn an_innocent_tenant_is_never_refused(name in "[a-z]{1,12}", others in 0..10_000_u32) {
            let tenants = Tenants::default();
            for n in 0..others {
                let _ = tenants.enter(&format!("other {n}"), LIMITS, 0);
            }
            let entered = tenants.enter(&name, LIMITS, 0);
            prop_assert!(matches!(entered, Some(Ok(_))));
        }
    }
}
