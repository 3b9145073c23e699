//! The steering loop of a replica: it reports what it counted, and judges only while it has the lease.

use super::intake::key;
use super::sharing::share::{Judged, Message, Told};
use super::steering::Shown;
use super::steering_state::{LONGEST_LOOK, SETTLING, SteeringState, Watched, figures};
use super::{Inner, Live, View, now_ms};
use crate::ports::{Event, Peers};
use stagegate_fleet::ReplicaName;
use stagegate_rollout::{Analysis, Evidence, Rollout, Tick, WorkloadName};
use stagegate_store::NewAnalysis;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the last analysis of a rollout is told.
const TOLD: Duration = Duration::from_secs(5);

impl SteeringState {
    /// A look of a replica of a fleet.
    pub(super) fn look_as_replica(&mut self, inner: &Arc<Inner>, peers: &Arc<dyn Peers>) {
        let view = inner.view();
        let (now, at_ms) = (Instant::now(), now_ms());
        self.sharing.gather(inner, &view, (now, SETTLING));
        self.sharing.report(inner, &**peers, &view, now);
        let term = peers.term();
        if self.sharing.follow_term(term) {
            // What was gathered before is another's now. Time without a leader is not observed.
            self.watched.clear();
        }
        let mut analyses = Vec::new();
        for message in inner.steering.heard() {
            match message {
                Message::Report(report) if term.is_some() => {
                    self.sharing.shelf.take(inner, peers, (&view, now), &report);
                }
                Message::Saved(marks) => self.sharing.saved(&peers.name(), &marks),
                Message::Told(told) if term.is_none() => {
                    analyses.extend(self.hear(inner, told, now));
                }
                Message::Report(_) | Message::Told(_) => {}
            }
        }
        if let Some(term) = term {
            analyses.extend(self.judge_as_leader(inner, peers, &view, (term, now, at_ms)));
        }
        let rollouts = inner.view().live.iter().map(|live| figures(inner, live)).collect();
        inner.observer.on(&Event::Steered { rollouts });
        let windows = inner.steering.windows().complete(at_ms);
        self.sharing.tell_windows(&windows);
        self.recorder.keep(analyses, windows);
        self.forget(now, at_ms);
    }

    /// Shows what the replica that steers has found. Returns what is to be stored.
    fn hear(&mut self, inner: &Inner, told: Told, now: Instant) -> Vec<NewAnalysis> {
        let Told { leader, term, analyses, windows } = told;
        if inner.steering.newest_term() > term {
            return Vec::new();
        }
        self.recorder.keep(Vec::new(), windows);
        let mut stored = Vec::new();
        for (workload, Judged { analysis, coverage, missing }) in analyses {
            inner.steering.set_newest(&workload, Arc::clone(&analysis));
            let heard = self.heard.entry(workload.clone()).or_default();
            stored.extend(heard.due(&workload, &analysis, now));
            let leader = leader.clone();
            inner.steering.show(workload, Shown { leader, term, coverage, missing, at: now });
        }
        stored
    }

    /// Judges every rollout in progress by the evidence of all replicas.
    fn judge_as_leader(
        &mut self,
        inner: &Arc<Inner>,
        peers: &Arc<dyn Peers>,
        view: &View,
        (term, now, at_ms): (u64, Instant, u64),
    ) -> Vec<NewAnalysis> {
        for loaded in self.sharing.shelf.loaded(now) {
            if let Some(spending) = loaded.spending {
                self.spending.insert(loaded.workload, spending);
            }
        }
        let replicas = live_replicas(inner);
        let mut stored = Vec::new();
        let mut active = BTreeSet::new();
        for live in &view.live {
            let rollout = live.split.state().rollout.as_deref().filter(|it| it.is_active());
            let Some(rollout) = rollout else { continue };
            let name = &live.split.spec().name;
            active.insert(name.clone());
            self.sharing.shelf.load(inner, peers, live);
            if !self.watch_as_leader(name, rollout, now) {
                continue;
            }
            let Some((tick, first)) = self.tick_of_all(inner, (live, rollout), now, at_ms) else {
                continue;
            };
            let Some(analysis) = self.judge(inner, view, (live, rollout), tick) else { continue };
            let Some(watched) = self.watched.get_mut(name) else { continue };
            stored.extend(watched.stored.due(name, &analysis, now));
            let Some(coverage) = self.sharing.shelf.coverage(name, &replicas, now) else {
                continue;
            };
            let is_full = coverage.is_full();
            let (share, missing) = (coverage.share, coverage.missing);
            let leader = peers.name();
            let shown = Shown { leader, term, coverage: share, missing, at: now };
            inner.steering.show(name.clone(), shown);
            self.acts.follow(inner, name, analysis, first, (Some(term), is_full));
        }
        self.watched.retain(|name, _| active.contains(name));
        self.asking.keep(|name| active.contains(name));
        for name in self.sharing.shelf.workloads() {
            if !active.contains(&name)
                && let Some((_, spent)) = self.sharing.shelf.counted(&name, "")
            {
                self.spending.entry(name).or_default().add(at_ms, spent);
            }
        }
        self.save_as_leader(inner, &**peers, &active, now);
        self.sharing.tell(&**peers, now, || judged(inner, view));
        stored
    }

