//! One worker of the proxy in a world that a test controls.

use super::Peer;
use crate::fixtures::{address, clients, workload};
use crate::plan::{Plan, PreparedConfig, WorkloadSettings};
use crate::queued::QueueAsk;
use crate::serve::in_memory::{self, Serving, name, ready};
use crate::transport::memory::{Network, Reach};
use crate::watch::TICK_MS;
use crate::worker::Worker;
use stagegate_rollout::{
    Closed, Fallback, KillState, Outcome, Reason, Series, Split, Weight, WorkloadSpec,
    WorkloadState, records,
};
use stagegate_settings::{Clients, Match, Timeouts, Workload};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

/// The endpoints of stable (`v1`).
pub(super) const FIRST: &str = "one.v1:80";
pub(super) const SECOND: &str = "two.v1:80";
/// The endpoint of the candidate (`v2`).
pub(super) const CANDIDATE: &str = "one.v2:80";
/// Polls after which the proxy is taken to spin.
const MAX_POLLS: usize = 100_000;

/// The settings a test can change before the proxy runs.
pub(super) struct Setup {
    /// Settings of all workloads.
    pub(super) settings: Clients,
    /// Settings of the one workload, `agent`.
    pub(super) workload: WorkloadSettings,
    /// Share of requests that go to the candidate.
    pub(super) weight: Weight,
    /// A tenant that is kept off the candidate.
    pub(super) excluded: Option<&'static str>,
}

/// A worker, its connections, and the time.
#[derive(Clone)]
pub(super) struct Sim(Rc<World>);

struct World {
    worker: Rc<Worker>,
    network: Arc<Network>,
    config: PreparedConfig,
    excluded: Option<&'static str>,
    tasks: RefCell<Vec<Task>>,
    now_ms: Cell<u64>,
}

struct Task {
    future: Serving,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The record of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The release that served; empty if none did.
    pub(super) release: String,
    pub(super) status: u16,
    pub(super) outcome: Outcome,
    pub(super) retries: u8,
}

