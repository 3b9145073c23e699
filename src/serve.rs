//! The composition root: every part made, joined, run and ended, in that order.

mod running;
mod sockets;

pub(crate) use running::Running;

use crate::collect::{self, Counter, Figures};
use crate::conversations::Conversations;
use crate::counts::{Counted, Counts};
use crate::file_limit;
use crate::fleet::Fleet;
use crate::handover::{self, Inherited};
use crate::journal::Journal;
use crate::listen;
use crate::names;
use crate::otlp::{self, PriceLists, Stages};
use crate::plane::Plane;
use crate::queue;
use crate::remote_flags::RemoteFlags;
use crate::scoring;
use crate::supervise;
use crate::tls;
use crate::traces::Traces;
use crate::workers::Workers;
use crate::{external, flags, notify};
use anyhow::Context as _;
use running::AdminServer;
use sockets::Sockets;
use stagegate_admin::sources::{DecisionSource, ScoredSamples};
use stagegate_admin::{App, Events};
use stagegate_config::{Config, Loaded};
use stagegate_control::{Control, Startup, now_ms};
use stagegate_notify::Notifier;
use stagegate_otlp::Book;
use stagegate_proxy::{self as proxy, DataPlane, Outlet, Tapped};
use stagegate_store::{Retention, Store};
use stagegate_telemetry::{Options, Telemetry};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a process that takes over waits for its endpoints before it begins without them.
const ASKING_ENDPOINTS: Duration = Duration::from_secs(5);

/// Options of a start.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServeOptions {
    /// Send everything to stable and change nothing.
    pub(crate) safe_start: bool,
    /// Take the place of the process that has the data directory, if there is one.
    pub(crate) take_over: bool,
    /// Name of this replica of a fleet, instead of the configuration's.
    pub(crate) replica: Option<String>,
}

/// Starts every part of a configuration.
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
    file_limit::raise();
    file_limit::fit_or_refuse(&loaded.config)?;
    // What is written from here on is for this user alone. Sockets of listeners get their own mode.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let mut inherited = None;
    if options.take_over {
        let data_dir = loaded.config.data_dir.clone();
        inherited = tokio::task::spawn_blocking(move || handover::ask(&data_dir)).await??;
        if inherited.is_none() {
            tracing::info!("no running process to take over from; starting as usual");
        }
    }
    let started = bring_up(loaded, path, &options, &mut inherited).await;
    match (&started, inherited) {
        (Ok(running), Some(inherited)) => running.receive_from(inherited),
        (Err(error), Some(inherited)) => inherited.give_up(&format!("{error:#}")),
        (_, None) => {}
    }
    started
}

