//! The evidence of one workload as the replica that steers has it: added up from all replicas, each batch
//! once. Pure.

use super::share::{Marks, Report, Share};
use crate::ports::Epoch;
use serde::{Deserialize, Serialize};
use stagegate_fleet::{Coverage, Offered, ReplicaName, Tally};
use stagegate_rollout::{Doubt, Evidence, SpendBook, WorkloadName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A replica reports each second. One that has not for this long is missing.
const REPORTS: Duration = Duration::from_secs(3);

/// A book as it is saved, so that another replica goes on from there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SavedBook {
    pub(crate) tally: Tally<Share>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) spending: SpendBook,
}

/// The same, with what is worth nothing to another replica.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// What arrived and was not judged yet, and how far each replica's evidence is in it.
    pub(crate) tally: Tally<Share>,
    /// When the oldest of that arrived.
    pub(crate) first: Option<Instant>,
    /// When all that a replica had counted was last in it.
    whole: BTreeMap<ReplicaName, Instant>,
    /// Requests of each replica lately.
    traffic: BTreeMap<ReplicaName, u64>,
    doubts: BTreeMap<ReplicaName, Doubt>,
    /// Something arrived since this was last false.
    pub(crate) is_new: bool,
}

impl Book {
    pub(crate) fn of(tally: Tally<Share>) -> Self {
        Self { tally, ..Self::default() }
    }

    /// Takes a report in. `epoch` is the plan that is followed here, `changed` the one that the workload
    /// has changed with.
    pub(crate) fn take(
        &mut self,
        workload: &WorkloadName,
        report: &Report,
        (epoch, changed): (Epoch, Epoch),
        now: Instant,
    ) {
        let replica = &report.replica;
        let mut is_whole = !report.held.contains(workload) && report.epoch >= changed;
        let traffic = self.traffic.entry(replica.clone()).or_default();
        *traffic -= *traffic / 8;
        for batch in report.shares.get(workload).into_iter().flatten() {
            // A step that is not known here yet: the batch comes again.
            if batch.delta.epoch > epoch {
                is_whole = false;
                break;
            }
            match self.tally.offer(replica, batch) {
                Offered::Added => {
                    *traffic += batch.delta.requests();
                    self.first.get_or_insert(now);
                    self.is_new = true;
                }
                Offered::Known => {}
                Offered::Early => {
                    is_whole = false;
                    break;
                }
            }
        }
        if is_whole {
            self.whole.insert(replica.clone(), now);
        }
        match report.doubts.get(workload) {
            Some(doubt) => self.doubts.insert(replica.clone(), doubt.clone()),
            None => self.doubts.remove(replica),
        };
    }

    /// The counts since the last time, of this rollout and step.
    pub(crate) fn drain(&mut self, evidence: &str) -> (Share, Option<Instant>) {
        self.tally.sums.turn_to(evidence);
        let next = Share { evidence: evidence.to_owned(), ..Share::default() };
        let spent = std::mem::take(&mut self.tally.sums.spent);
        let mut share = std::mem::replace(&mut self.tally.sums, next);
        share.spent = spent;
        (share, self.first.take())
    }

    /// A doubt of any replica about its scorers.
    pub(crate) fn doubt(&self) -> Option<&Doubt> {
        self.doubts.values().next()
    }

    /// The share of the live replicas' traffic whose evidence is in the book.
    pub(crate) fn coverage(&self, live: &BTreeSet<ReplicaName>, now: Instant) -> Coverage {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < REPORTS;
        let arrived = self.whole.iter().filter(|(_, at)| is_recent(at));
        let arrived: BTreeSet<ReplicaName> = arrived.map(|(name, _)| name.clone()).collect();
        let known = |name: &ReplicaName| (name.clone(), self.traffic.get(name).copied());
        Coverage::of(&live.iter().chain(&arrived).map(known).collect(), &arrived)
    }

