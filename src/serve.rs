//! The composition root: every part made, joined, run and ended, in that order.

use crate::collect::{self, Counter, Figures};
use crate::handover::{self, Inherited};
use crate::journal::{self, Journal};
use crate::listen::{self, SocketFile};
use crate::names;
use crate::notify;
use crate::plane::Plane;
use crate::scoring;
use crate::tls;
use crate::traces::Traces;
use crate::workers::Workers;
use anyhow::Context as _;
use stagegate_admin::App;
use stagegate_admin::sources::{DecisionSource, ScoredSamples};
use stagegate_config::{Config, Loaded};
use stagegate_control::{Control, Startup};
use stagegate_notify::Notifier;
use stagegate_proxy::{self as proxy, DataPlane};
use stagegate_store::{Retention, Store};
use stagegate_telemetry::{Options, Telemetry};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// How long a process that takes over waits for its endpoints before it begins all the same.
const ASKING_ENDPOINTS: Duration = Duration::from_secs(5);

/// How to start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServeOptions {
    /// Send everything to stable and change nothing.
    pub(crate) safe_start: bool,
    /// Take the place of the process that has the data directory, if there is one.
    pub(crate) take_over: bool,
}

/// A running Stagegate.
pub(crate) struct Running {
    /// Where the first TCP listener accepts.
    pub(crate) proxy_addr: Option<SocketAddr>,
    /// Where the admin API answers.
    pub(crate) admin_addr: SocketAddr,
    pub(crate) control: Control,
    pub(crate) plane: Arc<Plane>,
    pub(crate) journal: Option<Arc<Journal>>,
    /// The listening sockets once more, by name, for a process that takes over.
    pub(crate) sockets: Vec<(String, OwnedFd)>,
    tasks: Vec<JoinHandle<()>>,
    directors: Option<Directors>,
    notifier: Option<Notifier>,
    end_admin: Option<oneshot::Sender<()>>,
    admin: JoinHandle<std::io::Result<()>>,
    admin_ended: bool,
    scoring: Option<scoring::Running>,
    traces: Arc<Traces>,
    _socket_files: Vec<SocketFile>,
}

/// The tasks that only the process may run that has the data directory.
struct Directors {
    end_steering: oneshot::Sender<()>,
    steering: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
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
    let mut inherited = None;
    if options.take_over {
        let data_dir = loaded.config.data_dir.clone();
        inherited = tokio::task::spawn_blocking(move || handover::ask(&data_dir)).await??;
        if inherited.is_none() {
            tracing::info!("nobody is there to take over from: starting as usual");
        }
    }
    let started = bring_up(loaded, path, options, &mut inherited).await;
    match (&started, inherited) {
        (Ok(running), Some(inherited)) => running.receive_from(inherited),
        (Err(error), Some(inherited)) => inherited.give_up(&format!("{error:#}")),
        (_, None) => {}
    }
    started
}

/// Sockets of the configuration, inherited or bound.
struct Sockets {
    listeners: Vec<proxy::Listener>,
    files: Vec<SocketFile>,
    admin: TcpListener,
    /// Each once more, by name.
    copies: Vec<(String, OwnedFd)>,
}

