//! The steering lease: which replica judges gates, runs timers and sends notifications.
//!
//! The lease is one message on the ledger's servers, replaced by compare-and-set. Its holder may act
//! for a part of the lease after it has sent a renewal that succeeded. Another replica takes the lease
//! when it has seen no renewal for the whole lease by its own clock, or when its holder gave it back. A
//! new holder first appends an entry
//! with its term. So what a former holder decided before cannot be appended any more: it names an
//! older entry.

use crate::{Moment, ReplicaName, Rules};

/// The lease as it is on the ledger's servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Number of the message; 0 if there is none yet.
    pub revision: u64,
    /// The term.
    pub term: u64,
    /// The replica that has it; none if it was given back, or nobody ever had it.
    pub holder: Option<ReplicaName>,
}

/// What is to be done for the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadEffect {
    /// Read the lease.
    Look,
    /// Write the lease with this term, if its revision is still `revision`.
    Claim {
        /// The expected revision.
        revision: u64,
        /// The term to write.
        term: u64,
    },
    /// Append an entry with this term; until it is there, this replica does not steer.
    Announce {
        /// The term.
        term: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    Watching,
    Holding { term: u64, until: Moment, announced: bool },
}

/// This replica's part in steering.
#[derive(Clone, Debug)]
pub struct Lead {
    name: ReplicaName,
    rules: Rules,
    role: Role,
    /// The newest lease that was seen, and when it was seen first.
    seen: Option<(Seen, Moment)>,
    /// When the question that is under way was sent.
    asked: Option<Moment>,
    next: Moment,
}

impl Lead {
    /// Watches the lease.
    #[must_use]
    pub const fn new(name: ReplicaName, rules: Rules, now: Moment) -> Self {
        Self { name, rules, role: Role::Watching, seen: None, asked: None, next: now }
    }

    /// The term in which this replica may act at `now`.
    #[must_use]
    pub fn steers(&self, now: Moment) -> Option<u64> {
        match self.role {
            Role::Holding { term, until, announced: true } if now < until => Some(term),
            _ => None,
        }
    }

    /// Returns true if this replica has the lease of this term at `now`, announced or not.
    #[must_use]
    pub fn holds(&self, term: u64, now: Moment) -> bool {
        matches!(self.role, Role::Holding { term: held, until, .. } if held == term && now < until)
    }

    /// The replica that has the lease and its term, unless nobody has renewed it for the whole lease.
    #[must_use]
    pub fn leads(&self, now: Moment) -> Option<(&ReplicaName, u64)> {
        let (_, since) = self.seen.as_ref()?;
        self.holder().filter(|_| now < *since + self.rules.lease)
    }

    /// Gives the lease back, if this replica has it: the revision to replace and its term. It does not
    /// steer any more.
    pub fn give_back(&mut self, now: Moment) -> Option<(u64, u64)> {
        let Role::Holding { term, until, .. } = self.role else { return None };
        self.role = Role::Watching;
        let (seen, _) = self.seen.take()?;
        (now < until).then_some((seen.revision, term))
    }

    /// The replica that steers, as far as is known.
    #[must_use]
    pub fn holder(&self) -> Option<(&ReplicaName, u64)> {
        let (seen, _) = self.seen.as_ref()?;
        Some((seen.holder.as_ref()?, seen.term))
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Moment) -> Vec<LeadEffect> {
        if let Role::Holding { until, .. } = self.role
            && now >= until
        {
            self.role = Role::Watching;
        }
        if self.asked.is_some_and(|asked| now >= asked + self.rules.patience) {
            self.asked = None;
        }
        if self.asked.is_some() || now < self.next {
            return Vec::new();
        }
        self.asked = Some(now);
        self.next = now + self.rules.lease_every;
        let Some((seen, since)) = &self.seen else { return vec![LeadEffect::Look] };
        let effect = match self.role {
            Role::Holding { term, .. } => LeadEffect::Claim { revision: seen.revision, term },
            Role::Watching if seen.holder.is_none() || now >= *since + self.rules.lease => {
                LeadEffect::Claim { revision: seen.revision, term: seen.term + 1 }
            }
            Role::Watching => LeadEffect::Look,
        };
        vec![effect]
    }

    /// The lease was read, or its holder said that it has it.
    pub fn seen(&mut self, seen: Seen, now: Moment) {
        self.asked = None;
        let known = self.seen.as_ref().map_or(0, |(known, _)| known.revision);
        let is_first = self.seen.is_none();
        if seen.revision <= known && !is_first {
            return;
        }
        let is_mine = seen.holder.as_ref() == Some(&self.name);
        if !is_mine {
            self.role = Role::Watching;
        }
        self.seen = Some((seen, now));
    }

