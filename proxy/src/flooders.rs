//! Clients whose HTTP/2 connections are ended for a flood and that come again.
//!
//! Each connection has a budget of its own, so a client could go on by opening the next one. The next
//! HTTP/2 connections from its address begin after a pause, which grows with every flood. Nobody is
//! turned away: neighbours behind the same address wait for a moment when they connect, and what is
//! connected already, or speaks HTTP/1.1, does not wait.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

/// Floods of an address that cost nothing: a broken client is no attack.
const FORGIVEN: u32 = 2;
/// The first pause; each further flood doubles it.
const FIRST_MS: u64 = 50;
/// The longest pause.
const LONGEST_MS: u64 = 3_000;
/// An address without floods for so long begins anew.
const FORGOTTEN_MS: u64 = 60_000;
/// Most addresses that are remembered by one worker.
const MOST: usize = 1_024;

/// What one worker remembers.
#[derive(Debug, Default)]
pub(crate) struct Flooders(RefCell<HashMap<Box<str>, Floods>>);

#[derive(Clone, Copy, Debug)]
struct Floods {
    count: u32,
    last_ms: u64,
}

impl Floods {
    fn is_over(self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.last_ms) >= FORGOTTEN_MS
    }
}

impl Flooders {
    /// A connection of `peer` was ended for a flood.
    pub(crate) fn note(&self, peer: &str, now_ms: u64) {
        let mut all = self.0.borrow_mut();
        if all.len() >= MOST && !all.contains_key(peer) {
            all.retain(|_, floods| !floods.is_over(now_ms));
            if all.len() >= MOST {
                // More addresses at once than are told apart: each connection still has its budget.
                return;
            }
        }
        let floods = all.entry(peer.into()).or_insert(Floods { count: 0, last_ms: now_ms });
        if floods.is_over(now_ms) {
            floods.count = 0;
        }
        *floods = Floods { count: floods.count.saturating_add(1), last_ms: now_ms };
    }

    /// The pause before a new HTTP/2 connection of `peer` is served.
    pub(crate) fn pause(&self, peer: &str, now_ms: u64) -> Duration {
        let all = self.0.borrow();
        let floods = all.get(peer).filter(|floods| !floods.is_over(now_ms));
        let beyond = floods.map_or(0, |floods| floods.count.saturating_sub(FORGIVEN));
        let Some(doublings) = beyond.checked_sub(1) else { return Duration::ZERO };
        Duration::from_millis((FIRST_MS << doublings.min(16)).min(LONGEST_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::{FORGOTTEN_MS, Flooders, LONGEST_MS, MOST};
    use std::time::Duration;

    #[test]
    fn a_flooder_waits_longer_each_time_and_its_neighbours_do_not() {
        let flooders = Flooders::default();
        let pause = |now_ms| flooders.pause("10.0.0.1", now_ms).as_millis() as u64;
        let pauses: Vec<u64> = (0..70)
            .map(|n| {
                flooders.note("10.0.0.1", n);
                pause(n)
            })
            .collect();
        assert_eq!(pauses[..6], [0, 0, 50, 100, 200, 400]);
        assert!(pauses.is_sorted() && pauses[69] == LONGEST_MS, "{pauses:?}");
        assert_eq!(flooders.pause("10.0.0.2", 70), Duration::ZERO);
        assert_eq!(pause(FORGOTTEN_MS + 69), 0);
        flooders.note("10.0.0.1", FORGOTTEN_MS + 69);
        assert_eq!(pause(FORGOTTEN_MS + 70), 0, "it begins anew");
    }

    #[test]
    fn so_many_addresses_are_remembered() {
        let flooders = Flooders::default();
        for n in 0..5 * MOST {
            flooders.note(&n.to_string(), 0);
        }
        assert_eq!(flooders.0.borrow().len(), MOST);
        flooders.note("late", FORGOTTEN_MS);
        assert_eq!(flooders.0.borrow().len(), 1, "the others are forgotten");
    }
}
