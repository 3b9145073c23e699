//! The composition root: every part made, joined, run and ended, in that order.

use crate::collect::{self, Counter, Figures};
use crate::listen::{self, SocketFile};
use crate::names;
use crate::notify;
use crate::plane::Plane;
use crate::scoring;
use crate::wire;
use crate::workers::Workers;
use anyhow::Context as _;
use stagegate_admin::data_plane::DecisionSource;
use stagegate_admin::{App, Control, Startup};
use stagegate_config::{Config, Loaded};
use stagegate_proxy::DataPlane;
use stagegate_store::{DecisionLog, Retention, Store};
use stagegate_telemetry::{Options, Telemetry};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How to start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServeOptions {
    /// Send everything to stable and change nothing.
    pub(crate) safe_start: bool,
}

/// A running Stagegate.
pub(crate) struct Running {
    /// Where the first TCP listener accepts.
    pub(crate) proxy_addr: Option<SocketAddr>,
    /// Where the admin API answers.
    pub(crate) admin_addr: SocketAddr,
    pub(crate) control: Control,
    plane: Arc<Plane>,
    tasks: Vec<JoinHandle<()>>,
    end_steering: oneshot::Sender<()>,
    steering: JoinHandle<()>,
    end_admin: oneshot::Sender<()>,
    admin: JoinHandle<std::io::Result<()>>,
    log: Option<Arc<DecisionLog>>,
    scoring: Option<scoring::Running>,
    _socket_files: Vec<SocketFile>,
}

/// Starts everything a configuration asks for.
///
/// # Errors
/// When any part cannot start; what had started ends with the process.
pub(crate) async fn start(
    config: Config,
    path: PathBuf,
    options: ServeOptions,
) -> anyhow::Result<Running> {
    start_loaded(Loaded { config, warnings: Vec::new() }, path, options).await
}

