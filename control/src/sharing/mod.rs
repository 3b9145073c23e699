//! A replica's part in the evidence of its fleet: what it counted goes to the replica that steers, and
//! there the books of all workloads are kept, each batch once.
//!
//! A book is loaded when a term begins and saved every few seconds. A replica forgets what it has sent
//! when the book that has it is saved, so a leader that is gone costs no evidence of others.

mod book;
mod job;
mod live;
mod sender;
pub(super) mod share;
mod shelf;

use super::intake::{Counted, Watch, key};
use super::{Inner, Live, View, now_ms};
use crate::ports::Peers;
use live::{active, name};
use sender::Sender;
use share::{Judged, Marks, Message, Share, Told};
use shelf::Shelf;
use stagegate_fleet::ReplicaName;
use stagegate_rollout::{Doubt, Rollout, WorkloadName};
use stagegate_store::RecordedWindow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often a replica reports, and the leader tells.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A replica's part in the evidence of its fleet.
#[derive(Debug)]
pub(super) struct Sharing {
    sender: Sender,
    /// The present step of each rollout in progress, and since when counts belong to it.
    since: BTreeMap<WorkloadName, (String, Instant)>,
    /// The term in which this replica steers.
    term: Option<u64>,
    /// The books of that term.
    pub(super) shelf: Shelf,
    reported: Option<Instant>,
    told: Option<Instant>,
    /// Minutes that are over and nobody else has.
    windows: Vec<RecordedWindow>,
}

impl Sharing {
    pub(super) fn new() -> Self {
        Self {
            sender: Sender::new(now_ms()),
            since: BTreeMap::new(),
            term: None,
            shelf: Shelf::default(),
            reported: None,
            told: None,
            windows: Vec::new(),
        }
    }

    /// Takes what was counted here since the last time.
    pub(super) fn gather(
        &mut self,
        inner: &Inner,
        view: &View,
        (now, settling): (Instant, Duration),
    ) {
        let active: Vec<(&Live, &Rollout)> = view.live.iter().filter_map(active).collect();
        let names: BTreeSet<&WorkloadName> = active.iter().map(|(live, _)| name(live)).collect();
        self.since.retain(|workload, _| names.contains(workload));
        for (live, rollout) in &active {
            let key = key(rollout);
            let known = self.since.get(name(live)).is_some_and(|(step, _)| *step == key);
            if !known {
                self.since.insert(name(live).clone(), (key, now + settling));
            }
        }
        inner.steering.intake.watch(active.iter().filter_map(|(live, rollout)| {
            let (_, from) = self.since.get(name(live))?;
            Some((name(live).shared(), Watch::of_step(&live.split, rollout, *from)))
        }));
        let at_ms = now_ms();
        for (live, rollout) in &active {
            let key = key(rollout);
            let counted = inner.steering.intake.take(name(live).as_str(), &key, at_ms);
            if let Some(counted) = counted.filter(|_| live.split.state().killed.is_none()) {
                self.sender.add(name(live), share(counted, key, live.epoch));
            }
        }
        for (workload, spent) in inner.steering.intake.take_spend() {
            if let Ok(workload) = workload.parse() {
                self.sender.add(&workload, Share { spent, ..Share::default() });
            }
        }
    }

    /// Reports to the replica that steers, if it is time.
    pub(super) fn report(&mut self, inner: &Inner, peers: &dyn Peers, view: &View, now: Instant) {
        if self.reported.is_some_and(|at| now.duration_since(at) < REPORT_EVERY) {
            return;
        }
        if self.report_now(inner, peers, view) {
            self.reported = Some(now);
        }
    }

    /// Reports to the replica that steers. Without one everything waits here, added up.
    pub(super) fn report_now(&mut self, inner: &Inner, peers: &dyn Peers, view: &View) -> bool {
        let Some((leader, _)) = peers.leader() else { return false };
        let doubt = |live: &Live| Some((name(live).clone(), inner.doubt(name(live).as_str())?));
        let doubts: BTreeMap<WorkloadName, Doubt> = view.live.iter().filter_map(doubt).collect();
        let report = Message::Report(self.sender.report(peers.name(), view.epoch, doubts));
        if leader == peers.name() {
            inner.steering.hear(report);
        } else {
            peers.report(report.bytes());
        }
        true
    }

    /// Begins a term, or ends one. Returns true if that is new: what was gathered in the former one is
    /// another's now.
    pub(super) fn follow_term(&mut self, term: Option<u64>) -> bool {
        if self.term == term {
            return false;
        }
        self.term = term;
        self.shelf = Shelf::default();
        self.windows.clear();
        self.told = None;
        true
    }

    /// Tells all replicas what was found, if it is time.
    pub(super) fn tell(
        &mut self,
        peers: &dyn Peers,
        now: Instant,
        analyses: impl FnOnce() -> BTreeMap<WorkloadName, Judged>,
    ) {
        let Some(term) = self.term else { return };
        if self.told.is_some_and(|at| now.duration_since(at) < REPORT_EVERY) {
            return;
        }
        self.told = Some(now);
        let (leader, windows) = (peers.name(), std::mem::take(&mut self.windows));
        let told = Told { leader, term, analyses: analyses(), windows };
        if !told.analyses.is_empty() || !told.windows.is_empty() {
            peers.tell(Message::Told(told).bytes());
        }
    }

    /// Minutes that are over: the other replicas get them too.
    pub(super) fn tell_windows(&mut self, windows: &[RecordedWindow]) {
        if self.term.is_some() {
            self.windows.extend_from_slice(windows);
        }
    }

    /// The replica that steers has saved evidence.
    pub(super) fn saved(&mut self, own: &ReplicaName, marks: &Marks) {
        if let Some(mark) = marks.saved.get(own) {
            self.sender.saved(&marks.workload, *mark);
        }
    }
}

fn share(counted: Counted, evidence: String, epoch: u64) -> Share {
    let Counted { stable, candidate, assigned, apart, .. } = counted;
    Share { evidence, epoch, stable, candidate, assigned, apart, spent: 0 }
}