impl Sockets {
    fn open(config: &Config, inherited: &mut Option<Inherited>) -> anyhow::Result<Self> {
        let mut take = |name: &str| inherited.as_mut().and_then(|it| it.take(name));
        let (mut listeners, mut files, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for listener in &config.listeners {
            let name = handover::proxy_socket(listener);
            let (socket, file) = match take(&name) {
                Some(socket) => listen::inherit(listener, socket)?,
                None => listen::bind(listener)?,
            };
            copies.push((name, listen::copy(&socket)?));
            listeners.push(socket);
            files.extend(file);
        }
        let name = handover::admin_socket(config);
        let admin = match take(&name) {
            Some(socket) => socket.into(),
            None => listen::tcp(config.admin.address)?,
        };
        copies.push((name, admin.try_clone()?.into()));
        Ok(Self { listeners, files, admin, copies })
    }
}

async fn bring_up(
    loaded: Loaded,
    path: PathBuf,
    options: ServeOptions,
    inherited: &mut Option<Inherited>,
) -> anyhow::Result<Running> {
    let config = loaded.config.clone();
    // Bound before anything else is done, so that a second process fails without side effects.
    let sockets = Sockets::open(&config, inherited)?;
    let settings = tls::listeners(&config.listeners, &[])?;
    let admin = tokio::net::TcpListener::from_std(sockets.admin)?;
    let admin_addr = admin.local_addr()?;

    let telemetry =
        Arc::new(Telemetry::new(Options::new(env!("CARGO_PKG_VERSION"), Instant::now())));
    // Before anything else in the directory: it is the store that says who else has it.
    let data_dir = config.data_dir.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&data_dir)).await?;
    let outbox = notify::outbox(&store);
    let journal = decision_log(&config);
    if config.decision_log.enabled && journal.is_none() {
        telemetry.set_decision_log(false, &[]);
    }
    let workers = Arc::new(Workers::default());
    let traces = Arc::new(Traces::default());
    let (sink, counts, counted) =
        collect::sink(Arc::clone(&workers), journal.clone(), Arc::clone(&traces));
    let proxy = DataPlane::start(config.workers, config.clients.clone(), sink)
        .context("no worker threads")?;
    let (outlet, copies) = scoring::outlet(&config);
    let plane = Plane::new(proxy, Arc::clone(&workers), Arc::clone(&outlet), Arc::clone(&traces));
    let plane = Arc::new(plane);
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
    if let Some(inherited) = inherited {
        ask_endpoints(&control).await;
        inherited.begin().await?;
    }

    let mut proxy_addr = None;
    for ((socket, settings), listener) in
        sockets.listeners.into_iter().zip(settings).zip(&config.listeners)
    {
        let tls = settings.tls.is_some();
        let bound = plane.proxy().listen(socket, settings)?;
        let address = bound.map_or_else(|| listener.address.to_string(), |at| at.to_string());
        tracing::info!(address, tls, "proxying");
        proxy_addr = proxy_addr.or(bound);
    }
    // Traffic matters more: without a place for samples nothing is scored.
    let scoring = match scoring::start(
        control.clone(),
        Arc::clone(&outlet),
        copies,
        Arc::clone(&traces),
        counts,
    ) {
        Ok(scoring) => Some(scoring),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "no sample store: nothing is scored");
            None
        }
    };
    if let Some(scoring) = &scoring {
        control.doubt_through(Arc::new(scoring::Doubts(Arc::clone(&scoring.scoring))));
    }
    let notifier = outbox.map(|outbox| notify::notifier(outbox, &control, &telemetry));
    if let Some(notifier) = &notifier {
        control.tell_through(notifier.clone());
    }
    let figures = Arc::new(Figures {
        telemetry: Arc::clone(&telemetry),
        log: journal.clone(),
        plane: Arc::clone(&plane),
        notifier: notifier.clone(),
        scoring: scoring.as_ref().map(|it| (Arc::clone(&it.scoring), Arc::clone(&outlet))),
        traces: Arc::clone(&traces),
    });
    let app = App {
        control: control.clone(),
        stats: Arc::clone(&figures) as _,
        metrics: figures,
        decisions: journal.clone().map(|journal| journal as Arc<dyn DecisionSource>),
        samples: scoring.as_ref().map(|it| {
            let want = move |workload: &str, wanted| outlet.wanted(workload).set(wanted);
            Arc::new(ScoredSamples::new(Arc::clone(&it.scoring), Box::new(want))) as _
        }),
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
    let looking_up = names::keep_looking_up(control.clone(), Arc::clone(&plane));
    let tasks = vec![
        tokio::spawn(collect::absorb(telemetry, control.clone(), counted)),
        tokio::spawn(looking_up),
    ];
    let mut running = Running {
        proxy_addr,
        _socket_files: sockets.files,
        admin_addr,
        control,
        plane,
        journal,
        sockets: sockets.copies,
        tasks,
        directors: None,
        notifier,
        end_admin: Some(end_admin),
        admin,
        admin_ended: false,
        scoring,
        traces,
    };
    running.direct();
    Ok(running)
}

/// Asks every endpoint of the stable releases, so that the first request finds names looked up and
/// what is down known. One that does not answer is no reason to stay away.
async fn ask_endpoints(control: &Control) {
    let mut asking = JoinSet::new();
    for live in &control.view().live {
        let (name, release) = (live.split.spec().name.clone(), live.split.state().stable.clone());
        let plane = Arc::clone(control.plane());
        asking.spawn(async move { (name.clone(), plane.probe(name, release).await) });
    }
    let asked = async {
        while let Some(Ok((workload, endpoints))) = asking.join_next().await {
            for endpoint in endpoints {
                if let Err(error) = endpoint.answered {
                    tracing::warn!(%workload, endpoint = endpoint.address, error, "does not answer");
                }
            }
        }
    };
    if tokio::time::timeout(ASKING_ENDPOINTS, asked).await.is_err() {
        tracing::warn!("not every endpoint has answered; beginning all the same");
    }
}