    /// How far each replica's evidence is in the book.
    pub(crate) fn marks(&self, workload: &WorkloadName) -> Marks {
        let saved = self.tally.marks().map(|(name, mark)| (name.clone(), mark)).collect();
        Marks { workload: workload.clone(), saved }
    }
}

#[cfg(test)]
mod tests {
    use super::{Book, REPORTS, SavedBook};
    use crate::sharing::sender::Sender;
    use crate::sharing::share::{Report, Share};
    use stagegate_rollout::WorkloadName;
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    fn agent() -> WorkloadName {
        "agent".parse().unwrap()
    }

    fn served(sender: &mut Sender, name: &str, requests: u64, epoch: u64) -> Report {
        let mut share = Share { evidence: "r~0".to_owned(), epoch, ..Share::default() };
        share.stable.outcomes[0] = requests;
        sender.add(&agent(), share);
        sender.report(name.parse().unwrap(), epoch, Default::default())
    }

    fn book() -> Book {
        let mut book = Book::default();
        let _ = book.drain("r~0");
        book
    }

    #[test]
    fn reports_that_come_again_count_once_also_for_the_next_leader() {
        let (now, mut sender) = (Instant::now(), Sender::new(3));
        let first = served(&mut sender, "a", 5, 1);
        let second = served(&mut sender, "a", 6, 1);
        let mut book = book();
        for report in [&second, &first, &second, &first] {
            book.take(&agent(), report, (1, 1), now);
        }
        assert_eq!(book.drain("r~0").0.requests(), 11);
        let saved = SavedBook { tally: book.tally.clone(), ..SavedBook::default() };
        let text = serde_json::to_string(&saved).unwrap();
        let third = served(&mut sender, "a", 7, 1);
        let mut next = Book::of(serde_json::from_str::<SavedBook>(&text).unwrap().tally);
        next.take(&agent(), &third, (1, 1), now);
        next.take(&agent(), &third, (1, 1), now);
        assert_eq!(next.drain("r~0").0.requests(), 7, "all that was saved is known");
        assert_eq!(next.marks(&agent()).saved[&"a".parse().unwrap()], (3, 3));
    }

    #[test]
    fn a_step_that_is_not_known_yet_is_waited_for() {
        let (now, mut sender) = (Instant::now(), Sender::new(3));
        let report = served(&mut sender, "a", 5, 9);
        let mut book = book();
        book.take(&agent(), &report, (8, 8), now);
        assert_eq!(book.drain("r~0").0.requests(), 0);
        assert!(!book.coverage(&BTreeSet::new(), now).missing.contains(&"a".parse().unwrap()));
        book.take(&agent(), &report, (9, 9), now);
        assert_eq!(book.drain("r~0").0.requests(), 5);
    }

    #[test]
    fn coverage_names_who_did_not_report_weighted_by_traffic() {
        let now = Instant::now();
        let live: BTreeSet<_> = ["a", "b"].map(|name| name.parse().unwrap()).into();
        let (mut a, mut b) = (Sender::new(1), Sender::new(1));
        let mut book = book();
        book.take(&agent(), &served(&mut a, "a", 90, 1), (1, 1), now);
        let half = book.coverage(&live, now);
        assert_eq!((half.share, half.missing.len()), (0.5, 1), "its traffic is not known");
        book.take(&agent(), &served(&mut b, "b", 30, 1), (1, 1), now);
        assert!(book.coverage(&live, now).is_full());
        let later = now + REPORTS;
        book.take(&agent(), &a.report("a".parse().unwrap(), 1, Default::default()), (1, 1), later);
        let some = book.coverage(&live, later + Duration::from_millis(1));
        assert_eq!(some.missing, ["b".parse().unwrap()]);
        assert!((0.6..0.8).contains(&some.share), "{some:?}");
        // Whoever does not follow the newest plan of the workload cannot have told of all of it.
        book.take(&agent(), &b.report("b".parse().unwrap(), 1, Default::default()), (2, 2), later);
        assert!(!book.coverage(&live, later).is_full());
    }
}