impl Sim {
    /// A worker with one workload, whose stable release has one endpoint.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with other settings.
    pub(super) fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = setup();
        change(&mut setup);
        let Setup { settings, workload, weight, excluded } = setup;
        let empty = PreparedConfig::default();
        let preparing = PreparedConfig::prepare(vec![workload], &empty);
        let config = ready(preparing).expect("prepared");
        let network = Arc::<Network>::default();
        let sim = Self(Rc::new(World {
            worker: in_memory::worker(settings, &network),
            network,
            config,
            excluded,
            tasks: RefCell::default(),
            now_ms: Cell::new(0),
        }));
        sim.publishes(weight);
        sim
    }

    /// Puts a plan in force that sends this share of requests to the candidate.
    pub(super) fn publishes(&self, weight: Weight) {
        self.publish(weight, None, None);
    }

    /// Kills the workload; its requests go there.
    pub(super) fn kills(&self, fallback: Fallback) {
        self.publish(Weight::FULL, None, Some(fallback));
    }

    /// Keeps requests of the killed workload from now on; what is asked of the queue.
    pub(super) fn has_a_queue(&self) -> Arc<Mutex<Vec<QueueAsk>>> {
        let asked = Arc::<Mutex<Vec<QueueAsk>>>::default();
        let kept = Arc::clone(&asked);
        let sink = Arc::new(move |ask| kept.lock().expect("a list").push(ask));
        assert!(self.0.worker.shared.queue.set(sink).is_ok(), "one queue");
        asked
    }

    /// Puts these flags in force.
    pub(super) fn flags(&self, flags: stagegate_flags::FlagSet) {
        self.0.worker.shared.flags.store(Arc::new(flags));
        self.publishes(Weight::ZERO);
    }

    /// Takes the candidate out, as a rollback does: every worker is told.
    pub(super) fn rolls_back(&self) {
        let (by, reason) = ("ann".to_owned(), "bad".to_owned());
        let weight_before = Weight::FULL;
        let closed = Closed { by, reason, at_ms: 1, weight_before, finishing: false };
        self.publish(Weight::ZERO, Some(closed), None);
        self.wakes_tunnels();
    }

    /// Has connected clients look at the plan.
    pub(super) fn wakes_tunnels(&self) {
        self.0.worker.watches.wake_tunnels();
        self.runs();
    }

    /// The candidates close at this moment, by themselves.
    pub(super) fn fences(&self, closes_at: Option<std::time::Instant>) {
        self.0.worker.shared.fence.set(closes_at);
    }

    fn publish(&self, weight: Weight, closed: Option<Closed>, killed: Option<Fallback>) {
        let World { worker, config, .. } = &*self.0;
        let mut spec = WorkloadSpec::new(name("agent"), name("v1"));
        spec.releases.insert(name("v2"));
        spec.candidate = Some(name("v2"));
        spec.initial_weight = weight;
        if let Some(tenant) = self.0.excluded {
            spec.exclusions.insert(name("regulated"), vec![tenant.into()]);
        }
        spec.fallback = killed.clone().unwrap_or_default();
        let spec = spec.check().expect("a workload");
        let mut state = WorkloadState::initial(&spec);
        state.closed = closed;
        let (by, reason) = ("ann".to_owned(), "bad".to_owned());
        state.killed = killed.map(|_| KillState { by, reason, at_ms: 1 });
        let split = Arc::new(Split::new(Arc::new(spec), Arc::new(state)));
        let epoch = worker.shared.plan.load().epoch + 1;
        let flags = stagegate_flags::FlagSet::clone(&worker.shared.flags.load());
        let fenced =
            Plan::new(epoch, config, &[Arc::new(split.fenced())]).with_flags(flags.clone());
        worker.shared.fence.plan.store(Arc::new(fenced));
        let plan = Plan::new(epoch, config, &[split]).with_flags(flags);
        worker.shared.plan.store(Arc::new(plan));
        worker.shared.published.fetch_add(1, Ordering::Release);
    }

    /// A client that has just connected.
    pub(super) fn client(&self) -> Peer {
        let (future, remote) = in_memory::client(&self.0.worker);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.0.tasks.borrow_mut().push(Task { future, woken });
        self.runs();
        Peer::new("client", self.clone(), remote)
    }

    /// The queue of killed workloads, which sends a request again.
    pub(super) fn queue(&self) -> Peer {
        let (future, remote) = in_memory::client_with(&self.0.worker, true);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.0.tasks.borrow_mut().push(Task { future, woken });
        self.runs();
        Peer::new("queue", self.clone(), remote)
    }

    /// The backend's end of the next connection that the proxy opened to stable's first endpoint.
    #[track_caller]
    pub(super) fn backend(&self) -> Peer {
        self.backend_at(FIRST)
    }

    /// The backend's end of the next connection that the proxy opened to this endpoint.
    #[track_caller]
    pub(super) fn backend_at(&self, endpoint: &'static str) -> Peer {
        self.try_backend_at(endpoint).unwrap_or_else(|| panic!("no connection to {endpoint}"))
    }

    /// The same, if the proxy opened one.
    pub(super) fn try_backend_at(&self, endpoint: &'static str) -> Option<Peer> {
        let remote = self.0.network.accept(endpoint)?;
        Some(Peer::new(endpoint, self.clone(), remote))
    }

    /// Asserts that the proxy opened no other connection.
    #[track_caller]
    pub(super) fn no_backend(&self) {
        for endpoint in [FIRST, SECOND, CANDIDATE] {
            assert!(self.0.network.accept(endpoint).is_none(), "a connection to {endpoint}");
        }
    }

    /// The endpoint refuses connections from now on.
    pub(super) fn refuses(&self, endpoint: &str) {
        self.0.network.set_reach(endpoint, Reach::Refuses);
    }

    /// Connections to the endpoint hang from now on.
    pub(super) fn hangs(&self, endpoint: &str) {
        self.0.network.set_reach(endpoint, Reach::Silent);
    }

    /// The endpoint accepts connections, also those that hang.
    pub(super) fn accepts(&self, endpoint: &str) {
        self.0.network.set_reach(endpoint, Reach::Accepts);
        self.runs();
    }

    /// Begins to drain.
    pub(super) fn drains(&self) {
        self.0.worker.draining.set(true);
        self.0.worker.watches.wake_all();
        self.runs();
    }

    /// Ends the candidate's running answers, as a kill does.
    pub(super) fn cuts(&self) {
        self.0.worker.cut(&Arc::from("agent"));
        self.runs();
    }

    /// Lets time pass.
    pub(super) fn passes(&self, time: Duration) {
        let until = self.0.now_ms.get() + time.as_millis() as u64;
        while self.0.now_ms.get() < until {
            self.0.now_ms.set((self.0.now_ms.get() + TICK_MS).min(until));
            self.0.worker.watches.tick(self.0.now_ms.get());
            self.runs();
        }
    }

    /// Client connections that are open.
    pub(super) fn connections(&self) -> usize {
        self.0.worker.connections.get()
    }

    /// The counts of the one series since the last call.
    pub(super) fn series(&self) -> Series {
        let (delta, _) = self.0.worker.stats.borrow_mut().take();
        delta.series.into_values().next().expect("a series")
    }

    /// The records of the requests that ended since the last call.
    pub(super) fn told(&self) -> Vec<Told> {
        let (_, batch) = self.0.worker.stats.borrow_mut().take();
        let told = records(batch.as_bytes()).map(|record| {
            let record = record.expect("a record");
            Told {
                release: record.release.to_owned(),
                status: record.status,
                outcome: record.outcome,
                retries: record.retries,
            }
        });
        told.collect()
    }

    /// Requests that ended since the last call whose identity came too late.
    pub(super) fn late(&self) -> u64 {
        let (delta, _) = self.0.worker.stats.borrow_mut().take();
        delta.series.values().map(|series| series.identity_late).sum()
    }

    /// Tenant, rule and detail of the requests that ended since the last call.
    pub(super) fn decided(&self) -> Vec<(String, Reason, String)> {
        let (_, batch) = self.0.worker.stats.borrow_mut().take();
        let told = records(batch.as_bytes()).map(|record| {
            let record = record.expect("a record");
            (record.tenant.to_owned(), record.reason, record.detail.to_owned())
        });
        told.collect()
    }

    /// Flags in the records of the requests that ended since the last call.
    pub(super) fn recorded_flags(&self) -> Vec<String> {
        let (_, batch) = self.0.worker.stats.borrow_mut().take();
        let told = records(batch.as_bytes()).flat_map(|record| {
            let flags = stagegate_rollout::recorded_flags(record.expect("a record").flags);
            flags.map(|it| format!("{}={} {}", it.key, it.variant, it.decided_by))
        });
        told.collect()
    }

    /// The record of the one request that ended since the last call.
    #[track_caller]
    pub(super) fn outcome(&self) -> Outcome {
        let told = self.told();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].outcome
    }

    /// Gives every task that is woken one turn; false if there is none.
    pub(super) fn has_a_turn(&self) -> bool {
        let tasks = self.0.tasks.take();
        let (mut woken, mut left) = (false, Vec::new());
        for mut task in tasks {
            if task.woken.0.swap(false, Ordering::Relaxed) {
                woken = true;
                let waker = Waker::from(Arc::clone(&task.woken));
                if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    continue;
                }
            }
            left.push(task);
        }
        self.0.tasks.borrow_mut().extend(left);
        woken
    }

    /// Runs the proxy until all its tasks wait.
    pub(super) fn runs(&self) {
        for _ in 0..MAX_POLLS {
            let next = {
                let mut tasks = self.0.tasks.borrow_mut();
                let woken = |task: &Task| task.woken.0.swap(false, Ordering::Relaxed);
                tasks.iter().position(woken).map(|at| tasks.swap_remove(at))
            };
            let Some(mut task) = next else { return };
            let waker = Waker::from(Arc::clone(&task.woken));
            if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.0.tasks.borrow_mut().push(task);
            }
        }
        panic!("the proxy never comes to rest");
    }
}

