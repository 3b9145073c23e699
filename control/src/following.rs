//! A replica of a fleet follows the ledger: what others have recorded is put in force here.
//!
//! The local copy of the ledger has the entry already. Here it becomes the view and the plan, under
//! the configuration of this process. Nothing is recorded: an entry is a result.

use super::bring_up::{First, bring_up_in_turn, flags};
use super::last_changes::last_changes;
use super::registry;
use super::{
    Action, Control, ExecuteError, Inner, Live, StartError, StoreAccessError, View, reconcile,
};
use crate::ports::{
    Epoch, FleetOutcome, PrepareError, Prepared, ReplicaOutcome, ReplicaRow, ReplicaStanding,
    Replicas,
};
use stagegate_config::Config;
use stagegate_rollout::{OnRollback, Split, WorkloadName, WorkloadState};
use stagegate_store::{RegisteredRelease, Saved, Store};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// How often a change is decided anew after others were faster.
const RACES: usize = 4;

/// The reason why what others have recorded cannot be put in force here.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The configuration of this process does not fit the state of the fleet.
    #[error("the configuration of this replica does not fit the fleet's state: {}", .0.join("; "))]
    Contradiction(Vec<String>),
    /// The data plane cannot serve it.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The local copy cannot be read.
    #[error(transparent)]
    Store(#[from] StoreAccessError),
    /// The state cannot be brought under the configuration.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A configuration with other releases registered at run time, and what is ready to serve them.
struct Next {
    config: Arc<Config>,
    prepared: Prepared,
}

impl Control {
    /// Puts the newest state of the local copy in force, if it has a later epoch than what is in force,
    /// and waits until all workers follow. Returns true if they do and the epoch in force is at least
    /// `epoch`.
    ///
    /// # Errors
    /// A [`FollowError`]; what is in force stays.
    pub async fn follow_ledger(&self, epoch: Epoch) -> Result<bool, FollowError> {
        let inner = &self.inner;
        inner.follow_ledger().await?;
        let view = self.view();
        let Some(live) = view.live.first() else { return Ok(view.epoch >= epoch) };
        let name = live.split.spec().name.clone();
        let settled = inner.plane.settled(name, super::PATIENCE).await;
        Ok(settled.all_followed() && view.epoch >= epoch)
    }

    /// From now on answers say what became of a change on each of these replicas. Only the first call
    /// counts.
    pub fn join_fleet(&self, replicas: Arc<dyn Replicas>) {
        let _ = self.inner.replicas.set(replicas);
    }

    /// Says the digest of the configuration in force, without the keys below `without`. It does not keep
    /// the driver alive.
    #[must_use]
    pub fn config_digest(
        &self,
        without: &'static [&'static str],
    ) -> Box<dyn Fn() -> String + Send + Sync> {
        let inner = Arc::downgrade(&self.inner);
        let last = Mutex::new((Weak::<Config>::new(), String::new()));
        Box::new(move || {
            let Some(inner) = inner.upgrade() else { return String::new() };
            let config = Arc::clone(&inner.view().config);
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::ptr::eq(last.0.as_ptr(), Arc::as_ptr(&config)) {
                *last = (Arc::downgrade(&config), config.written.digest(without));
            }
            last.1.clone()
        })
    }

    /// The fleet that this process is a replica of; none for a process on its own.
    #[must_use]
    pub fn replicas(&self) -> Option<&Arc<dyn Replicas>> {
        self.inner.replicas.get()
    }
}

