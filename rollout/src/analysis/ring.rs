//! The last quarter of an hour, in slots of ten seconds.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Length of a slot in milliseconds.
pub(super) const SLOT_MS: u64 = 10_000;
/// The number of slots there are.
const SLOTS: u64 = 90;
/// The longest window there is, in milliseconds.
pub(super) const LONGEST_MS: u64 = SLOT_MS * SLOTS;

/// A sum.
pub(super) trait Add: Default {
    fn add(&mut self, other: &Self);
}

/// Slots with something in them, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ring<T> {
    slots: VecDeque<(u64, T)>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { slots: VecDeque::new() }
    }
}

impl<T: Add> Ring<T> {
    /// Adds to the slot of `at_ms`; `expired` gets what is too old now.
    pub(super) fn add(&mut self, at_ms: u64, counted: &T, mut expired: impl FnMut(T)) {
        // A clock that was set back counts into the newest slot.
        let newest = self.slots.back().map_or(0, |(number, _)| *number);
        let number = (at_ms / SLOT_MS).max(newest);
        while self.slots.front().is_some_and(|(oldest, _)| oldest + SLOTS <= number) {
            if let Some((_, old)) = self.slots.pop_front() {
                expired(old);
            }
        }
        match self.slots.back_mut() {
            Some((last, slot)) if *last == number => slot.add(counted),
            _ => {
                let mut slot = T::default();
                slot.add(counted);
                self.slots.push_back((number, slot));
            }
        }
    }

    /// The sum of the slots that lie within the last `window_ms` before `at_ms`, the one that is
    /// being filled and the one that begins the window included.
    pub(super) fn last(&self, at_ms: u64, window_ms: u64) -> T {
        let first = at_ms.saturating_sub(window_ms) / SLOT_MS;
        let mut sum = T::default();
        for (_, slot) in self.slots.iter().rev().take_while(|(number, _)| *number >= first) {
            sum.add(slot);
        }
        sum
    }

    /// The slots that lie within the last `window_ms` before `at_ms`, newest first.
    pub(super) fn slots(&self, at_ms: u64, window_ms: u64) -> impl Iterator<Item = &T> {
        let first = at_ms.saturating_sub(window_ms) / SLOT_MS;
        let within = self.slots.iter().rev().take_while(move |(number, _)| *number >= first);
        within.map(|(_, slot)| slot)
    }

    /// The sum over the shortest window of at least `least_ms` for which `enough` holds, or over
    /// `most_ms` if it holds for none.
    pub(super) fn shortest(
        &self,
        at_ms: u64,
        least_ms: u64,
        most_ms: u64,
        enough: impl Fn(&T) -> bool,
    ) -> T {
        let (near, far) = (at_ms.saturating_sub(least_ms), at_ms.saturating_sub(most_ms));
        let (near, far) = (near / SLOT_MS, far / SLOT_MS);
        let mut sum = T::default();
        for (number, slot) in self.slots.iter().rev() {
            let may_end = *number < near && enough(&sum);
            if *number < far || may_end {
                break;
            }
            sum.add(slot);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::{Add, LONGEST_MS, Ring, SLOT_MS};

    impl Add for u64 {
        fn add(&mut self, other: &Self) {
            *self += other;
        }
    }

    #[test]
    fn keeps_a_quarter_of_an_hour_and_hands_out_what_is_older() {
        let mut ring = Ring::default();
        let mut old = 0;
        for second in 0..2000u64 {
            ring.add(second * 1000, &1, |slot: u64| old += slot);
        }
        assert_eq!(ring.last(1_999_000, LONGEST_MS) + old, 2000);
        assert_eq!(ring.last(1_999_000, 0), 10, "the slot that is being filled");
        assert_eq!(ring.last(1_999_000, SLOT_MS), 20);
    }

    #[test]
    fn the_shortest_window_grows_until_there_is_enough() {
        let mut ring = Ring::default();
        for second in 0..600u64 {
            ring.add(second * 1000, &1, |_| {});
        }
        let sum = |least, enough: u64| ring.shortest(599_000, least, 300_000, |sum| *sum >= enough);
        assert_eq!(sum(60_000, 0), 70);
        assert_eq!(sum(60_000, 100), 100);
        assert_eq!(sum(60_000, 5000), 310, "never longer than the longest");
    }

    #[test]
    fn time_in_which_nothing_is_added_ages_what_is_there() {
        let mut ring = Ring::default();
        ring.add(0, &7, |_| {});
        assert_eq!(ring.last(120_000, 60_000), 0);
        assert_eq!(ring.last(120_000, 120_000), 7);
    }
}
