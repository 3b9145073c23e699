//! Following the ledger: entries are applied in order, none is left out, none comes twice.

use crate::Place;

/// The last entry that was applied, and the rule for the next one.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    applied: Place,
}

/// What an offered entry is to a follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The next one: apply it.
    Next,
    /// It was applied before.
    Known,
    /// Entries before it are missing: fetch them first.
    Gap,
    /// It contradicts what was applied.
    Breach(Breach),
}

/// The ledger contradicts what this replica has applied: it lost entries, or it is another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// Another entry stands where this replica has applied one.
    #[error("the ledger has another entry {number} than this replica has applied")]
    Forked {
        /// Number of the entry.
        number: u64,
    },
    /// The ledger ends before the last entry that this replica has applied.
    #[error("the ledger ends at entry {ledger}, but this replica has applied entry {applied}")]
    Shorter {
        /// Number of the ledger's last entry.
        ledger: u64,
        /// Number of the last entry that was applied.
        applied: u64,
    },
    /// The next entry has an older epoch.
    #[error("entry {number} has epoch {epoch}, but epoch {applied} was applied before")]
    EpochWentBack {
        /// Number of the entry.
        number: u64,
        /// Its epoch.
        epoch: u64,
        /// The newest epoch that was applied.
        applied: u64,
    },
}

impl Follower {
    /// Begins after the entry at `applied`.
    #[must_use]
    pub const fn new(applied: Place) -> Self {
        Self { applied }
    }

    /// The last entry that was applied.
    #[must_use]
    pub const fn applied(&self) -> Place {
        self.applied
    }

    /// Classifies an entry at `place` that follows an entry with the mark `before`.
    #[must_use]
    pub const fn offer(&self, place: Place, before: u64) -> Offer {
        let applied = self.applied;
        if place.number < applied.number {
            return Offer::Known;
        }
        if place.number == applied.number {
            return if place.mark == applied.mark {
                Offer::Known
            } else {
                Offer::Breach(Breach::Forked { number: place.number })
            };
        }
        if place.number > applied.number + 1 {
            return Offer::Gap;
        }
        if before != applied.mark {
            return Offer::Breach(Breach::Forked { number: applied.number });
        }
        if place.epoch < applied.epoch {
            return Offer::Breach(Breach::EpochWentBack {
                number: place.number,
                epoch: place.epoch,
                applied: applied.epoch,
            });
        }
        Offer::Next
    }

    /// Compares the ledger's newest entry with what was applied.
    ///
    /// # Errors
    /// A [`Breach`] if the ledger does not contain what was applied.
    pub const fn compare(&self, newest: Place) -> Result<(), Breach> {
        let applied = self.applied;
        if newest.number < applied.number {
            return Err(Breach::Shorter { ledger: newest.number, applied: applied.number });
        }
        if newest.number == applied.number && newest.mark != applied.mark {
            return Err(Breach::Forked { number: applied.number });
        }
        Ok(())
    }

    /// Notes that the entry at `place` was applied. An entry that is not the next one changes
    /// nothing.
    pub const fn advance(&mut self, place: Place) {
        if place.number == self.applied.number + 1 && place.epoch >= self.applied.epoch {
            self.applied = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breach, Follower, Offer};
    use crate::Place;

    const fn at(number: u64, epoch: u64, mark: u64) -> Place {
        Place { number, position: number * 10, epoch, mark }
    }

    #[test]
    fn entries_are_applied_once_and_in_order() {
        let mut follower = Follower::new(at(4, 2, 44));
        assert_eq!(follower.offer(at(3, 2, 33), 22), Offer::Known);
        assert_eq!(follower.offer(at(4, 2, 44), 33), Offer::Known);
        assert_eq!(follower.offer(at(6, 3, 66), 55), Offer::Gap);
        assert_eq!(follower.offer(at(5, 3, 55), 44), Offer::Next);
        follower.advance(at(6, 3, 66));
        assert_eq!(follower.applied().number, 4, "an entry that is not the next changes nothing");
        follower.advance(at(5, 3, 55));
        assert_eq!(follower.offer(at(5, 3, 55), 44), Offer::Known);
    }

    #[test]
    fn a_ledger_that_lost_or_changed_entries_is_noticed() {
        let follower = Follower::new(at(4, 2, 44));
        let forked = Offer::Breach(Breach::Forked { number: 4 });
        assert_eq!(follower.offer(at(4, 2, 45), 33), forked);
        assert_eq!(follower.offer(at(5, 2, 55), 45), forked);
        let back = Breach::EpochWentBack { number: 5, epoch: 1, applied: 2 };
        assert_eq!(follower.offer(at(5, 1, 55), 44), Offer::Breach(back));
        let shorter = Breach::Shorter { ledger: 3, applied: 4 };
        assert_eq!(follower.compare(at(3, 2, 33)), Err(shorter));
        assert_eq!(follower.compare(at(4, 2, 40)), Err(Breach::Forked { number: 4 }));
        assert_eq!(follower.compare(at(9, 4, 99)), Ok(()));
    }
}