impl Inner {
    /// Returns true if other processes write into the ledger too.
    pub(super) fn is_shared(&self) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| ledger.is_shared())
    }

    /// Checks that the replicas that answered last have one configuration: a rollout under two would be
    /// two rollouts.
    pub(super) fn one_configuration(&self, overriding: bool) -> Result<(), ExecuteError> {
        let Some(replicas) = self.replicas.get().filter(|_| !overriding) else { return Ok(()) };
        let rows = replicas.seen();
        let own = replicas.own();
        let others = rows.iter().filter(|row| row.answered && row.config != own.config);
        let others: Vec<&str> = others.map(|row| row.name.as_str()).collect();
        if others.is_empty() {
            return Ok(());
        }
        Err(ExecuteError::NotNow(format!(
            "the configuration of {} differs from that of {}: give all replicas the same file, or start with an override and a reason",
            others.join(", "),
            own.name
        )))
    }

    /// What became of a change on each replica; none for a process on its own. `entry` is 0 for a change
    /// that is in force here and not in the ledger.
    pub(super) async fn fleet_outcome(
        &self,
        entry: u64,
        changed: bool,
        fences: bool,
    ) -> Option<FleetOutcome> {
        let replicas = self.replicas.get()?;
        let outcome = match entry {
            0 => None,
            entry => replicas.outcome(entry).await,
        };
        let outcome = match outcome {
            Some(outcome) if fences => outcome,
            Some(outcome) => outcome.beyond_the_fence(),
            // It made no plan: what is in force was asked for before.
            None if !changed => standing_now(&**replicas, self.view().epoch, fences).await,
            None => unknown_elsewhere(&replicas.own().name),
        };
        Some(outcome)
    }

    /// Returns true if `error` says that another replica was faster, and asking again makes sense.
    pub(super) fn lost_a_race(&self, error: &StoreAccessError) -> bool {
        self.is_shared() && matches!(error, StoreAccessError::Conflict { .. })
    }

    /// Returns true if a change that failed with `error` is to be decided anew, at most so often.
    pub(super) fn goes_again(&self, error: &StoreAccessError, races: &mut usize) -> bool {
        *races += 1;
        self.lost_a_race(error) && *races <= RACES
    }

    /// Returns true if the recorded view is a later one than that of `epoch`.
    pub(super) fn moved_from(&self, epoch: Epoch) -> bool {
        self.desk().recorded.epoch > epoch
    }

    async fn follow_ledger(self: &Arc<Self>) -> Result<(), FollowError> {
        {
            let _order = self.order.lock().await;
            if self.unstarted.load(Ordering::Acquire) {
                return self.start_late().await;
            }
            if self.releases_elsewhere().await?.is_none() {
                return self.refresh(None).await;
            }
        }
        // Rare: a release was registered or removed elsewhere. Endpoints get ready first.
        let _queue = self.reloading.lock().await;
        let next = match self.releases_elsewhere().await? {
            Some(config) => {
                let config = Arc::new(config);
                let prepared = self.plane.prepare(Arc::clone(&config)).await?;
                Some(Next { config, prepared })
            }
            None => None,
        };
        let _order = self.order.lock().await;
        self.refresh(next).await
    }

    /// The configuration in force with the releases that are registered now; none if it has them.
    async fn releases_elsewhere(&self) -> Result<Option<Config>, FollowError> {
        let registered =
            self.with_store(|store: &mut Store| Ok(store.run_time_releases()?)).await?;
        let view = self.view();
        let Some(stale) = stale_releases(&view.config, &registered) else { return Ok(None) };
        let mut config = Config::clone(&view.config);
        for (workload, release) in stale {
            if let Some(found) = config.workloads.iter_mut().find(|it| it.spec.name == workload) {
                found.remove_release(&release);
            }
        }
        registry::join(&mut config, &registered).map_err(FollowError::Contradiction)?;
        Ok(Some(config))
    }

    /// Puts the newest state of the local copy in force; the caller has the right to write.
    async fn refresh(&self, next: Option<Next>) -> Result<(), FollowError> {
        let (Some(ledger), Some(store)) = (&self.ledger, &self.store) else { return Ok(()) };
        let saved = ledger.latest().await?;
        let view = Arc::clone(&self.desk().recorded);
        if saved.epoch <= view.epoch && next.is_none() {
            return Ok(());
        }
        // States may have been followed before their releases.
        let since = if next.is_some() { 0 } else { view.epoch };
        let (config, prepared) = match next {
            Some(next) => (next.config, Some(next.prepared)),
            None => (Arc::clone(&view.config), None),
        };
        let epoch = saved.epoch.max(view.epoch);
        let changed = last_changes(store, &config, epoch, since).await?;
        let (live, dormant) = follow(&config, &view, &saved, &changed)?;
        let cut = cuts(&view, &live);
        let flags = Arc::new(flags(&saved).map_err(StoreAccessError::Store)?);
        let mut desk = self.desk();
        let next = View { epoch, config, live, dormant, flags, ..View::clone(&desk.recorded) };
        desk.recorded = Arc::new(next);
        self.put_flags(&desk);
        let mut cut = cut.into_iter();
        self.put(&desk, prepared, cut.next(), true);
        for workload in cut {
            self.put(&desk, None, Some(workload), true);
        }
        drop(desk);
        tracing::info!(epoch, before = view.epoch, "followed the fleet's ledger");
        self.steering.wake();
        Ok(())
    }

    /// The same after an append that lost a race. What cannot be followed is seen by the follower.
    pub(super) async fn refresh_after_a_race(&self) {
        if let Err(error) = self.refresh(None).await {
            tracing::warn!(%error, "cannot follow the fleet's ledger yet");
        }
    }

    /// The ledger did not answer at the start: the state is brought under the configuration now. The
    /// caller has the right to write.
    async fn start_late(&self) -> Result<(), FollowError> {
        let (Some(ledger), Some(store)) = (&self.ledger, &self.store) else { return Ok(()) };
        let saved = ledger.latest().await?;
        let config = Arc::clone(&self.desk().recorded.config);
        let first = bring_up_in_turn(ledger, store, saved, &config, Action::ProcessStart).await?;
        if !first.is_recorded {
            return Err(StoreAccessError::Store("the fleet's ledger does not answer".into()).into());
        }
        let First { epoch, live, dormant, flags, .. } = first;
        let mut desk = self.desk();
        let next = View { epoch, live, dormant, flags, ..View::clone(&desk.recorded) };
        desk.recorded = Arc::new(next);
        self.put_flags(&desk);
        self.put(&desk, None, None, true);
        drop(desk);
        self.unstarted.store(false, Ordering::Release);
        *self.store_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::info!(epoch, "the start is recorded in the fleet's ledger");
        self.steering.wake();
        Ok(())
    }
}

