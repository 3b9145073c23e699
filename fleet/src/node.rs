//! One replica: follows the ledger, proves its freshness, acknowledges.
//!
//! The host gives it answers and the time, and carries out the effects it returns.

use crate::{Breach, Follower, Freshness, Moment, Offer, Place, ReplicaName, Rules};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<B> {
    /// Its place.
    pub place: Place,
    /// The mark of the entry before it.
    pub before: u64,
    /// The term of the replica that steered, if it appended the entry by itself.
    pub term: Option<u64>,
    /// Where acknowledgements go, if somebody waits for them.
    pub ack_to: Option<Arc<str>>,
    /// The change.
    pub body: B,
}

/// What has happened.
#[derive(Clone, Debug)]
pub enum Input<B> {
    /// Nothing but time.
    Tick,
    /// The renewal that was sent at `asked` and named `claimed` was committed: that was the newest
    /// entry then.
    Renewed {
        /// When it was sent.
        asked: Moment,
        /// The place that it named.
        claimed: Place,
    },
    /// A renewal was refused: the newest entry is another one.
    Superseded,
    /// An entry, as news or as an answer to a fetch. News may be late, repeated or missing.
    Offered(Entry<B>),
    /// A fetch has ended; there is nothing after the last offered entry.
    Fetched,
    /// The newest entry as the ledger's servers say. Proves nothing, but shows a breach.
    Newest(Place),
    /// All workers follow the entry at this place.
    Settled(Place),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<B> {
    /// Write a renewal that is committed only if the newest entry is at `claim`.
    Renew {
        /// The place to name.
        claim: Place,
    },
    /// Fetch the entries after this place, and offer each.
    Fetch {
        /// The last known place.
        after: Place,
    },
    /// Store the entry, publish its plan, and report when all workers follow.
    Apply(Entry<B>),
    /// Acknowledge `place` to who waits for it.
    Ack {
        /// The address.
        to: Arc<str>,
        /// The place that all workers follow.
        place: Place,
    },
    /// The candidates close: freshness has ended.
    Close,
    /// The candidates are as the ledger says again.
    Open,
}

/// The protocol of one replica.
#[derive(Clone, Debug)]
pub struct Node {
    rules: Rules,
    follower: Follower,
    freshness: Freshness,
    /// The last place that all workers follow.
    settled: Place,
    /// When the renewal under way was sent.
    renewing: Option<Moment>,
    next_renewal: Moment,
    fetching: Option<Moment>,
    /// Who waits for which entry.
    awaited: BTreeMap<u64, Arc<str>>,
    is_open: bool,
    /// The last renewal was refused.
    superseded: bool,
    breach: Option<Breach>,
}

impl Node {
    /// Begins after the entry at `applied`, which its workers follow already. It is not fresh.
    #[must_use]
    pub fn new(name: &ReplicaName, rules: Rules, applied: Place, now: Moment) -> Self {
        // FNV-1a: the same spread on every machine.
        let luck = name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self {
            rules,
            follower: Follower::new(applied),
            freshness: Freshness::new(&rules, luck),
            settled: applied,
            renewing: None,
            next_renewal: now,
            fetching: None,
            awaited: BTreeMap::new(),
            is_open: false,
            superseded: false,
            breach: None,
        }
    }

    /// The last entry that was applied.
    #[must_use]
    pub const fn applied(&self) -> Place {
        self.follower.applied()
    }

    /// The last entry that all workers follow.
    #[must_use]
    pub const fn settled(&self) -> Place {
        self.settled
    }

    /// When the candidates close unless a renewal succeeds; none if they are closed. Workers compare
    /// it with their clock for every request: a process that was paused must not send one before
    /// anything else runs.
    #[must_use]
    pub fn closes_at(&self) -> Option<Moment> {
        self.freshness.closes_at()
    }

    /// When freshness ends.
    #[must_use]
    pub const fn fresh_until(&self) -> Option<Moment> {
        self.freshness.until()
    }

    /// Returns true if candidates may be open at `now`.
    #[must_use]
    pub fn may_serve(&self, now: Moment) -> bool {
        self.breach.is_none() && self.freshness.may_serve(now)
    }

