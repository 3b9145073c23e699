//! The steering loop's own memory: the evidence of every rollout in progress, what workloads spend,
//! and when all of it was last saved.
//!
//! Saved every few seconds and on a proper end. After a crash the evidence goes on from there: the
//! seconds in between are lost and the time without a process was not observed, so a gate may wait
//! a little longer, and nothing is counted twice.

use super::acts::Acts;
use super::asking::Asking;
use super::intake::{Watch, key};
use super::recorder::{Recorder, Saving};
use super::remembered::remembered;
use super::sharing::Sharing;
use super::stored_analyses::Stored;
use super::{Inner, Live, StoreAccessError, View, now_ms};
use crate::ports::{Event, RolloutFigures};
use serde_json::json;
use stagegate_rollout::{
    Analysis, Evidence, Rollout, SpendBook, Surroundings, Tick, WorkloadName, Zone,
};
use stagegate_store::EvidenceSnapshot;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Counts that arrive within this time after a step began were counted before it: workers hand over
/// every quarter of a second, and a busy one is late.
pub(super) const SETTLING: Duration = Duration::from_millis(600);
/// The longest observed time of one look. If a look comes later, the rest was not observed.
pub(super) const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// How often evidence is saved.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// How long saved evidence may take to be read.
const READING: Duration = Duration::from_secs(2);
/// How often old measurements are removed.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// One rollout in progress.
pub(super) struct Watched {
    pub(super) evidence: Evidence,
    /// The time of its last look.
    pub(super) looked: Instant,
    /// The analysis that was stored last.
    pub(super) stored: Stored,
}

/// A question to the store about the evidence of a rollout.
struct Reading {
    read: JoinHandle<()>,
    found: Arc<Mutex<Option<Evidence>>>,
}

/// The memory of the steering loop.
pub(super) struct SteeringState {
    pub(super) watched: BTreeMap<WorkloadName, Watched>,
    pub(super) spending: BTreeMap<WorkloadName, SpendBook>,
    pub(super) recorder: Recorder,
    pub(super) acts: Acts,
    pub(super) asking: Asking,
    /// This replica's part in the evidence of its fleet; nothing for a process on its own.
    pub(super) sharing: Sharing,
    /// The analysis of each workload that was stored last, of those that the replica that steers made.
    pub(super) heard: BTreeMap<WorkloadName, Stored>,
    /// Evidence of a former process that is being read.
    reading: BTreeMap<WorkloadName, Reading>,
    saved: Instant,
    forgot: Instant,
    utc: Zone,
}

impl SteeringState {
    /// Takes up where the last process stopped.
    pub(super) async fn begin(inner: &Arc<Inner>) -> Self {
        let now = Instant::now();
        let spending = inner.with_store(|store| Ok(store.spending()?));
        let spending = tokio::time::timeout(READING, spending).await;
        let spending = spending.unwrap_or(Err(StoreAccessError::Silent)).unwrap_or_default();
        let book = |(workload, body): (WorkloadName, String)| {
            Some((workload, serde_json::from_str(&body).ok()?))
        };
        Self {
            watched: BTreeMap::new(),
            spending: spending.into_iter().filter_map(book).collect(),
            recorder: Recorder::begin(inner),
            acts: Acts::default(),
            asking: Asking::default(),
            sharing: Sharing::new(),
            heard: BTreeMap::new(),
            reading: BTreeMap::new(),
            saved: now,
            forgot: now,
            utc: Zone::utc(),
        }
    }

