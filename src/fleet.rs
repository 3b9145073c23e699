//! One replica of a fleet: the protocol, joined with the data plane and the driver.

use crate::plane::Plane;
use crate::supervise;
use anyhow::Context as _;
use stagegate_admin::App;
use stagegate_config::Config;
use stagegate_config::settings::{Fleet as Settings, OnStale};
use stagegate_control::ports::{
    BoxFuture, DataPlane as _, FleetFinding, FleetOutcome, Ledger, LocalLedger, ReplicaAnswer,
    ReplicaRow, Replicas,
};
use stagegate_control::{Control, now_ms};
use stagegate_fleet::{OnStale as Stale, ReplicaName, Rules};
use stagegate_nats::{Api, Health, Host, Replica};
use stagegate_rollout::OnRollback;
use stagegate_telemetry::FleetGauges;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a start waits for its freshness before it accepts clients.
const FRESH: Duration = Duration::from_secs(2);
/// Pause between two looks at the other replicas; it grows with their number.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the end of the process waits for the ledger.
const LEAVING: Duration = Duration::from_secs(2);
/// How long workers are given to notice that the candidates have closed.
const CLOSING: Duration = Duration::from_secs(2);
/// Keys of the configuration that belong to one replica, or to the machine that it runs on.
const OWN_KEYS: [&str; 4] = ["data_dir", "listeners", "admin.address", "fleet.replica"];

/// The replica that this process is.
pub(crate) struct Fleet {
    name: ReplicaName,
    settings: Settings,
    api: Api,
    host: Arc<Hosting>,
    /// Set once the store is there.
    replica: OnceLock<Replica>,
    running: Mutex<Option<JoinHandle<()>>>,
    member: OnceLock<Arc<Member>>,
    /// What others are answered from.
    app: OnceLock<App>,
}

/// The process around the protocol.
struct Hosting {
    plane: Arc<Plane>,
    control: watch::Sender<Option<Control>>,
}

/// What the driver and the admin API see of the fleet.
struct Member {
    fleet: String,
    health: Health,
    plane: Arc<Plane>,
    digest: Box<dyn Fn() -> String + Send + Sync>,
    seen: Mutex<Vec<ReplicaRow>>,
}

impl Fleet {
    /// The replica of a configuration with a fleet; its candidates are closed until it is fresh. Called
    /// before the first plan.
    ///
    /// # Errors
    /// When its name is none, or the settings cannot be used.
    pub(crate) fn of(
        config: &Config,
        name: Option<&str>,
        plane: &Arc<Plane>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(settings) = config.fleet.clone() else { return Ok(None) };
        let name: ReplicaName = match name.map(str::to_owned).or_else(|| settings.replica.clone()) {
            Some(name) => name.parse().context("the name of the replica")?,
            None => name_of_machine().parse().context(
                "the name of the machine cannot be the name of a replica: set fleet.replica, or --replica",
            )?,
        };
        let api = Api::connect(&settings, name.as_str()).context("fleet")?;
        plane.proxy().fence(None);
        let (control, _) = watch::channel(None);
        let host = Arc::new(Hosting { plane: Arc::clone(plane), control });
        let (replica, member) = (OnceLock::new(), OnceLock::new());
        let running = Mutex::default();
        let app = OnceLock::new();
        Ok(Some(Self { name, settings, api, host, replica, running, member, app }))
    }

    /// Begins to take part, with the store's ledger as the local copy. Gives the fleet's ledger.
    pub(crate) fn begin(&self, local: Arc<dyn LocalLedger>) -> Arc<dyn Ledger> {
        let rules = Rules::of(self.settings.fresh_for);
        let on_stale = match self.settings.on_stale {
            OnStale::Stable => Stale::Stable,
            OnStale::Hold => Stale::Hold,
        };
        let with = (rules, on_stale, self.settings.copies);
        let replica = Replica::new(self.api.clone(), local, self.name.clone(), with);
        let ledger = Arc::new(replica.ledger());
        tracing::info!(
            fleet = self.settings.name,
            replica = self.name.as_str(),
            servers = self.settings.servers.join(", "),
            "a replica of a fleet"
        );
        let _ = self.replica.set(replica);
        self.run();
        ledger
    }

