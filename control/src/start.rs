//! The start: from the stored state to the first plan.
//!
//! The remembered state is brought under the configuration, recorded if that changed it, and
//! published. A store that cannot be read is a reason not to start while any workload has a
//! candidate: its weight may have been zero for a good reason. With `--safe-start`, or without any
//! candidate, everything goes to stable and nothing can be changed.

use super::access::with_causes;
use super::bring_up::{First, bring_up_in_turn, flags};
use super::desk::Desk;
use super::limiter::Limiter;
use super::pending::Pending;
use super::steering::Steering;
use super::store_handle::StoreHandle;
use super::unrecorded::Unrecorded;
use super::unrecorded_file::UnrecordedFile;
use super::{Action, Control, Inner, Live, ReloadStatus, StartError, View, now_ms, registry, safe};
use crate::ports::{DataPlane, Event, Ledger, LocalLedger, Observer, Prepared, Publication};
use stagegate_config::{Config, Loaded, Problem};
use stagegate_rollout::{Split, WorkloadName};
use stagegate_store::{AuditFilter, RegisteredRelease, Saved, Store, StoreError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// Number of audit entries that are searched for records of a former process.
const SEARCHED: usize = 200;

/// The inputs of a start.
pub struct Startup {
    /// The configuration and its warnings.
    pub loaded: Loaded,
    /// The path from which it was loaded and will be reloaded.
    pub config_path: PathBuf,
    /// The state store, or the reason why it cannot be opened.
    pub store: Result<Store, StoreError>,
    /// Send everything to stable and change nothing.
    pub safe_start: bool,
    /// The data plane.
    pub plane: Arc<dyn DataPlane>,
    /// The receiver of events.
    pub observer: Arc<dyn Observer>,
}

impl Control {
    /// Starts the driver and publishes the first plan.
    ///
    /// # Errors
    /// A [`StartError`]; nothing was published then.
    pub async fn start(startup: Startup) -> Result<Self, StartError> {
        Self::start_with(startup, |ledger| ledger).await
    }

    /// As [`Control::start`], with `wrap` around the store's ledger.
    ///
    /// # Errors
    /// A [`StartError`]; nothing was published then.
    pub async fn start_with(
        startup: Startup,
        wrap: impl FnOnce(Arc<dyn LocalLedger>) -> Arc<dyn Ledger>,
    ) -> Result<Self, StartError> {
        let Startup { loaded, config_path, store, safe_start, plane, observer } = startup;
        check_before(&loaded.config, &store, safe_start)?;
        let mut config = loaded.config;
        let unrecorded_file = store.as_ref().ok().and_then(Store::dir);
        let unrecorded_file = unrecorded_file.map(|dir| UnrecordedFile::in_dir(&dir));
        let remembered = remember(store).await;
        let handle = remembered.as_ref().ok().map(|(handle, _)| handle.clone());
        let ledger = handle.clone().map(|handle| wrap(Arc::new(handle)));
        let remembered = newest(remembered, ledger.as_ref()).await;
        if let Ok((_, saved)) = &remembered
            && let Err(contradictions) = registry::join(&mut config, &saved.releases)
        {
            if !safe_start {
                return Err(StartError::Contradiction(contradictions));
            }
            tracing::error!(
                ?contradictions,
                "releases registered at run time are ignored: they contradict the configuration"
            );
        }
        let config = Arc::new(config);
        let unreadable = remembered.as_ref().err();
        let safe_because = safe_because(&config, unreadable, safe_start)?;
        let prepared = plane.prepare(Arc::clone(&config)).await?;
        let first = match (&remembered, &ledger, safe_because) {
            (Ok((handle, saved)), Some(ledger), None) => {
                let saved = saved.state.clone();
                bring_up_in_turn(ledger, handle, saved, &config, Action::ProcessStart).await?
            }
            (remembered, _, because) => {
                safe_plan(remembered.as_ref().ok().map(|(_, saved)| saved), &config, because)
            }
        };
        if let Some(why) = &first.safe_start {
            tracing::error!(why, "SAFE START: everything goes to stable, nothing can be changed");
        }
        let left = match (&unrecorded_file, &handle) {
            (Some(file), Some(handle)) if first.safe_start.is_none() => {
                left_unrecorded(file, handle).await?
            }
            _ => Vec::new(),
        };
        let (store_error, unstarted) = (first.store_error.clone(), !first.is_recorded);
        let desk = Desk::new(first_view(first, &config, loaded.warnings), left);
        let view = desk.in_force();
        let may_write = view.safe_start.is_none();
        let is_something_left = !desk.unrecorded.is_empty();
        publish_first(&*plane, &*observer, &view, prepared);
        let inner = Inner {
            order: Arc::default(),
            desk: Mutex::new(desk),
            recording: AtomicBool::new(false),
            unrecorded_file,
            pending: Pending::default(),
            reloading: tokio::sync::Mutex::new(()),
            planning: tokio::sync::Mutex::new(()),
            view: RwLock::new(Arc::new(view)),
            ledger,
            store: handle,
            plane,
            observer,
            config_path,
            store_failures: AtomicU64::new(0),
            recorded_changes: AtomicU64::new(0),
            store_error: Mutex::new(store_error),
            limiter: Limiter::default(),
            handing_over: AtomicBool::new(false),
            steering: Steering::default(),
            notifier: OnceLock::new(),
            doubts: OnceLock::new(),
            stale: RwLock::default(),
            sources: OnceLock::new(),
            flags: OnceLock::new(),
            replicas: OnceLock::new(),
            peers: OnceLock::new(),
            unstarted: AtomicBool::new(unstarted),
        };
        let inner = Arc::new(inner);
        inner.keep_looking_for_files();
        if is_something_left {
            tracing::warn!("changes of a former process are in force and not recorded yet");
            inner.keep_recording();
        } else if may_write {
            // Everything in a file that is left over was recorded.
            drop(inner.save_unrecorded());
        }
        Ok(Self { inner })
    }
}

/// Emergencies that a former process put in force and did not record.
async fn left_unrecorded(
    file: &UnrecordedFile,
    store: &StoreHandle,
) -> Result<Vec<Unrecorded>, StartError> {
    let left = file.read().map_err(StartError::DamagedUnrecorded)?;
    if left.is_empty() {
        return Ok(left);
    }
    // The former process may have recorded some of them and ended before it said so.
    let newest = store.with(|store| Ok(store.audit(&AuditFilter::default(), SEARCHED)?)).await?;
    let is_recorded = |it: &Unrecorded| {
        newest
            .iter()
            .any(|entry| it.is(entry.at_ms, &entry.actor, entry.workload.as_deref(), &entry.action))
    };
    Ok(left.into_iter().filter(|it| !is_recorded(it)).collect())
}

/// Refuses what can be refused before anything is read.
fn check_before(
    config: &Config,
    store: &Result<Store, StoreError>,
    safe_start: bool,
) -> Result<(), StartError> {
    let admin = &config.admin;
    if admin.is_open() && !admin.address.ip().is_loopback() {
        return Err(StartError::OpenAdmin(admin.address));
    }
    match store {
        Err(StoreError::Lock(error)) if !safe_start => Err(StartError::InUse(error.to_string())),
        _ => Ok(()),
    }
}

/// The reason to send everything to stable, if there is one.
fn safe_because(
    config: &Config,
    unreadable: Option<&String>,
    safe_start: bool,
) -> Result<Option<String>, StartError> {
    if safe_start {
        return Ok(Some("started with --safe-start".to_owned()));
    }
    let Some(why) = unreadable else { return Ok(None) };
    match config.workloads.iter().find(|it| it.spec.candidate.is_some()) {
        Some(workload) => Err(StartError::UnreadableStore {
            workload: workload.spec.name.clone(),
            why: why.clone(),
        }),
        None => Ok(Some(format!("the remembered state cannot be read: {why}"))),
    }
}

fn first_view(first: First, config: &Arc<Config>, warnings: Vec<Problem>) -> View {
    let at_ms = now_ms();
    View {
        epoch: first.epoch,
        config: Arc::clone(config),
        live: first.live,
        dormant: first.dormant,
        flags: first.flags,
        reload: ReloadStatus {
            ok: true,
            at_ms,
            by: "start".to_owned(),
            last_success_at_ms: at_ms,
            problems: Vec::new(),
            needs_restart: Vec::new(),
        },
        warnings,
        safe_start: first.safe_start,
    }
}

fn publish_first(plane: &dyn DataPlane, observer: &dyn Observer, view: &View, prepared: Prepared) {
    let (epoch, splits) = (view.epoch, view.splits());
    plane.publish(Publication {
        epoch,
        config: Arc::clone(&view.config),
        prepared: Some(prepared),
        splits: splits.clone(),
        cut: None,
    });
    observer.on(&Event::Reloaded { ok: true, at_ms: view.reload.at_ms });
    observer.on(&Event::Published { epoch, splits });
}

/// The stored state and releases.
struct Remembered {
    state: Saved,
    releases: Vec<(WorkloadName, RegisteredRelease)>,
}

async fn remember(store: Result<Store, StoreError>) -> Result<(StoreHandle, Remembered), String> {
    recall(StoreHandle::new(store.map_err(|error| with_causes(&error))?)).await
}

async fn recall(handle: StoreHandle) -> Result<(StoreHandle, Remembered), String> {
    let load = |store: &mut Store| {
        Ok(Remembered { state: store.load()?, releases: store.run_time_releases()? })
    };
    let saved = handle.with(load).await.map_err(|it| it.to_string())?;
    Ok((handle, saved))
}

/// The state as it is once the ledger takes changes: others may have written meanwhile.
async fn newest(
    remembered: Result<(StoreHandle, Remembered), String>,
    ledger: Option<&Arc<dyn Ledger>>,
) -> Result<(StoreHandle, Remembered), String> {
    let (handle, saved) = remembered?;
    match ledger.filter(|ledger| ledger.is_shared()) {
        None => Ok((handle, saved)),
        Some(ledger) => {
            ledger.ready().await;
            recall(handle).await
        }
    }
}

fn safe_plan(remembered: Option<&Remembered>, config: &Config, because: Option<String>) -> First {
    let nothing = Saved::default();
    let saved = remembered.map_or(&nothing, |saved| &saved.state);
    let live = |split: Arc<Split>| Live { split, epoch: saved.epoch };
    First {
        epoch: saved.epoch,
        live: safe::splits(config, &saved.workloads).into_iter().map(live).collect(),
        dormant: BTreeMap::new(),
        flags: Arc::new(flags(saved).unwrap_or_else(|error| {
            tracing::error!(error, "flags are as their files say");
            BTreeMap::new()
        })),
        safe_start: because,
        store_error: None,
        is_recorded: true,
    }
}