    /// Takes in what was counted, judges it and begins what follows.
    pub(super) fn look(&mut self, inner: &Arc<Inner>) {
        if inner.is_shared() {
            // Before it has joined its fleet, a replica judges nothing.
            if let Some(peers) = inner.peers.get() {
                self.look_as_replica(inner, peers);
            }
            return;
        }
        let view = inner.view();
        self.follow(inner, &view);
        let (now, at_ms) = (Instant::now(), now_ms());
        for (workload, nanos) in inner.steering.intake.take_spend() {
            if let Ok(name) = workload.parse() {
                self.spending.entry(name).or_default().add(at_ms, nanos);
            }
        }
        let mut analyses = Vec::new();
        for live in &view.live {
            let name = &live.split.spec().name;
            let Some(watched) = self.watched.get_mut(name) else { continue };
            let Some((tick, first)) = watched.tick(inner, live, now, at_ms) else { continue };
            let Some(rollout) = live.split.state().rollout.as_deref() else { continue };
            let Some(analysis) = self.judge(inner, &view, (live, rollout), tick) else { continue };
            let Some(watched) = self.watched.get_mut(name) else { continue };
            analyses.extend(watched.stored.due(name, &analysis, now));
            self.acts.follow(inner, name, analysis, first, (None, true));
        }
        let figures = inner.view().live.iter().map(|live| figures(inner, live)).collect();
        inner.observer.on(&Event::Steered { rollouts: figures });
        self.recorder.keep(analyses, inner.steering.windows().complete(at_ms));
        self.keep(now, at_ms);
    }

    /// Adds a tick to the evidence of a rollout in progress, and judges it.
    pub(super) fn judge(
        &mut self,
        inner: &Arc<Inner>,
        view: &View,
        (live, rollout): (&Live, &Rollout),
        mut tick: Tick,
    ) -> Option<Arc<Analysis>> {
        let name = &live.split.spec().name;
        let watched = self.watched.get_mut(name)?;
        inner.steering.windows().add(live, &tick, view.config.measurements.ticks);
        let spending = self.spending.entry(name.clone()).or_default();
        let budget = view.config.workloads.iter().find(|it| it.spec.name == *name);
        let zone = budget.map_or(&self.utc, |it| &it.cost.time_zone);
        let daily_budget = budget.and_then(daily);
        let surroundings = Surroundings { spending, daily_budget, zone };
        tick.external = self.asking.look(inner, (live, rollout), &key(rollout), tick.at_ms);
        let analysis = Arc::new(watched.evidence.observe(rollout, &tick, &surroundings));
        inner.steering.set_newest(name, Arc::clone(&analysis));
        Some(analysis)
    }

    /// Begins to watch what began, and forgets what ended.
    fn follow(&mut self, inner: &Arc<Inner>, view: &View) {
        let active = |live: &Live| {
            let rollout = live.split.state().rollout.as_deref().filter(|it| it.is_active())?;
            Some((live.split.spec().name.clone(), rollout.clone()))
        };
        let active: BTreeMap<WorkloadName, Rollout> = view.live.iter().filter_map(active).collect();
        self.watched.retain(|name, _| active.contains_key(name));
        self.reading.retain(|name, _| active.contains_key(name));
        self.asking.keep(|name| active.contains_key(name));
        for (name, rollout) in &active {
            let now = Instant::now();
            match self.watched.get_mut(name) {
                Some(watched) if watched.evidence.belongs_to(rollout) => {}
                Some(watched) => {
                    watched.evidence = Evidence::after(rollout, Some(&watched.evidence));
                    watched.looked = now + SETTLING;
                    // Saved with the next look: at 100% stable's figures are those of the step before,
                    // and a crash must not lose them.
                    self.saved = now.checked_sub(SAVE_EVERY).unwrap_or(now);
                }
                None => {
                    let Some(found) = self.remembered(inner, name, rollout) else { continue };
                    let evidence = Evidence::resume(found, rollout);
                    self.watched.insert(name.clone(), Watched::new(evidence, now + SETTLING));
                }
            }
        }
        inner.steering.intake.watch(view.live.iter().filter_map(|live| {
            let name = &live.split.spec().name;
            let (rollout, from) = (active.get(name)?, self.watched.get(name)?.looked);
            Some((name.shared(), Watch::of_step(&live.split, rollout, from)))
        }));
    }