impl Running {
    /// Begins what only the process may do that has the data directory: steering, telling people,
    /// taking over what former processes left.
    pub(crate) fn direct(&mut self) {
        let (end_steering, ended) = oneshot::channel::<()>();
        let steered = self.control.clone();
        let steering = tokio::spawn(async move {
            steered
                .steer(async {
                    let _ = ended.await;
                })
                .await;
        });
        let notifying = self.notifier.clone().map(|notifier| tokio::spawn(notifier.run()));
        let looking = self.journal.clone().map(|it| tokio::spawn(journal::keep_looking(it)));
        let others = notifying.into_iter().chain(looking).collect();
        self.directors = Some(Directors { end_steering, steering, others });
    }

    /// Ends what [`Running::direct`] began; what was gathered is saved.
    ///
    /// # Errors
    /// When the steering loop has failed.
    pub(crate) async fn stop_directing(&mut self) -> anyhow::Result<()> {
        let Some(Directors { end_steering, steering, others }) = self.directors.take() else {
            return Ok(());
        };
        let _ = end_steering.send(());
        others.iter().for_each(JoinHandle::abort);
        Ok(steering.await?)
    }

    /// Accepts what was copied, and samples no more.
    ///
    /// # Errors
    /// When scoring has failed.
    pub(crate) async fn stop_scoring(&mut self) -> anyhow::Result<()> {
        if let Some(scoring) = self.scoring.take() {
            tokio::task::spawn_blocking(move || scoring.stop()).await?;
        }
        Ok(())
    }

    /// Takes no more calls of the admin API; running ones may finish.
    pub(crate) fn close_admin(&mut self) {
        if let Some(end) = self.end_admin.take() {
            let _ = end.send(());
        }
    }

    /// Waits a moment until the admin API has let go of its socket.
    pub(crate) async fn admin_closed(&mut self, patience: Duration) {
        if !self.admin_ended {
            let ended = tokio::time::timeout(patience, &mut self.admin).await;
            self.admin_ended = ended.is_ok();
        }
    }

    /// Goes on with the client connections of the process before.
    fn receive_from(&self, inherited: Inherited) {
        let plane = Arc::clone(&self.plane);
        let config = Arc::clone(&self.control.view().config);
        // A thread of its own: it may be there for as long as the longest answer.
        let receiving =
            std::thread::Builder::new().name("inheritance".to_owned()).spawn(move || {
                let names: Vec<String> =
                    config.listeners.iter().map(handover::proxy_socket).collect();
                inherited.receive(
                    |name| names.iter().position(|it| it == name),
                    |leaving| plane.proxy().adopt(leaving),
                );
            });
        if let Err(error) = receiving {
            tracing::error!(%error, "connections of the former process are closed");
        }
    }

    /// Stops accepting, lets running answers finish, and ends everything.
    ///
    /// # Errors
    /// When a part did not end as it should.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        // Nobody is to find them listening.
        self.sockets.clear();
        self.plane.begin_drain();
        let timeout = self.control.view().config.drain_timeout;
        if !self.plane.proxy().drain(timeout).await {
            tracing::warn!(?timeout, "answers that still ran were abandoned");
        }
        self.stop_scoring().await?;
        let traces = Arc::clone(&self.traces);
        let telling = tokio::task::spawn_blocking(move || traces.stop());
        // Gates are watched for as long as anybody is served; then the evidence is saved.
        self.stop_directing().await?;
        self.close_admin();
        if !self.admin_ended {
            self.admin.await??;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        telling.await?;
        if let Some(journal) = self.journal {
            tokio::task::spawn_blocking(move || journal.flush()).await?;
        }
        Ok(())
    }
}

/// The decision log, or none if it cannot be had: traffic matters more.
fn decision_log(config: &Config) -> Option<Arc<Journal>> {
    let settings = &config.decision_log;
    if !settings.enabled {
        return None;
    }
    let retention = Retention { max_age: settings.max_age, max_bytes: settings.max_size };
    match Journal::open(&config.data_dir.join("decisions"), retention) {
        Ok(journal) => Some(Arc::new(journal)),
        Err(error) => {
            tracing::error!("{error:#}: decisions are not recorded");
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