async fn bring_up(
    loaded: Loaded,
    path: PathBuf,
    options: &ServeOptions,
    inherited: &mut Option<Inherited>,
) -> anyhow::Result<Running> {
    let config = loaded.config.clone();
    // Bound before anything else is done, so that a second process fails without side effects.
    let sockets = Sockets::open(&config, inherited)?;
    let settings = tls::listeners(&config.listeners, &[])?;
    // Before anything else in the directory: it is the store that says who else has it.
    let data_dir = config.data_dir.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&data_dir)).await?;
    let outbox = notify::outbox(&store);
    let (parts, counting, copies) = Parts::start(&config)?;
    let startup = Startup {
        loaded,
        config_path: path,
        store,
        safe_start: options.safe_start,
        plane: Arc::clone(&parts.plane) as _,
        observer: Arc::new(Counter(Arc::clone(&parts.telemetry))),
    };
    let fleet = match startup.safe_start {
        // Everybody goes to stable, and nothing can be changed.
        true => None,
        false => Fleet::of(&config, options.replica.as_deref(), &parts.plane)?,
    };
    let fleet = fleet.map(Arc::new);
    let control = start_control(startup, fleet.as_deref()).await?;
    external::attach(&control);
    parts.telemetry.set_safe_start(control.view().safe_start.is_some());
    if let Some(inherited) = inherited {
        ask_endpoints(&control).await;
        inherited.begin().await?;
    }
    let served = match sockets.flags {
        Some(_) => flags::load(&control, &parts.plane)?
            .inspect(|it| parts.remote.follow(it, &parts.traces)),
        None => None,
    };
    let conversations = Arc::new(Conversations::new(Arc::clone(&parts.plane), &config.data_dir));
    let recalling = Arc::clone(&conversations);
    tokio::task::spawn_blocking(move || recalling.recall()).await?;
    // A safe start changes nothing. Before the first request: a workload may be killed.
    let queue = match control.view().safe_start.is_some() {
        true => None,
        false => Some(queue::open(&config, &parts.plane)?),
    };
    let proxy_addr = parts.accept(sockets.listeners, settings, &config)?;
    let more = counting.more.clone();
    let scoring = parts.score(&control, copies, counting.more);
    let notifier = outbox.map(|outbox| notify::notifier(outbox, &control, &parts.telemetry));
    if let Some(notifier) = &notifier {
        control.tell_through(notifier.clone());
    }
    let flags = match (sockets.flags, served) {
        (Some(listener), Some(served)) => Some(flags::start(listener, served, &control)?),
        _ => None,
    };
    let otlp = match (sockets.otlp, &parts.book) {
        (Some(listener), Some(book)) => {
            otlp::start(listener, book, &control, Arc::clone(&parts.prices), more)?
        }
        _ => None,
    };
    let shown = flags.as_ref().map(|it| Arc::clone(&it.flags));
    let shows = (shown.clone(), fleet.clone(), queue.clone());
    let app = parts.app(&control, notifier.as_ref(), scoring.as_ref(), shows);
    if let Some(fleet) = &fleet {
        fleet.answer_from(app.clone());
    }
    let local = listen::admin(&config.data_dir)
        .inspect_err(|error| tracing::warn!(%error, "the admin API has no socket in data_dir"))
        .ok();
    let (local, file) = local.unzip();
    let admin = AdminServer::begin(sockets.admin, local, parts.plane.admin_tls(), app)?;
    let Parts { telemetry, journal, plane, traces, .. } = parts;
    let (looking, looked_up) = (control.clone(), Arc::clone(&plane));
    let (counting_for, counted) =
        (control.clone(), Arc::new(tokio::sync::Mutex::new(counting.counted)));
    let (watching, watched, told) = (control.clone(), Arc::clone(&telemetry), notifier.clone());
    let tasks = vec![
        supervise::keep("flags", move || {
            flags::watch_expiry(watching.clone(), told.clone(), Arc::clone(&watched))
        }),
        supervise::keep("collector", move || {
            let counted = Arc::clone(&counted);
            collect::absorb(Arc::clone(&telemetry), counting_for.clone(), counted, shown.clone())
        }),
        supervise::keep("names", move || {
            names::keep_looking_up(looking.clone(), Arc::clone(&looked_up))
        }),
    ];
    let mut running = Running {
        proxy_addr,
        _socket_files: sockets.files.into_iter().chain(file).collect(),
        control,
        plane,
        journal,
        sockets: sockets.copies,
        tasks,
        owner_tasks: None,
        notifier,
        admin,
        flags,
        otlp,
        scoring,
        traces,
        conversations,
        fleet,
        queue,
    };
    running.begin_owner_tasks();
    Ok(running)
}

/// What needs no driver and is there before it.
struct Parts {
    telemetry: Arc<Telemetry>,
    journal: Option<Arc<Journal>>,
    plane: Arc<Plane>,
    /// Where the data plane puts copies of answers.
    outlet: Arc<Outlet>,
    traces: Arc<Traces>,
    /// Flags that were evaluated for agents, on their way into the records of requests.
    remote: RemoteFlags,
    /// What is known of the traces of agents, where they are received.
    book: Option<Arc<Book>>,
    prices: Arc<PriceLists>,
}

/// The way of the counts.
struct Counting {
    /// A sender for other producers than the workers.
    more: Counts,
    counted: Counted,
}

/// What the admin API shows besides.
type Shown =
    (Option<Arc<stagegate_ofrep::Flags>>, Option<Arc<Fleet>>, Option<stagegate_queue::Queue>);

type Copies = std::sync::mpsc::Receiver<Box<Tapped>>;