    /// Runs the protocol, if it does not run.
    pub(crate) fn run(&self) {
        let Some(replica) = self.replica.get().cloned() else { return };
        let mut running = lock(&self.running);
        if running.is_some() {
            return;
        }
        let host = Arc::clone(&self.host);
        *running = Some(supervise::keep("fleet", move || {
            let (replica, host) = (replica.clone(), Arc::clone(&host));
            async move {
                let steering = replica.steering();
                let steered = steering.run(Arc::clone(&host) as Arc<dyn Host>);
                // The protocol ends only when it cannot go on.
                tokio::select! {
                    () = replica.run(host) => {}
                    () = steered => {}
                }
            }
        }));
    }

    /// Ends the protocol; the candidates close when freshness ends.
    pub(crate) fn pause(&self) {
        if let Some(running) = lock(&self.running).take() {
            running.abort();
        }
    }

    /// Joins the driver, and waits a moment until this replica is fresh: whoever is served before is
    /// served by stable.
    pub(crate) async fn join(&self, control: &Control) {
        let Some(replica) = self.replica.get() else { return };
        let member = Arc::new(Member {
            fleet: self.settings.name.clone(),
            health: replica.health(),
            plane: Arc::clone(&self.host.plane),
            digest: control.config_digest(&OWN_KEYS),
            seen: Mutex::default(),
        });
        let _ = self.member.set(Arc::clone(&member));
        control.join_fleet(member as Arc<dyn Replicas>);
        control.share_evidence(Arc::new(replica.steering()));
        self.host.control.send_replace(Some(control.clone()));
        let deadline = Instant::now() + FRESH;
        while replica.has_joined_ledger() && Instant::now() < deadline {
            if self.gauges().is_some_and(|it| it.freshness > 0.0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// From now on other replicas are answered from `app`. Only the first call counts.
    pub(crate) fn answer_from(&self, app: App) {
        let _ = self.app.set(app);
    }

    /// Answers other replicas and looks at them, for as long as it is polled.
    pub(crate) async fn watch(self: Arc<Self>) {
        let Some(member) = self.member.get().cloned() else { return };
        let asked = Arc::clone(&member);
        let answering = member.health.clone().answer(Arc::new(move || asked.own()));
        let looking = async {
            loop {
                if let Ok(rows) = member.health.rows().await {
                    *lock(&member.seen) = rows;
                }
                let replicas = lock(&member.seen).len() as u32;
                tokio::time::sleep(LOOK_EVERY + Duration::from_millis(100) * replicas).await;
            }
        };
        let questions = async {
            let Some(app) = self.app.get().cloned() else { return };
            let answering = move |question: Vec<u8>| -> BoxFuture<'static, Vec<u8>> {
                let app = app.clone();
                Box::pin(async move { stagegate_admin::answer(&app, &question).await })
            };
            member.health.clone().answer_questions(Arc::new(answering)).await;
        };
        tokio::join!(answering, looking, questions);
    }

    /// Takes this replica out of the fleet: it serves nobody any more.
    pub(crate) async fn leave(&self) {
        self.pause();
        let Some(replica) = self.replica.get() else { return };
        match tokio::time::timeout(LEAVING, replica.leave()).await {
            Ok(Ok(())) => tracing::info!("left the fleet"),
            Ok(Err(error)) => tracing::warn!(error, "did not leave the fleet: it counts as silent"),
            Err(_) => tracing::warn!("did not leave the fleet in time: it counts as silent"),
        }
    }

    /// Figures for the metrics; none before it has joined the driver.
    pub(crate) fn gauges(&self) -> Option<FleetGauges> {
        let member = self.member.get()?;
        let own = member.own();
        let rows = member.seen();
        let control = self.host.control.borrow().clone();
        let digests: BTreeSet<&str> =
            rows.iter().filter(|row| row.answered).map(|row| row.config.as_str()).collect();
        Some(FleetGauges {
            freshness: own.fresh_for_ms.unwrap_or(0) as f64 / 1e3,
            fenced: own.fenced,
            entry: own.entry,
            replicas: rows.len() as u64,
            silent: rows.iter().filter(|row| !row.answered).count() as u64,
            configs: digests.len() as u64,
            steers: control.as_ref().is_some_and(Control::speaks),
            term: control.as_ref().and_then(Control::fleet_leader).map(|(_, term)| term),
            coverage: control.as_ref().map_or(1.0, Control::fleet_coverage),
        })
    }
}

impl Host for Hosting {
    fn fence(&self, closes_at: Option<Instant>) {
        self.plane.proxy().fence(closes_at);
    }

    fn fenced(&self, closed: bool) {
        let control = self.control.borrow().clone();
        let (Some(control), true) = (control, closed) else { return };
        let plane = Arc::clone(&self.plane);
        tokio::spawn(async move {
            for live in &control.view().live {
                let spec = live.split.spec();
                // Connected clients notice, as after a rollback.
                plane.settled(spec.name.clone(), CLOSING).await;
                if spec.on_rollback == OnRollback::Cut && plane.proxy().is_fenced() {
                    plane.proxy().cut(&spec.name.shared());
                }
            }
        });
    }

    fn heard(&self, message: &[u8]) {
        if let Some(control) = &*self.control.borrow() {
            control.hear(message);
        }
    }

    fn put_in_force(&self, epoch: u64) -> BoxFuture<'static, Result<(), String>> {
        let mut control = self.control.subscribe();
        Box::pin(async move {
            let control = control.wait_for(Option::is_some).await;
            let control = control.map_err(|error| error.to_string())?.clone();
            let Some(control) = control else { return Err("it has not started yet".to_owned()) };
            match control.follow_ledger(epoch).await {
                Ok(true) => Ok(()),
                Ok(false) => Err("not all workers follow yet".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}

impl Member {
    fn lock(&self) -> MutexGuard<'_, Vec<ReplicaRow>> {
        lock(&self.seen)
    }
}

impl Replicas for Member {
    fn fleet(&self) -> String {
        self.fleet.clone()
    }

    fn own(&self) -> ReplicaRow {
        let own = self.health.own(env!("CARGO_PKG_VERSION"), &(self.digest)(), now_ms());
        ReplicaRow { fenced: self.plane.proxy().is_fenced(), ..own }
    }

    fn seen(&self) -> Vec<ReplicaRow> {
        let own = self.own();
        let mut rows = self.lock().clone();
        match rows.iter_mut().find(|row| row.name == own.name) {
            Some(row) => *row = own,
            None => rows.push(own),
        }
        rows
    }

    fn outcome(&self, entry: u64) -> BoxFuture<'static, Option<FleetOutcome>> {
        let health = self.health.clone();
        Box::pin(async move { health.outcome(entry).await })
    }

    fn rows(&self) -> BoxFuture<'static, Result<Vec<ReplicaRow>, String>> {
        let health = self.health.clone();
        Box::pin(async move { health.rows().await })
    }

    fn examine(&self) -> BoxFuture<'static, Vec<FleetFinding>> {
        let health = self.health.clone();
        Box::pin(async move { health.examine().await })
    }

    fn ask(&self, question: Vec<u8>) -> BoxFuture<'static, Vec<ReplicaAnswer>> {
        let health = self.health.clone();
        Box::pin(async move { health.ask_others(&question).await })
    }

    fn forget(&self, name: String) -> BoxFuture<'static, Result<(), String>> {
        let health = self.health.clone();
        Box::pin(async move { health.forget(&name).await })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of this machine, as the name of a replica.
fn name_of_machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.trim().chars().map(|c| if fits(c) { c } else { '-' }).take(63).collect()
}