/// How each replica stands to the plan of `epoch` now.
async fn standing_now(replicas: &dyn Replicas, epoch: Epoch, fences: bool) -> FleetOutcome {
    let Ok(rows) = replicas.rows().await else { return unknown_elsewhere(&replicas.own().name) };
    let standing = |row: &ReplicaRow| match row {
        row if row.answered && row.epoch >= epoch => ReplicaStanding::Acked,
        row if row.answered && row.fenced && fences => ReplicaStanding::Fenced,
        _ => ReplicaStanding::Unknown,
    };
    let replicas: Vec<_> = rows
        .iter()
        .map(|row| ReplicaOutcome {
            replica: row.name.clone(),
            standing: standing(row),
            acked_ms: None,
        })
        .collect();
    let complete = replicas.iter().all(|it| it.standing != ReplicaStanding::Unknown);
    FleetOutcome { replicas, complete }
}

/// This replica follows, and nothing is known of the others.
fn unknown_elsewhere(own: &str) -> FleetOutcome {
    let (replica, standing) = (own.to_owned(), ReplicaStanding::Acked);
    let own = ReplicaOutcome { replica, standing, acked_ms: None };
    FleetOutcome { replicas: vec![own], complete: false }
}

/// Releases that must leave the configuration before the registered ones are joined to it; none if
/// nothing differs.
fn stale_releases(
    config: &Config,
    registered: &[(WorkloadName, RegisteredRelease)],
) -> Option<Vec<(WorkloadName, stagegate_rollout::ReleaseName)>> {
    let mut stale = Vec::new();
    let mut missing = false;
    for workload in &config.workloads {
        let name = &workload.spec.name;
        let here = || registered.iter().filter(|(of, _)| of == name).map(|(_, stored)| stored);
        for (release, known) in &workload.releases {
            let stored = here().find(|it| it.release == release.as_str());
            if registry::is_stale(known, stored) {
                stale.push((name.clone(), release.clone()));
            }
        }
        let has = |it: &RegisteredRelease| {
            workload.releases.keys().any(|known| known.as_str() == it.release)
        };
        missing |= here().any(|it| !has(it));
    }
    (missing || !stale.is_empty()).then_some(stale)
}

/// Every workload under the saved state. Pure.
fn follow(
    config: &Config,
    view: &View,
    saved: &Saved,
    changed: &BTreeMap<String, Epoch>,
) -> Result<(Vec<Live>, BTreeMap<WorkloadName, WorkloadState>), FollowError> {
    let mut dormant = saved.workloads.clone();
    let (mut live, mut problems) = (Vec::new(), Vec::new());
    for workload in &config.workloads {
        let spec = &workload.spec;
        let before = view.find(spec.name.as_str()).map(|(_, live)| live);
        let state = match (dormant.remove(&spec.name), before) {
            (Some(state), _) => state,
            // Only this replica's file has it so far.
            (None, Some(before)) => WorkloadState::clone(before.split.state()),
            (None, None) => WorkloadState::initial(spec),
        };
        problems.extend(reconcile::missing_releases(spec, &state));
        let epoch = changed.get(spec.name.as_str()).copied();
        let epoch = epoch.or_else(|| before.map(|it| it.epoch)).unwrap_or(saved.epoch);
        let same =
            before.filter(|it| Arc::ptr_eq(it.split.spec(), spec) && **it.split.state() == state);
        let split = match same {
            Some(before) => Arc::clone(&before.split),
            None => Arc::new(Split::new(Arc::clone(spec), Arc::new(state))),
        };
        live.push(Live { split, epoch });
    }
    if problems.is_empty() {
        Ok((live, dormant))
    } else {
        Err(FollowError::Contradiction(problems))
    }
}

/// Workloads whose running answers of the candidate end: it was taken out elsewhere, and their policy
/// is `cut`.
fn cuts(view: &View, live: &[Live]) -> Vec<WorkloadName> {
    let is_out = |state: &WorkloadState| state.closed.is_some() || state.killed.is_some();
    let cut = |after: &&Live| {
        let spec = after.split.spec();
        let before = view.find(spec.name.as_str()).map(|(_, live)| live.split.state());
        spec.on_rollback == OnRollback::Cut
            && is_out(after.split.state())
            && before.is_some_and(|before| !is_out(before))
    };
    live.iter().filter(cut).map(|it| it.split.spec().name.clone()).collect()
}