impl Parts {
    fn start(config: &Config) -> anyhow::Result<(Self, Counting, Copies)> {
        let options = Options::new(env!("CARGO_PKG_VERSION"), Instant::now());
        let telemetry = Arc::new(Telemetry::new(options));
        let journal = decision_log(config);
        if config.decision_log.enabled && journal.is_none() {
            telemetry.set_decision_log(false, &[]);
        }
        let (workers, traces) = (Arc::new(Workers::default()), Arc::new(Traces::default()));
        let book = otlp::book(config);
        let remote = RemoteFlags::default();
        let (sink, more, counted) = collect::sink(
            Arc::clone(&workers),
            journal.clone(),
            Arc::clone(&traces),
            book.clone(),
            remote.clone(),
        );
        let proxy = DataPlane::start(config.workers, file_limit::fitted(config), sink)
            .context("no worker threads")?;
        let (outlet, copies) = scoring::outlet(config);
        let prices = Arc::<PriceLists>::default();
        let (tapped, traced) = (Arc::clone(&outlet), Arc::clone(&traces));
        let plane = Plane::new(proxy, workers, tapped, traced, Arc::clone(&prices));
        let plane = Arc::new(plane);
        let parts = Self { telemetry, journal, plane, outlet, traces, remote, book, prices };
        Ok((parts, Counting { more, counted }, copies))
    }

    /// Begins to accept; the address of the first TCP listener.
    fn accept(
        &self,
        sockets: Vec<proxy::Listener>,
        settings: Vec<proxy::ListenerSettings>,
        config: &Config,
    ) -> anyhow::Result<Option<SocketAddr>> {
        let mut first = None;
        for ((socket, settings), listener) in
            sockets.into_iter().zip(settings).zip(&config.listeners)
        {
            let tls = settings.tls.is_some();
            let bound = self.plane.proxy().listen(socket, settings)?;
            let address = bound.map_or_else(|| listener.address.to_string(), |at| at.to_string());
            tracing::info!(address, tls, "proxying");
            first = first.or(bound);
        }
        Ok(first)
    }

    /// Scores copies, unless there is no place for samples: traffic matters more.
    fn score(&self, control: &Control, copies: Copies, counts: Counts) -> Option<scoring::Running> {
        let (outlet, traces) = (Arc::clone(&self.outlet), Arc::clone(&self.traces));
        let telemetry = Arc::clone(&self.telemetry);
        match scoring::start(control.clone(), outlet, copies, (traces, counts), telemetry) {
            Ok(scoring) => {
                let doubts = scoring::Doubts(Arc::clone(&scoring.scoring));
                control.doubt_through(Arc::new(doubts));
                Some(scoring)
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "no sample store: nothing is scored");
                None
            }
        }
    }

    /// The parts that the admin API shows.
    fn app(
        &self,
        control: &Control,
        notifier: Option<&Notifier>,
        scoring: Option<&scoring::Running>,
        (flags, fleet, queue): Shown,
    ) -> App {
        let outlet = Arc::clone(&self.outlet);
        let evaluations = flags.clone().map(flags::evaluations);
        let figures = Arc::new(Figures {
            telemetry: Arc::clone(&self.telemetry),
            log: self.journal.clone(),
            plane: Arc::clone(&self.plane),
            notifier: notifier.cloned(),
            scoring: scoring.map(|it| (Arc::clone(&it.scoring), Arc::clone(&outlet))),
            traces: Arc::clone(&self.traces),
            flags,
            book: self.book.clone(),
            fleet,
            queue: queue.clone(),
        });
        let started_at_ms = now_ms();
        App {
            control: control.clone(),
            stats: Arc::clone(&figures) as _,
            metrics: figures,
            decisions: self.journal.clone().map(|journal| journal as Arc<dyn DecisionSource>),
            samples: scoring.map(|it| {
                let want = move |workload: &str, wanted| outlet.wanted(workload).set(wanted);
                Arc::new(ScoredSamples::new(Arc::clone(&it.scoring), Box::new(want))) as _
            }),
            stages: self.book.clone().map(|book| Arc::new(Stages(book)) as _),
            flags: evaluations,
            queue,
            notifier: notifier.cloned(),
            people: Arc::default(),
            refusals: Arc::default(),
            events: Arc::new(Events::new(started_at_ms)),
            started_at_ms,
        }
    }
}

/// Starts the driver: on its own, or as a replica of a fleet.
async fn start_control(startup: Startup, fleet: Option<&Fleet>) -> anyhow::Result<Control> {
    let Some(fleet) = fleet else { return Ok(Control::start(startup).await?) };
    let control = Control::start_with(startup, |local| fleet.begin(local)).await?;
    fleet.join(&control).await;
    Ok(control)
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
        tracing::warn!("not every endpoint answered; starting without them");
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
