//! From a stored past to a first plan.
//!
//! The remembered state is brought under the configuration, recorded if that changed it, and
//! published. A store that cannot be read is a reason not to start while any workload has a
//! candidate: its weight may have been zero for a good reason. With `--safe-start`, or without any
//! candidate, everything goes to stable and nothing can be changed.

use super::keeper::{Commit, Keeper, with_causes};
use super::{
    Action, Control, Inner, KeeperError, Live, ReloadStatus, View, audit, now_ms, reconcile,
    registry, safe,
};
use crate::ports::{DataPlane, Event, Observer, PrepareError, Publication};
use serde_json::json;
use stagegate_config::{Config, Loaded, Origin};
use stagegate_rollout::{Split, WorkloadName, WorkloadState};
use stagegate_store::{
    AuditFilter, NewAudit, NewRelease, RegisteredRelease, Saved, Store, StoreError,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// Everything the driver starts from.
pub struct Startup {
    /// The configuration and its warnings.
    pub loaded: Loaded,
    /// Where it came from and will be reloaded from.
    pub config_path: PathBuf,
    /// The state store, or why it cannot be had.
    pub store: Result<Store, StoreError>,
    /// Send everything to stable and change nothing.
    pub safe_start: bool,
    /// Who routes.
    pub plane: Arc<dyn DataPlane>,
    /// Who counts.
    pub observer: Arc<dyn Observer>,
}

/// Why the driver does not start.
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
        /// What is wrong.
        why: String,
    },
    /// The data directory cannot be had.
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
    Keeper(#[from] KeeperError),
}