    /// The claim that was sent at `asked` has succeeded.
    pub fn claimed(
        &mut self,
        asked: Moment,
        revision: u64,
        term: u64,
        now: Moment,
    ) -> Vec<LeadEffect> {
        self.asked = None;
        let known = self.seen.as_ref().map_or(0, |(known, _)| known.revision);
        if revision <= known {
            return Vec::new();
        }
        self.seen = Some((Seen { revision, term, holder: Some(self.name.clone()) }, now));
        // It acts for a part of the lease only, so that clocks may differ in speed.
        let until = asked + self.rules.lease / 5 * 4;
        let announced =
            matches!(self.role, Role::Holding { term: held, announced: true, .. } if held == term);
        self.role = Role::Holding { term, until, announced };
        if announced { Vec::new() } else { vec![LeadEffect::Announce { term }] }
    }

    /// The claim was refused: somebody else has written the lease.
    pub fn refused(&mut self) {
        self.asked = None;
        self.role = Role::Watching;
        // The next question is a look.
        self.seen = None;
    }

    /// The entry with `term` is in the ledger and was applied here.
    pub fn announced(&mut self, term: u64) {
        if let Role::Holding { term: held, announced, .. } = &mut self.role
            && *held == term
        {
            *announced = true;
        }
    }

    /// An entry of a later term was applied: somebody else steers.
    pub fn deposed(&mut self, term: u64) {
        if let Role::Holding { term: held, .. } = self.role
            && held < term
        {
            self.role = Role::Watching;
        }
    }

    /// The announcement could not be appended: it is due again.
    pub fn announce_again(&self) -> Vec<LeadEffect> {
        match self.role {
            Role::Holding { term, announced: false, .. } => vec![LeadEffect::Announce { term }],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lead, LeadEffect, Seen};
    use crate::Rules;
    use std::time::Duration;

    const fn s(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn lead(name: &str) -> Lead {
        Lead::new(name.parse().unwrap(), Rules::of(s(3)), s(0))
    }

    #[test]
    fn a_lease_that_nobody_renews_is_taken_and_announced_before_it_counts() {
        let mut lead = lead("b");
        assert_eq!(lead.tick(s(0)), [LeadEffect::Look]);
        let held = Seen { revision: 4, term: 2, holder: Some("a".parse().unwrap()) };
        lead.seen(held, s(0));
        for now in 1..5 {
            assert_eq!(lead.tick(s(now)), [LeadEffect::Look]);
            lead.seen(Seen { revision: 4, term: 2, holder: Some("a".parse().unwrap()) }, s(now));
        }
        assert_eq!(lead.tick(s(5)), [LeadEffect::Claim { revision: 4, term: 3 }]);
        assert_eq!(lead.claimed(s(5), 5, 3, s(5)), [LeadEffect::Announce { term: 3 }]);
        assert_eq!(lead.steers(s(5)), None, "its term is not in the ledger yet");
        lead.announced(3);
        assert_eq!(lead.steers(s(8)), Some(3));
        assert_eq!(lead.tick(s(6)), [LeadEffect::Claim { revision: 5, term: 3 }]);
        assert!(lead.claimed(s(6), 6, 3, s(6)).is_empty());
        assert_eq!(lead.steers(s(6) + s(4)), None, "nothing was renewed for most of the lease");
    }

    #[test]
    fn a_renewal_seen_in_time_keeps_the_others_waiting() {
        let mut lead = lead("b");
        for now in 0..20 {
            assert_eq!(lead.tick(s(now)), [LeadEffect::Look]);
            let holder = Some("a".parse().unwrap());
            lead.seen(Seen { revision: now + 1, term: 2, holder }, s(now));
            assert_eq!(lead.leads(s(now)).unwrap().1, 2);
        }
        assert_eq!(lead.leads(s(19) + s(5)), None, "nobody renews it any more");
    }

    #[test]
    fn a_lease_that_was_given_back_is_taken_at_once() {
        let mut held = lead("a");
        held.seen(Seen { revision: 0, term: 0, holder: None }, s(0));
        assert_eq!(held.tick(s(1)), [LeadEffect::Claim { revision: 0, term: 1 }]);
        held.claimed(s(1), 7, 1, s(1));
        assert!(held.holds(1, s(2)) && held.steers(s(2)).is_none());
        held.announced(1);
        assert_eq!(held.give_back(s(2)), Some((7, 1)));
        assert_eq!((held.steers(s(2)), held.give_back(s(2))), (None, None));
        let mut next = lead("b");
        next.seen(Seen { revision: 8, term: 1, holder: None }, s(2));
        assert_eq!(next.tick(s(2)), [LeadEffect::Claim { revision: 8, term: 2 }]);
    }

    #[test]
    fn whoever_is_refused_or_deposed_stops_at_once() {
        let mut lead = lead("a");
        lead.seen(Seen { revision: 0, term: 0, holder: None }, s(0));
        assert_eq!(lead.tick(s(5)), [LeadEffect::Claim { revision: 0, term: 1 }]);
        lead.claimed(s(5), 1, 1, s(5));
        lead.announced(1);
        assert_eq!(lead.steers(s(5)), Some(1));
        let mut paused = lead.clone();
        paused.deposed(2);
        assert_eq!(paused.steers(s(5)), None);
        lead.refused();
        assert_eq!(lead.steers(s(5)), None);
        assert_eq!(lead.tick(s(9)), [LeadEffect::Look]);
    }
}
