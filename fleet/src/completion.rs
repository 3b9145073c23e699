//! What became of a change on each replica.

use crate::{Moment, OnStale, Place, ReplicaName, Rules};
use std::collections::BTreeMap;
use std::time::Duration;

/// A replica of the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it does when it is not fresh.
    pub on_stale: OnStale,
}

/// What is known of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its workers follow the change; how long after the commit that was known.
    Acked(Duration),
    /// It cannot have proven its freshness since the commit, so it has closed its candidates.
    Fenced,
    /// Neither can be shown yet.
    Unknown,
}

/// The standings of all replicas at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Each replica with what is known of it.
    pub replicas: Vec<(ReplicaName, Standing)>,
    /// True if the roster is known and no replica is unknown.
    pub complete: bool,
}

/// Follows one change until every replica has acknowledged it or is fenced.
///
/// The roster is the set of replicas that have proven their freshness before the commit. Renewals
/// and entries are in one order, so a roster that was read after the commit has every replica that
/// may serve an older plan.
#[derive(Clone, Debug)]
pub struct Completion {
    place: Place,
    committed: Moment,
    rules: Rules,
    roster: Option<BTreeMap<ReplicaName, Member>>,
    acks: BTreeMap<ReplicaName, Duration>,
}

impl Completion {
    /// Begins to follow the entry at `place`, whose commit was known at `committed`.
    #[must_use]
    pub const fn new(place: Place, committed: Moment, rules: Rules) -> Self {
        Self { place, committed, rules, roster: None, acks: BTreeMap::new() }
    }

    /// The place of the change.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Returns true if the roster is known.
    #[must_use]
    pub const fn has_roster(&self) -> bool {
        self.roster.is_some()
    }

    /// Takes in the roster as it was when the ledger's servers had given out the number `as_of`.
    /// Returns false if that was before the commit: the roster may miss somebody.
    pub fn roster(&mut self, as_of: u64, members: BTreeMap<ReplicaName, Member>) -> bool {
        if as_of < self.place.position {
            return false;
        }
        self.roster = Some(members);
        true
    }

    /// Takes in that the workers of `replica` follow the entry at `place`, or a later one.
    pub fn ack(&mut self, replica: ReplicaName, place: Place, now: Moment) {
        if place.number >= self.place.number {
            let after = now.saturating_sub(self.committed);
            self.acks.entry(replica).or_insert(after);
        }
    }

    /// What is known of a replica at `now`.
    #[must_use]
    pub fn standing(&self, replica: &ReplicaName, member: Member, now: Moment) -> Standing {
        if let Some(after) = self.acks.get(replica) {
            return Standing::Acked(*after);
        }
        let is_over = now >= self.rules.fenced_by(self.committed);
        if is_over && member.on_stale == OnStale::Stable {
            Standing::Fenced
        } else {
            Standing::Unknown
        }
    }

    /// What is known of all replicas at `now`. Without a roster it names those that acknowledged.
    #[must_use]
    pub fn summary(&self, now: Moment) -> Summary {
        let Some(roster) = &self.roster else {
            let acked = self.acks.iter();
            let replicas = acked.map(|(name, &after)| (name.clone(), Standing::Acked(after)));
            return Summary { replicas: replicas.collect(), complete: false };
        };
        let standing = |(name, &member): (&ReplicaName, &Member)| {
            (name.clone(), self.standing(name, member, now))
        };
        let replicas: Vec<_> = roster.iter().map(standing).collect();
        let complete = replicas.iter().all(|(_, standing)| *standing != Standing::Unknown);
        Summary { replicas, complete }
    }

    /// When waiting for more makes no sense: whoever is unknown then stays unknown.
    #[must_use]
    pub fn ends_at(&self) -> Moment {
        self.rules.fenced_by(self.committed)
    }
}

impl Summary {
    /// Replicas that acknowledged.
    #[must_use]
    pub fn acked(&self) -> usize {
        self.replicas.iter().filter(|(_, it)| matches!(it, Standing::Acked(_))).count()
    }

    /// The replica that acknowledged last, and when.
    #[must_use]
    pub fn slowest(&self) -> Option<(&ReplicaName, Duration)> {
        let acked = self.replicas.iter().filter_map(|(name, standing)| match standing {
            Standing::Acked(after) => Some((name, *after)),
            _ => None,
        });
        acked.max_by_key(|(_, after)| *after)
    }

    /// Replicas that stand as `wanted`: fenced or unknown.
    #[must_use]
    pub fn of(&self, wanted: Standing) -> Vec<&ReplicaName> {
        let same = self.replicas.iter().filter(|(_, standing)| *standing == wanted);
        same.map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Completion, Member, Standing};
    use crate::{OnStale, Place, ReplicaName, Rules};
    use std::time::Duration;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn name(text: &str) -> ReplicaName {
        text.parse().unwrap()
    }

    const PLACE: Place = Place { number: 7, position: 70, epoch: 5, mark: 1 };
    const CLOSES: Member = Member { on_stale: OnStale::Stable };
    const HOLDS: Member = Member { on_stale: OnStale::Hold };

    #[test]
    fn a_change_is_complete_without_unknown_replicas_only() {
        let rules = Rules::of(ms(3000));
        let mut change = Completion::new(PLACE, ms(1000), rules);
        change.ack(name("a"), PLACE, ms(1020));
        assert!(!change.summary(ms(60_000)).complete, "nobody knows who else there is");
        let roster = [(name("a"), CLOSES), (name("b"), CLOSES)];
        assert!(!change.roster(69, roster.clone().into()), "read before the commit");
        assert!(change.roster(70, roster.into()));
        assert!(!change.summary(ms(1050)).complete);
        assert_eq!(change.summary(ms(1050)).of(Standing::Unknown), [&name("b")]);
        let older = Place { number: 6, ..PLACE };
        change.ack(name("b"), older, ms(1060));
        assert!(!change.summary(ms(1060)).complete, "an older entry is no acknowledgement");
        let later = Place { number: 9, ..PLACE };
        change.ack(name("b"), later, ms(1070));
        let done = change.summary(ms(1070));
        assert!(done.complete && done.acked() == 2);
        assert_eq!(done.slowest(), Some((&name("b"), ms(70))));
    }

    #[test]
    fn silence_fences_a_replica_that_closes_by_itself_and_no_other() {
        let rules = Rules::of(ms(3000));
        let mut change = Completion::new(PLACE, ms(1000), rules);
        change.roster(71, [(name("a"), CLOSES), (name("b"), HOLDS)].into());
        let end = change.ends_at();
        assert!(end <= ms(1000 + 4000), "a partitioned replica costs T + 1 s: {end:?}");
        assert_eq!(change.summary(end - ms(1)).of(Standing::Unknown).len(), 2);
        let after = change.summary(end);
        assert_eq!(after.of(Standing::Fenced), [&name("a")]);
        assert_eq!(after.of(Standing::Unknown), [&name("b")]);
        assert!(!after.complete, "a replica that holds its plan must acknowledge");
    }
}