impl Control {
    /// Starts the driver and publishes the first plan.
    ///
    /// # Errors
    /// A [`StartError`]; nothing was published then.
    pub async fn start(startup: Startup) -> Result<Self, StartError> {
        let Startup { loaded, config_path, store, safe_start, plane, observer } = startup;
        let admin = &loaded.config.admin;
        if admin.tokens.is_empty() && !admin.address.ip().is_loopback() {
            return Err(StartError::OpenAdmin(admin.address));
        }
        let mut config = loaded.config;
        if let Err(StoreError::Lock(error)) = &store
            && !safe_start
        {
            return Err(StartError::InUse(error.to_string()));
        }
        let remembered = remember(store).await;
        if let Ok((_, saved)) = &remembered
            && let Err(contradictions) = registry::join(&mut config, &saved.releases)
        {
            if !safe_start {
                return Err(StartError::Contradiction(contradictions));
            }
            tracing::error!(?contradictions, "releases registered at run time are left out");
        }
        let config = Arc::new(config);
        let safe_because = match &remembered {
            _ if safe_start => Some("started with --safe-start".to_owned()),
            Ok(_) => None,
            Err(why) => {
                let with_candidate = config.workloads.iter().find(|it| it.spec.candidate.is_some());
                if let Some(workload) = with_candidate {
                    let workload = workload.spec.name.clone();
                    return Err(StartError::UnreadableStore { workload, why: why.clone() });
                }
                Some(format!("the remembered state cannot be read: {why}"))
            }
        };
        let prepared = plane.prepare(Arc::clone(&config)).await?;
        let first = match (&remembered, safe_because) {
            (Ok((keeper, saved)), None) => {
                bring_up(keeper, &saved.state, &config, Action::ProcessStart).await?
            }
            (remembered, because) => safe_plan(remembered.as_ref().ok(), &config, because),
        };
        let keeper = remembered.ok().map(|(keeper, _)| keeper);
        if let Some(why) = &first.safe_start {
            tracing::error!(why, "SAFE START: everything goes to stable, nothing can be changed");
        }
        let at_ms = now_ms();
        let view = View {
            epoch: first.epoch,
            config: Arc::clone(&config),
            live: first.live,
            dormant: first.dormant,
            reload: ReloadStatus {
                ok: true,
                at_ms,
                by: "start".to_owned(),
                last_success_at_ms: at_ms,
                problems: Vec::new(),
                needs_restart: Vec::new(),
            },
            warnings: loaded.warnings,
            safe_start: first.safe_start,
        };
        let splits = view.splits();
        plane.publish(Publication {
            epoch: view.epoch,
            config,
            prepared: Some(prepared),
            splits: splits.clone(),
            cut: None,
        });
        observer.on(&Event::Reloaded { ok: true, at_ms });
        observer.on(&Event::Published { epoch: view.epoch, splits });
        let inner = Inner {
            turn: tokio::sync::Mutex::new(()),
            reloading: tokio::sync::Mutex::new(()),
            view: RwLock::new(Arc::new(view)),
            keeper,
            plane,
            observer,
            config_path,
            store_failures: AtomicU64::new(0),
            store_error: Mutex::new(first.store_error),
            limiter: audit::Limiter::default(),
            handing_over: AtomicBool::new(false),
            steering: super::steer::Steering::default(),
            notifier: OnceLock::new(),
            doubts: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// The parts of the first view that depend on what is remembered.
pub(super) struct First {
    pub(super) epoch: u64,
    pub(super) live: Vec<Live>,
    pub(super) dormant: BTreeMap<WorkloadName, WorkloadState>,
    safe_start: Option<String>,
    store_error: Option<String>,
}

/// What the store remembers.
struct Remembered {
    state: Saved,
    releases: Vec<(WorkloadName, RegisteredRelease)>,
}

async fn remember(store: Result<Store, StoreError>) -> Result<(Keeper, Remembered), String> {
    let keeper = Keeper::new(store.map_err(|error| with_causes(&error))?);
    let load = |store: &mut Store| {
        Ok(Remembered { state: store.load()?, releases: store.run_time_releases()? })
    };
    let saved = keeper.with(load).await.map_err(|it| it.to_string())?;
    Ok((keeper, saved))
}

/// Brings the remembered state under the configuration and records the difference.
pub(super) async fn bring_up(
    keeper: &Keeper,
    saved: &Saved,
    config: &Config,
    action: Action,
) -> Result<First, StartError> {
    let at_ms = now_ms();
    let done = reconcile::reconcile(config, saved.workloads.clone(), "config", at_ms)
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
    let releases = releases(config);
    let registered =
        keeper.with(move |store| Ok(store.register_releases(&releases, at_ms, "config")?)).await;
    let commit = Commit { entry, states: done.changed, epoch, answer: None };
    let recorded = match registered {
        Ok(()) => keeper.commit(commit).await.map(|_| ()),
        Err(error) => Err(error),
    };
    let store_error = match recorded {
        Ok(()) => None,
        // A full disk must not keep a known state from being served again.
        Err(error @ KeeperError::Store(_)) if !is_new => {
            tracing::error!(%error, "the start was not recorded");
            Some(error.to_string())
        }
        Err(error) => return Err(error.into()),
    };
    let epochs = last_changes(keeper, config, epoch).await?;
    let live = done.splits.into_iter().map(|split| {
        let epoch = epochs.get(split.spec().name.as_str()).copied().unwrap_or(epoch);
        Live { split, epoch }
    });
    Ok(First { epoch, live: live.collect(), dormant: done.dormant, safe_start: None, store_error })
}

fn safe_plan(
    remembered: Option<&(Keeper, Remembered)>,
    config: &Config,
    because: Option<String>,
) -> First {
    let nothing = Saved::default();
    let saved = remembered.map_or(&nothing, |(_, saved)| &saved.state);
    let live = |split: Arc<Split>| Live { split, epoch: saved.epoch };
    First {
        epoch: saved.epoch,
        live: safe::splits(config, &saved.workloads).into_iter().map(live).collect(),
        dormant: BTreeMap::new(),
        safe_start: because,
        store_error: None,
    }
}

/// The releases that the file declares, as the registry wants them.
pub(super) fn releases(config: &Config) -> Vec<NewRelease> {
    let mut set = Vec::new();
    for workload in &config.workloads {
        let declared = workload.releases.iter().filter(|(_, it)| it.origin == Origin::File);
        set.extend(
            declared.map(|(name, release)| registry::entry(&workload.spec.name, name, release)),
        );
    }
    set
}

/// How many audit entries are searched for the workloads' last changes.
const SEARCHED: usize = 10_000;

/// Epoch of each workload's last change, from the audit, so that an `ETag` outlives a restart. A
/// workload that is not found keeps the plan's epoch: its old tags are refused, which is safe.
async fn last_changes(
    keeper: &Keeper,
    config: &Config,
    epoch: u64,
) -> Result<BTreeMap<String, u64>, KeeperError> {
    let mut wanted: Vec<String> =
        config.workloads.iter().map(|it| it.spec.name.to_string()).collect();
    keeper
        .with(move |store| {
            let mut found = BTreeMap::new();
            let mut filter = AuditFilter::default();
            let mut searched = 0;
            while !wanted.is_empty() && searched < SEARCHED {
                let page = store.audit(&filter, 500)?;
                let Some(last) = page.last() else { break };
                filter.before_seq = Some(last.seq);
                searched += page.len();
                for entry in page.iter().filter(|it| it.epoch > it.epoch_before) {
                    wanted.retain(|name| {
                        let touched = touches(entry, name);
                        if touched {
                            found.insert(name.clone(), entry.epoch.min(epoch));
                        }
                        !touched
                    });
                }
            }
            Ok(found)
        })
        .await
}

/// Whether an entry that made a new plan changed this workload.
fn touches(entry: &stagegate_store::AuditEntry, name: &str) -> bool {
    // A drill makes plans, and changes nothing that a person could rely on.
    if entry.action == Action::Drill.label() {
        return false;
    }
    if let Some(workload) = &entry.workload {
        return **workload == *name;
    }
    // Starts and reloads list the workloads they changed.
    let details: serde_json::Value = serde_json::from_str(&entry.details).unwrap_or_default();
    details["workloads"].as_array().is_some_and(|names| names.iter().any(|it| it == name))
}