    /// Begins to watch a rollout, or its next step. Returns false while its evidence is not here, or the
    /// step has only just begun.
    fn watch_as_leader(&mut self, name: &WorkloadName, rollout: &Rollout, now: Instant) -> bool {
        match self.watched.get_mut(name) {
            Some(watched) if watched.evidence.belongs_to(rollout) => {}
            Some(watched) => {
                watched.evidence = Evidence::after(rollout, Some(&watched.evidence));
                watched.looked = now + SETTLING;
                self.sharing.shelf.save_soon(name, now);
            }
            None => {
                let Some(found) = self.sharing.shelf.found(name) else { return false };
                let evidence = Evidence::resume(found, rollout);
                self.watched.insert(name.clone(), Watched::new(evidence, now));
            }
        }
        self.watched.get(name).is_some_and(|watched| watched.looked <= now)
    }

    /// The counts of all replicas since the last look; none while the workload is killed.
    fn tick_of_all(
        &mut self,
        inner: &Inner,
        (live, rollout): (&Live, &Rollout),
        now: Instant,
        at_ms: u64,
    ) -> Option<(Tick, Option<Instant>)> {
        let (name, state) = (&live.split.spec().name, live.split.state());
        let (counted, spent) = self.sharing.shelf.counted(name, &key(rollout))?;
        self.spending.entry(name.clone()).or_default().add(at_ms, spent);
        let watched = self.watched.get_mut(name)?;
        let observed = now.duration_since(watched.looked).min(LONGEST_LOOK);
        watched.looked = now;
        if state.killed.is_some() {
            return None;
        }
        let doubt = inner.doubt(name.as_str()).or_else(|| self.sharing.shelf.doubt(name));
        Some(counted.tick((at_ms, observed), state.weight, doubt))
    }

    fn save_as_leader(
        &mut self,
        inner: &Inner,
        peers: &dyn Peers,
        active: &BTreeSet<WorkloadName>,
        now: Instant,
    ) {
        let (watched, spending) = (&self.watched, &self.spending);
        let lost = self.sharing.shelf.save(inner, peers, (active, now), |name| {
            let evidence = watched.get(name).map(|it| it.evidence.clone());
            (evidence, spending.get(name).cloned().unwrap_or_default())
        });
        for name in lost {
            self.watched.remove(&name);
        }
    }

    /// The end of a replica's loop: another one goes on from what is saved.
    pub(super) async fn end_as_replica(self, inner: &Inner) {
        let Some(peers) = inner.peers.get() else { return self.recorder.end().await };
        let peers = &**peers;
        let Self { mut sharing, watched, spending, acts, recorder, .. } = self;
        let view = inner.view();
        let now = Instant::now();
        sharing.gather(inner, &view, (now, SETTLING));
        sharing.report_now(inner, peers, &view);
        if peers.term().is_some() {
            let shelf = std::mem::take(&mut sharing.shelf);
            shelf
                .end(peers, |name| {
                    let evidence = watched.get(name).map(|it| it.evidence.clone());
                    (evidence, spending.get(name).cloned().unwrap_or_default())
                })
                .await;
        }
        acts.end().await;
        recorder.end().await;
    }
}

/// Every replica that may be running somewhere.
fn live_replicas(inner: &Inner) -> BTreeSet<ReplicaName> {
    let Some(replicas) = inner.replicas.get() else { return BTreeSet::new() };
    replicas.seen().iter().filter_map(|row| row.name.parse().ok()).collect()
}

fn judged(inner: &Inner, view: &View) -> BTreeMap<WorkloadName, Judged> {
    let judged = |live: &Live| {
        let name = &live.split.spec().name;
        let analysis: Arc<Analysis> = inner.analysis_for(live)?;
        let shown = inner.steering.shown(name.as_str())?;
        // The last one of a rollout that has ended is told some times.
        let Shown { coverage, missing, .. } = Some(shown).filter(|it| it.at.elapsed() < TOLD)?;
        Some((name.clone(), Judged { analysis, coverage, missing }))
    };
    view.live.iter().filter_map(judged).collect()
}
