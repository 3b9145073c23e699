//! Replicas without a data plane.

use crate::servers::Servers;
use stagegate_control::local_ledger;
use stagegate_control::ports::{BoxFuture, Ledger, LocalLedger};
use stagegate_fleet::{OnStale, ReplicaName, Rules};
use stagegate_nats::{Api, Health, Host, JetLedger, Replica, Steering};
use stagegate_settings::Fleet;
use stagegate_store::{NewChange, Recorded, Store};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How long freshness lasts in tests.
pub(crate) const FRESH_FOR: Duration = Duration::from_millis(1500);

/// What the protocol told the process around it.
#[derive(Default)]
pub(crate) struct Told {
    closes_at: Mutex<Option<Instant>>,
    in_force: Mutex<Vec<u64>>,
    heard: Mutex<Vec<Vec<u8>>>,
}

impl Told {
    pub(crate) fn is_open(&self) -> bool {
        self.closes_at.lock().unwrap().is_some_and(|at| Instant::now() < at)
    }

    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn epochs(&self) -> Vec<u64> {
        self.in_force.lock().unwrap().clone()
    }
}

impl Host for Told {
    fn fence(&self, closes_at: Option<Instant>) {
        *self.closes_at.lock().unwrap() = closes_at;
    }

    fn fenced(&self, _closed: bool) {}

    fn heard(&self, message: &[u8]) {
        self.heard.lock().unwrap().push(message.to_vec());
    }

    fn put_in_force(&self, epoch: u64) -> BoxFuture<'static, Result<(), String>> {
        self.in_force.lock().unwrap().push(epoch);
        Box::pin(async { Ok(()) })
    }
}

/// One replica.
pub(crate) struct Member {
    pub(crate) dir: TempDir,
    pub(crate) ledger: JetLedger,
    pub(crate) local: Arc<dyn LocalLedger>,
    pub(crate) health: Health,
    pub(crate) told: Arc<Told>,
    pub(crate) steering: Steering,
    running: JoinHandle<()>,
    steered: Option<JoinHandle<()>>,
}

impl Member {
    /// Begins a replica and waits until it has found its place.
    pub(crate) async fn join(servers: &Servers, name: &str) -> Self {
        let member = Self::begin(servers, name, tempfile::tempdir().unwrap()).await;
        member.until("it is fresh", |it| it.told.is_open()).await;
        member
    }

    /// Begins a replica in a directory.
    pub(crate) async fn begin(servers: &Servers, name: &str, dir: TempDir) -> Self {
        let settings = Fleet {
            name: "test".to_owned(),
            replica: Some(name.to_owned()),
            servers: servers.addresses(),
            login: None,
            token: None,
            tls: None,
            copies: servers.count() as u64,
            fresh_for: FRESH_FOR,
            on_stale: stagegate_settings::OnStale::Stable,
        };
        let api = Api::connect(&settings, name).unwrap();
        let local = local_ledger(Store::open(dir.path()).unwrap());
        let rules = Rules::of(FRESH_FOR);
        let name: ReplicaName = name.parse().unwrap();
        let with = (rules, OnStale::Stable, settings.copies);
        let replica = Replica::new(api, Arc::clone(&local), name, with);
        let (ledger, health, steering) = (replica.ledger(), replica.health(), replica.steering());
        let told = Arc::new(Told::default());
        let (host, asked) = (Arc::clone(&told) as Arc<dyn Host>, health.clone());
        let describe = health.clone();
        let running = tokio::spawn(async move {
            let row = Arc::new(move || describe.own("test", "digest", 1));
            tokio::join!(replica.run(host), asked.answer(row));
        });
        Self { dir, ledger, local, health, told, steering, running, steered: None }
    }

    /// Stops without a word, as a process that was killed.
    pub(crate) async fn stop(self) -> TempDir {
        self.running.abort();
        let _ = self.running.await;
        if let Some(steered) = self.steered {
            steered.abort();
            let _ = steered.await;
        }
        let Self { dir, ledger, local, health, told, steering, .. } = self;
        drop((ledger, local, health, told, steering));
        dir
    }

    /// Takes part in steering from now on.
    pub(crate) fn steer(&mut self) {
        let (steering, host) = (self.steering.clone(), Arc::clone(&self.told) as Arc<dyn Host>);
        self.steered = Some(tokio::spawn(async move { steering.run(host).await }));
    }

    /// Takes no part in steering any more, as a process that is paused.
    pub(crate) fn pause_steering(&mut self) {
        if let Some(steered) = self.steered.take() {
            steered.abort();
        }
    }

    /// The protocol does not run any more, and nothing is told to the process around it.
    pub(crate) fn freeze(&self) {
        self.running.abort();
    }

    pub(crate) async fn epoch(&self) -> u64 {
        self.ledger.latest().await.unwrap().epoch
    }

    /// Appends under the newest epoch, as often as others are faster. Returns the entry's number.
    pub(crate) async fn append(&self, change: &NewChange) -> u64 {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let epoch = self.epoch().await;
            match self.ledger.append(epoch, change.clone()).await {
                Ok(Recorded::Now(entry)) => return entry.seq,
                Ok(Recorded::Before(_)) => panic!("no key was given"),
                Err(error) => assert!(Instant::now() < deadline, "gave up: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !wanted(self) {
            let row = self.health.own("test", "", 0);
            assert!(Instant::now() < deadline, "gave up waiting until {what}: {row:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the local copy has so many entries.
    pub(crate) async fn has(&self, entries: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.local.head().await.unwrap().entries < entries {
            assert!(Instant::now() < deadline, "gave up waiting for entry {entries}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