    /// The contradiction between the ledger and this replica, if there is one. It ends freshness: a
    /// shorter ledger until a majority confirms the place again, another one for good.
    #[must_use]
    pub const fn breach(&self) -> Option<&Breach> {
        self.breach.as_ref()
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn wakes_at(&self) -> Moment {
        let over = |since: Option<Moment>| since.map(|since| since + self.rules.patience);
        let mut at = over(self.renewing).unwrap_or(self.next_renewal);
        if let Some(over) = over(self.fetching) {
            at = at.min(over);
        }
        if let Some(end) = self.freshness.closes_at().filter(|_| self.is_open) {
            at = at.min(end);
        }
        at
    }

    /// Takes in what has happened at `now`.
    pub fn step<B>(&mut self, now: Moment, input: Input<B>) -> Vec<Effect<B>> {
        let mut effects = Vec::new();
        match input {
            Input::Tick => {}
            Input::Renewed { asked, claimed } => self.renewed(asked, claimed),
            Input::Superseded => {
                self.renewing = None;
                // What was appended is fetched now, and named once all workers follow it.
                self.superseded = true;
                self.next_renewal = now + self.rules.renew_every / 8;
                self.fetch(now, &mut effects);
            }
            Input::Offered(entry) => self.offered(now, entry, &mut effects),
            Input::Fetched => self.fetching = None,
            Input::Newest(place) => {
                if let Err(breach) = self.follower.compare(place) {
                    self.broken(breach);
                } else if place.number > self.applied().number {
                    self.fetch(now, &mut effects);
                }
            }
            Input::Settled(place) => self.settled_at(now, place, &mut effects),
        }
        self.keep_up(now, &mut effects);
        effects
    }

    fn renewed(&mut self, asked: Moment, claimed: Place) {
        if self.renewing == Some(asked) {
            self.renewing = None;
        }
        // A majority has confirmed the place: whoever said that the ledger is shorter was behind.
        if matches!(self.breach, Some(Breach::Shorter { .. })) {
            self.breach = None;
        }
        // An answer of before a restart of this process names a place that was never settled here.
        if claimed.number <= self.settled.number && self.breach.is_none() {
            self.freshness.renew(asked);
        }
    }

    fn offered<B>(&mut self, now: Moment, entry: Entry<B>, effects: &mut Vec<Effect<B>>) {
        match self.follower.offer(entry.place, entry.before) {
            Offer::Known => {
                // Whoever asks again did not get the acknowledgement.
                if let Some(to) = entry.ack_to.filter(|_| entry.place.number <= self.settled.number)
                {
                    effects.push(Effect::Ack { to, place: self.settled });
                }
            }
            Offer::Gap => self.fetch(now, effects),
            Offer::Breach(breach) => self.broken(breach),
            Offer::Next => {
                self.follower.advance(entry.place);
                if let Some(to) = &entry.ack_to {
                    self.awaited.insert(entry.place.number, Arc::clone(to));
                }
                effects.push(Effect::Apply(entry));
            }
        }
    }

    fn settled_at<B>(&mut self, now: Moment, place: Place, effects: &mut Vec<Effect<B>>) {
        if place.number <= self.settled.number {
            return;
        }
        self.settled = place;
        let later = self.awaited.split_off(&(place.number + 1));
        for to in std::mem::replace(&mut self.awaited, later).into_values() {
            effects.push(Effect::Ack { to, place });
        }
        if self.superseded || !self.freshness.may_serve(now) {
            self.superseded = false;
            self.next_renewal = now;
        }
    }

    fn broken(&mut self, breach: Breach) {
        self.freshness.end();
        self.breach.get_or_insert(breach);
    }

    fn fetch<B>(&mut self, now: Moment, effects: &mut Vec<Effect<B>>) {
        let is_under_way = self.fetching.is_some_and(|since| now < since + self.rules.patience);
        if !is_under_way && self.breach.is_none() {
            self.fetching = Some(now);
            effects.push(Effect::Fetch { after: self.applied() });
        }
    }

    /// What is due at `now` whatever has happened.
    fn keep_up<B>(&mut self, now: Moment, effects: &mut Vec<Effect<B>>) {
        let may_serve = self.may_serve(now);
        if may_serve != self.is_open {
            self.is_open = may_serve;
            effects.push(if may_serve { Effect::Open } else { Effect::Close });
        }
        if self.breach.as_ref().is_some_and(|it| !matches!(it, Breach::Shorter { .. })) {
            // Nothing that this replica says is of use any more.
            self.next_renewal = now + self.rules.renew_every;
            return;
        }
        if self.fetching.is_some_and(|since| now >= since + self.rules.patience) {
            self.fetching = None;
            self.fetch(now, effects);
        }
        if self.renewing.is_some_and(|asked| now >= asked + self.rules.patience) {
            self.renewing = None;
        }
        // Only what all workers follow is named: another worker may still send by an older plan.
        let is_behind = self.settled.number < self.applied().number;
        if self.renewing.is_none() && now >= self.next_renewal && !is_behind {
            self.renewing = Some(now);
            self.next_renewal = now + self.rules.renew_every;
            effects.push(Effect::Renew { claim: self.settled });
        } else if now >= self.next_renewal {
            self.next_renewal = now + self.rules.renew_every / 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Entry, Input, Node};
    use crate::{Breach, Place, Rules};
    use std::time::Duration;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    const fn at(number: u64) -> Place {
        Place { number, position: number * 10, epoch: number, mark: number * 11 }
    }

    fn entry(number: u64) -> Entry<()> {
        let ack_to = Some("inbox".into());
        Entry { place: at(number), before: at(number - 1).mark, term: None, ack_to, body: () }
    }

    fn node(applied: u64) -> Node {
        Node::new(&"a".parse().unwrap(), Rules::of(ms(3000)), at(applied), ms(0))
    }

    #[test]
    fn a_replica_opens_when_a_majority_confirmed_its_place_and_closes_without() {
        let mut node = node(4);
        assert_eq!(node.step::<()>(ms(0), Input::Tick), [Effect::Renew { claim: at(4) }]);
        assert!(!node.may_serve(ms(5)));
        let opened = node.step::<()>(ms(10), Input::Renewed { asked: ms(0), claimed: at(4) });
        assert_eq!(opened, [Effect::Open]);
        assert_eq!(node.wakes_at(), ms(750));
        assert_eq!(node.step::<()>(ms(750), Input::Tick), [Effect::Renew { claim: at(4) }]);
        let end = node.closes_at().unwrap();
        assert!(node.may_serve(end - ms(1)) && !node.may_serve(end));
        assert!(node.step::<()>(end, Input::Tick).contains(&Effect::Close));
    }

    #[test]
    fn a_refused_renewal_fetches_and_names_the_new_entry_after_it_settled() {
        let mut node = node(4);
        node.step::<()>(ms(0), Input::Tick);
        let fetched = node.step::<()>(ms(5), Input::Superseded);
        assert!(fetched.contains(&Effect::Fetch { after: at(4) }), "{fetched:?}");
        let applied = node.step(ms(9), Input::Offered(entry(5)));
        assert_eq!(applied, [Effect::Apply(entry(5))]);
        // Its workers do not follow yet: nothing is named, and the old place least of all.
        assert!(
            !node
                .step::<()>(ms(400), Input::Tick)
                .iter()
                .any(|it| matches!(it, Effect::Renew { .. }))
        );
        let settled = node.step::<()>(ms(900), Input::Settled(at(5)));
        let ack = Effect::Ack { to: "inbox".into(), place: at(5) };
        assert_eq!(settled, [ack.clone(), Effect::Renew { claim: at(5) }]);
        assert_eq!(
            node.step(ms(901), Input::Offered(entry(5))),
            [ack],
            "whoever asks again is told"
        );
    }

    #[test]
    fn missing_news_are_fetched_again_and_again() {
        let mut node = node(4);
        let gap = node.step(ms(1), Input::Offered(entry(7)));
        assert!(gap.contains(&Effect::Fetch { after: at(4) }));
        assert!(node.step(ms(2), Input::Offered(entry(8))).is_empty(), "one fetch at a time");
        let again = node.step::<()>(ms(1100), Input::Tick);
        assert!(again.contains(&Effect::Fetch { after: at(4) }));
    }

    #[test]
    fn a_ledger_that_forgot_entries_ends_freshness_until_a_majority_confirms_the_place() {
        let mut node = node(4);
        node.step::<()>(ms(0), Input::Tick);
        node.step::<()>(ms(1), Input::Renewed { asked: ms(0), claimed: at(4) });
        assert_eq!(node.step::<()>(ms(2), Input::Newest(at(3))), [Effect::Close]);
        assert_eq!(node.breach(), Some(&Breach::Shorter { ledger: 3, applied: 4 }));
        node.step::<()>(ms(3), Input::Superseded);
        assert!(!node.may_serve(ms(4)));
        node.step::<()>(ms(5), Input::Renewed { asked: ms(4), claimed: at(4) });
        assert!(node.may_serve(ms(6)), "a server was asked that was behind");
        let other = Entry { before: 1, ..entry(5) };
        assert_eq!(node.step(ms(7), Input::Offered(other)), [Effect::Close]);
        node.step::<()>(ms(9), Input::Renewed { asked: ms(8), claimed: at(4) });
        assert!(!node.may_serve(ms(10)), "another history is no matter of time");
    }
}