fn setup() -> Setup {
    let settings = clients();
    let mut workload = workload(vec![address([10, 0, 0, 1], 80, FIRST)]);
    workload.releases.push((name("v2"), vec![address([10, 0, 1, 1], 80, CANDIDATE)]));
    let agent = Arc::make_mut(&mut workload.settings);
    agent.matches.push(Match::default());
    agent.timeouts = Timeouts {
        connect: Duration::from_secs(1),
        first_byte: Duration::from_secs(2),
        idle: Duration::from_secs(3),
        stream_idle: Some(Duration::from_secs(3)),
        stream_keep_alive: None,
        tunnel_grace: Duration::from_secs(4),
        total: None,
        pool_idle: Duration::from_secs(10),
    };
    agent.limits.body = 1 << 20;
    agent.retry.connect_attempts = 1;
    Setup { settings, workload, weight: Weight::ZERO, excluded: None }
}

impl Setup {
    /// Gives the stable release a second endpoint.
    pub(super) fn two_endpoints(&mut self) {
        self.workload.releases[0].1.push(address([10, 0, 0, 2], 80, SECOND));
        self.agent().retry.connect_attempts = 2;
    }

    /// The settings of the workload that come from the configuration alone.
    pub(super) fn agent(&mut self) -> &mut Workload {
        Arc::make_mut(&mut self.workload.settings)
    }
}