/// As [`start`], with the warnings the configuration came with.
pub(crate) async fn start_loaded(
    loaded: Loaded,
    path: PathBuf,
    options: ServeOptions,
) -> anyhow::Result<Running> {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    raise_file_limit();
    let config = loaded.config.clone();
    // Bound before anything else is done, so that a second process fails without side effects.
    let (sockets, files): (Vec<_>, Vec<_>) = config
        .listeners
        .iter()
        .map(listen::bind)
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let settings = wire::listeners(&config, &[])?;
    let admin = tokio::net::TcpListener::from_std(listen::tcp(config.admin.address)?)?;
    let admin_addr = admin.local_addr()?;

    let telemetry =
        Arc::new(Telemetry::new(Options::new(env!("CARGO_PKG_VERSION"), Instant::now())));
    // Before anything else in the directory: it is the store that says who else has it.
    let data_dir = config.data_dir.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&data_dir)).await?;
    let outbox = notify::outbox(&store);
    let log = decision_log(&config);
    if config.decision_log.enabled && log.is_none() {
        telemetry.set_decision_log(false, &[]);
    }
    let workers = Arc::new(Workers::default());
    let (sink, counts, counted) =
        collect::sink(Arc::clone(&workers), log.as_ref().map(|log| log.writer()));
    let proxy = DataPlane::start(config.workers, wire::settings(&config), sink)
        .context("no worker threads")?;
    let (outlet, copies) = scoring::outlet(&config);
    let plane = Arc::new(Plane::new(proxy, Arc::clone(&workers), Arc::clone(&outlet)));
    let startup = Startup {
        loaded,
        config_path: path,
        store,
        safe_start: options.safe_start,
        plane: Arc::clone(&plane) as _,
        observer: Arc::new(Counter(Arc::clone(&telemetry))),
    };
    let control = Control::start(startup).await?;
    telemetry.set_safe_start(control.view().safe_start.is_some());

    let mut proxy_addr = None;
    for ((socket, settings), listener) in sockets.into_iter().zip(settings).zip(&config.listeners) {
        let tls = settings.tls.is_some();
        let bound = plane.proxy().listen(socket, settings)?;
        let address = bound.map_or_else(|| listener.address.to_string(), |at| at.to_string());
        tracing::info!(address, tls, "proxying");
        proxy_addr = proxy_addr.or(bound);
    }
    // Traffic matters more: without a place for samples nothing is scored.
    let scoring = match scoring::start(control.clone(), Arc::clone(&outlet), copies, counts) {
        Ok(scoring) => Some(scoring),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "no sample store: nothing is scored");
            None
        }
    };
    let notifier = outbox.map(|outbox| notify::notifier(outbox, &control, &telemetry));
    if let Some(notifier) = &notifier {
        control.tell_through(notifier.clone());
    }
    let figures = Arc::new(Figures {
        telemetry: Arc::clone(&telemetry),
        log: log.clone(),
        workers,
        plane: Arc::clone(&plane),
        notifier: notifier.clone(),
        scoring: scoring.as_ref().map(|it| (Arc::clone(&it.scoring), outlet)),
    });
    let app = App {
        control: control.clone(),
        stats: Arc::clone(&figures) as _,
        metrics: figures,
        decisions: log.clone().map(|log| log as Arc<dyn DecisionSource>),
        samples: scoring.as_ref().map(|it| Arc::new(scoring::Shown(Arc::clone(&it.scoring))) as _),
        notifier: notifier.clone(),
        started_at_ms: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |t| t.as_millis() as u64),
    };
    let (end_admin, ended) = oneshot::channel();
    let admin = tokio::spawn(stagegate_admin::serve(admin, app, async {
        let _ = ended.await;
    }));
    tracing::info!(address = %admin_addr, "admin API");
    let mut tasks = vec![tokio::spawn(collect::absorb(telemetry, control.clone(), counted))];
    tasks.extend(notifier.clone().map(|notifier| tokio::spawn(notifier.run())));
    let (end_steering, ended) = oneshot::channel::<()>();
    let steered = control.clone();
    let steering = tokio::spawn(async move {
        steered
            .steer(async {
                let _ = ended.await;
            })
            .await;
    });
    let looking_up = names::keep_looking_up(control.clone(), Arc::clone(&plane));
    tasks.push(tokio::spawn(looking_up));
    Ok(Running {
        proxy_addr,
        _socket_files: files.into_iter().flatten().collect(),
        admin_addr,
        control,
        plane,
        tasks,
        end_steering,
        steering,
        end_admin,
        admin,
        log,
        scoring,
    })
}

impl Running {
    /// Stops accepting, lets running answers finish, and ends everything.
    ///
    /// # Errors
    /// When a part did not end as it should.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.plane.begin_drain();
        let timeout = self.control.view().config.drain_timeout;
        if !self.plane.proxy().drain(timeout).await {
            tracing::warn!(?timeout, "answers that still ran were abandoned");
        }
        if let Some(scoring) = self.scoring {
            tokio::task::spawn_blocking(move || scoring.stop()).await?;
        }
        // Gates are watched for as long as anybody is served; then the evidence is saved.
        let _ = self.end_steering.send(());
        self.steering.await?;
        let _ = self.end_admin.send(());
        self.admin.await??;
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Some(log) = self.log {
            tokio::task::spawn_blocking(move || log.flush()).await?;
        }
        Ok(())
    }
}

/// The decision log, or none if it cannot be had: traffic matters more.
fn decision_log(config: &Config) -> Option<Arc<DecisionLog>> {
    let settings = &config.decision_log;
    if !settings.enabled {
        return None;
    }
    let directory: &Path = &config.data_dir.join("decisions");
    match DecisionLog::open(
        directory,
        Retention { max_age: settings.max_age, max_bytes: settings.max_size },
    ) {
        Ok(log) => Some(Arc::new(log)),
        Err(error) => {
            tracing::error!(%error, directory = %directory.display(), "no decision log: decisions are not recorded");
            None
        }
    }
}

/// Each connection is a file: take as many as the system lets us have.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