    /// The evidence that a former process saved for a rollout; the outer `None` while it is being
    /// read. A store that does not answer costs the evidence, and never the look at others.
    fn remembered(
        &mut self,
        inner: &Arc<Inner>,
        name: &WorkloadName,
        rollout: &Rollout,
    ) -> Option<Option<Evidence>> {
        let (inner, workload, rollout) = (Arc::clone(inner), name.clone(), rollout.clone());
        let reading = self.reading.entry(name.clone()).or_insert_with(|| {
            let found = Arc::new(Mutex::new(None));
            let place = Arc::clone(&found);
            let read = tokio::spawn(async move {
                let read = remembered(&inner, &workload, &rollout);
                match tokio::time::timeout(READING, read).await {
                    Ok(read) => *place.lock().unwrap_or_else(PoisonError::into_inner) = read,
                    Err(_) => tracing::warn!("saved evidence is not read in time; starting empty"),
                }
                inner.steering.wake();
            });
            Reading { read, found }
        });
        if !reading.read.is_finished() {
            return None;
        }
        let found = reading.found.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.reading.remove(name);
        Some(found)
    }

    /// Hands analyses and windows to the recorder, and now and then everything else.
    fn keep(&mut self, now: Instant, at_ms: u64) {
        if now.duration_since(self.saved) >= SAVE_EVERY {
            self.saved = now;
            self.save();
        }
        self.forget(now, at_ms);
    }

    /// Removes old measurements now and then.
    pub(super) fn forget(&mut self, now: Instant, at_ms: u64) {
        if now.duration_since(self.forgot) >= FORGET_EVERY {
            self.forgot = now;
            self.recorder.forget(at_ms);
        }
    }

    /// Saves what was gathered, and waits until what was begun is done or takes too long.
    pub(super) async fn end(self, inner: &Inner) {
        // The minute that has begun is worth keeping too.
        self.recorder.keep(Vec::new(), inner.steering.windows().finish());
        if inner.is_shared() {
            return self.end_as_replica(inner).await;
        }
        self.save();
        self.acts.end().await;
        self.recorder.end().await;
    }

    /// Saves evidence and spending. Without them a restart gathers evidence anew: worth a warning,
    /// and no reason to stop.
    fn save(&self) {
        let at_ms = now_ms();
        let snapshot = |(name, watched): (&WorkloadName, &Watched)| EvidenceSnapshot {
            workload: name.clone(),
            rollout: watched.evidence.rollout().to_string(),
            step: watched.evidence.step() as u32,
            at_ms,
            body: json!(watched.evidence).to_string(),
        };
        let snapshots: Vec<_> = self.watched.iter().map(snapshot).collect();
        let spending: Vec<(WorkloadName, String)> = self
            .spending
            .iter()
            .map(|(name, book)| (name.clone(), json!(book).to_string()))
            .collect();
        if snapshots.is_empty() && spending.is_empty() {
            return;
        }
        self.recorder.save(Saving { snapshots, spending, at_ms });
    }
}

impl Watched {
    pub(super) fn new(evidence: Evidence, looked: Instant) -> Self {
        Self { evidence, looked, stored: Stored::default() }
    }

    /// Takes the counts since the last look, and when they began to arrive; `None` while the workload is
    /// killed or a step has only just begun.
    fn tick(
        &mut self,
        inner: &Inner,
        live: &Live,
        now: Instant,
        at_ms: u64,
    ) -> Option<(Tick, Option<Instant>)> {
        let state = live.split.state();
        let rollout = state.rollout.as_deref()?;
        if !self.evidence.belongs_to(rollout) || now < self.looked {
            return None;
        }
        let name = live.split.spec().name.as_str();
        let counted = inner.steering.intake.take(name, &key(rollout), at_ms)?;
        let observed = now.duration_since(self.looked).min(LONGEST_LOOK);
        self.looked = now;
        if state.killed.is_some() {
            return None;
        }
        Some(counted.tick((at_ms, observed), state.weight, inner.doubt(name)))
    }
}

/// The workload's daily budget in dollars.
fn daily(workload: &stagegate_config::Workload) -> Option<f64> {
    workload.cost.daily_budget_nanos.map(|nanos| nanos as f64 / 1e9)
}

pub(super) fn figures(inner: &Inner, live: &Live) -> RolloutFigures {
    let spec = live.split.spec();
    let rollout = live.split.state().rollout.as_deref();
    let analysis = inner.analysis_for(live);
    RolloutFigures::of(spec.name.clone(), rollout, analysis.as_deref())
}
