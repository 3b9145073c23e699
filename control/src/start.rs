//! The start: from the stored state to the first plan.
//!
//! The remembered state is brought under the configuration, recorded if that changed it, and
//! published. A store that cannot be read is a reason not to start while any workload has a
//! candidate: its weight may have been zero for a good reason. With `--safe-start`, or without any
//! candidate, everything goes to stable and nothing can be changed.

mod last_changes;

use super::access::with_causes;
use super::desk::Desk;
use super::limiter::Limiter;
use super::pending::Pending;
use super::steering::Steering;
use super::store_handle::StoreHandle;
use super::unrecorded::Unrecorded;
use super::unrecorded_file::UnrecordedFile;
use super::{
    Action, Control, FlagState, Inner, Live, ReloadOrder, ReloadStatus, StoreAccessError, View,
    now_ms, reconcile, registry, safe,
};
use crate::ports::{
    DataPlane, Event, Ledger, LocalLedger, Observer, PrepareError, Prepared, Publication,
};
use last_changes::last_changes;
use serde_json::json;
use stagegate_config::{Config, Loaded, Problem};
use stagegate_rollout::{Split, WorkloadName, WorkloadState};
use stagegate_store::{
    Attachment, AuditFilter, NewAudit, NewChange, RegisteredRelease, Saved, SavedFlag, Store,
    StoreError,
};
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

/// The reason why the driver does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The admin listener would be open to everyone.
    #[error(
        "admin.address: `{0}` is not a loopback address and no token is configured; add admin.tokens or listen on 127.0.0.1"
    )]
    OpenAdmin(std::net::SocketAddr),
    /// The remembered state cannot be read, and a candidate may have been closed in it.
    #[error(
        "the remembered state cannot be read ({why}), and workload {workload} has a candidate: repair or restore data_dir, or start with --safe-start to send everything to stable"
    )]
    UnreadableStore {
        /// A workload with a candidate.
        workload: WorkloadName,
        /// The problem.
        why: String,
    },
    /// The file of changes in force that were not recorded is damaged.
    #[error(
        "the changes that were in force and not recorded cannot be read ({0}): a candidate may have been taken out in them; repair or remove the file, or start with --safe-start to send everything to stable"
    )]
    DamagedUnrecorded(String),
    /// The data directory cannot be locked.
    #[error("data_dir: {0}")]
    InUse(String),
    /// Configuration and remembered state contradict each other.
    #[error("the configuration does not fit the remembered state: {}", .0.join("; "))]
    Contradiction(Vec<String>),
    /// The data plane cannot serve the configuration.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreAccessError),
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
        let handle = remembered.as_ref().ok().map(|(handle, _)| handle.clone());
        let ledger = handle.clone().map(|handle| wrap(Arc::new(handle)));
        let first = match (&remembered, &ledger, safe_because) {
            (Ok((handle, saved)), Some(ledger), None) => {
                bring_up(ledger, handle, &saved.state, &config, Action::ProcessStart).await?
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
        let store_error = first.store_error.clone();
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

/// The parts of the first view that depend on what is remembered.
pub(super) struct First {
    pub(super) epoch: u64,
    pub(super) live: Vec<Live>,
    pub(super) dormant: BTreeMap<WorkloadName, WorkloadState>,
    pub(super) flags: Arc<BTreeMap<String, FlagState>>,
    safe_start: Option<String>,
    store_error: Option<String>,
}

/// The stored state and releases.
struct Remembered {
    state: Saved,
    releases: Vec<(WorkloadName, RegisteredRelease)>,
}

async fn remember(store: Result<Store, StoreError>) -> Result<(StoreHandle, Remembered), String> {
    let handle = StoreHandle::new(store.map_err(|error| with_causes(&error))?);
    let load = |store: &mut Store| {
        Ok(Remembered { state: store.load()?, releases: store.run_time_releases()? })
    };
    let saved = handle.with(load).await.map_err(|it| it.to_string())?;
    Ok((handle, saved))
}

/// Brings the remembered state under the configuration and records the difference.
pub(super) async fn bring_up(
    ledger: &Arc<dyn Ledger>,
    store: &StoreHandle,
    saved: &Saved,
    config: &Config,
    action: Action,
) -> Result<First, StartError> {
    let at_ms = now_ms();
    let by = ReloadOrder { actor: "config".to_owned(), ..ReloadOrder::default() };
    let done = reconcile::reconcile(config, saved.workloads.clone(), &by, at_ms)
        .map_err(StartError::Contradiction)?;
    let is_new = !done.changed.is_empty();
    let epoch = saved.epoch + u64::from(is_new);
    let names: Vec<String> = done.changed.iter().map(|(name, _)| name.to_string()).collect();
    let entry = NewAudit {
        at_ms,
        actor: "config".to_owned(),
        workload: None,
        action: action.label().to_owned(),
        reason: String::new(),
        summary: if done.notes.is_empty() {
            "state as before".to_owned()
        } else {
            done.notes.join("; ")
        },
        details: json!({ "version": env!("CARGO_PKG_VERSION"), "workloads": names }),
    };
    let change = NewChange {
        entry,
        states: done.changed,
        makes_a_plan: is_new,
        answer: None,
        attachments: vec![Attachment::Declared(registry::declared(config))],
    };
    let store_error = match ledger.append(saved.epoch, change).await {
        Ok(_) => None,
        // A full disk must not keep a known state from being served again.
        Err(error) if error.is_a_failure() && !is_new => {
            tracing::error!(%error, "cannot record the start");
            Some(error.to_string())
        }
        Err(error) => return Err(error.into()),
    };
    let epochs = last_changes(store, config, epoch).await?;
    let live = done.splits.into_iter().map(|split| {
        let epoch = epochs.get(split.spec().name.as_str()).copied().unwrap_or(epoch);
        Live { split, epoch }
    });
    Ok(First {
        epoch,
        live: live.collect(),
        dormant: done.dormant,
        flags: Arc::new(flags(saved).map_err(StoreAccessError::Store)?),
        safe_start: None,
        store_error,
    })
}

/// The flags that were changed at run time.
fn flags(saved: &Saved) -> Result<BTreeMap<String, FlagState>, String> {
    let read = |(key, flag): (&String, &SavedFlag)| {
        let given = flag.state.as_deref().map(serde_json::from_str).transpose();
        let given = given.map_err(|error| format!("the stored state of flag `{key}`: {error}"))?;
        Ok((key.clone(), FlagState { given: given.unwrap_or_default(), epoch: flag.epoch }))
    };
    saved.flags.iter().map(read).collect()
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
    }
}
