//! The data plane as the rest of the program sees it: start, publish, settle, drain.

use crate::accept::{self, Acceptor, Stop};
use crate::fence::Fence;
use crate::handover::{HandoverSink, IdleConnection};
use crate::pins::Pins;
use crate::plan::{Plan, PreparedConfig};
use crate::queued::QueueSink;
use crate::recall::RecallError;
use crate::roster::Roster;
use crate::run;
use crate::shared::{Shared, Sink};
use crate::tls::ServerTls;
use crate::transport::{
    Accepting, Arrived, Begun, Listener, ListenerSettings, ListenerState, Peer, Socket,
};
use crate::worker::{Message, Settle};
use arc_swap::{ArcSwap, ArcSwapOption};
use stagegate_flags::FlagSet;
use stagegate_rollout::{ReleaseName, Split, WorkloadName};
use stagegate_sealed::ProofKey;
use stagegate_settings::{Clients, Probe};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// The time limit of a probe if no health check sets one.
const UNCHECKED_PATIENCE: Duration = Duration::from_secs(2);
/// Copies that may wait for the thread that sends them.
const WAITING_SHADOWS: usize = 1024;

/// A running data plane.
pub struct DataPlane {
    shared: Arc<Shared>,
    workers: Vec<mpsc::UnboundedSender<Message>>,
    /// The thread that sends copies.
    shadows: mpsc::UnboundedSender<Message>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    acceptors: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    listeners: Mutex<Vec<Arc<ListenerState>>>,
    stop: watch::Sender<Stop>,
}

/// The workers' progress in following a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// When a request of the workload was last sent to the candidate; `None` if none ever was.
    pub last_candidate: Option<Instant>,
    /// Workers that have acknowledged the publication.
    pub acknowledged: usize,
    /// Number of workers.
    pub workers: usize,
}

/// An endpoint's state, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Name of the workload.
    pub workload: String,
    /// Name of the release.
    pub release: String,
    /// `host:port` as configured, or `unix:` and a path.
    pub authority: String,
    /// True if it may receive requests; `None` without health checks.
    pub healthy: Option<bool>,
}

impl DataPlane {
    /// Starts the workers. Nothing is served until a plan is published and a listener added.
    ///
    /// # Errors
    /// When a thread cannot be started or the system has no randomness.
    pub fn start(workers: usize, settings: Clients, sink: Sink) -> std::io::Result<Self> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
        let (name, seed) = (&random[..4], &random[4..]);
        let name: String = name.iter().map(|b| format!("{b:02x}")).collect();
        let (shadows, copies) = mpsc::channel(WAITING_SHADOWS);
        let shared = Arc::new(Shared {
            workers: Roster::new(workers),
            requests: Arc::default(),
            settings: ArcSwap::from_pointee(settings),
            plan: ArcSwap::default(),
            fence: Fence::default(),
            flags: ArcSwap::default(),
            proofs: ArcSwapOption::empty(),
            published: AtomicU64::new(0),
            pins: Pins::new(),
            sink,
            handover: OnceLock::new(),
            queue: OnceLock::new(),
            shadows,
            via: format!("stagegate-{name}").into(),
            seed: seed.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
        });
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for index in 0..shared.workers.len() {
            // Never full: connections in it count against `limits.connections`, and every other message
            // is one of a change.
            let (sender, receiver) = mpsc::unbounded_channel();
            let shared = Arc::clone(&shared);
            let body = move || run::supervised(&shared, index, receiver);
            threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(body)?);
            workers.push(sender);
        }
        let (shadows, receiver) = mpsc::unbounded_channel();
        let of_shadows = Arc::clone(&shared);
        let body = move || run::supervised_shadows(&of_shadows, receiver, copies);
        threads.push(std::thread::Builder::new().name("shadows".to_owned()).spawn(body)?);
        let (stop, _) = watch::channel(Stop::No);
        Ok(Self {
            shared,
            workers,
            shadows,
            threads: Mutex::new(threads),
            acceptors: Mutex::default(),
            listeners: Mutex::default(),
            stop,
        })
    }

    /// Accepts connections from `listener` until the drain; call on the control runtime. Gives its
    /// address, where it has one.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn listen(
        &self,
        listener: Listener,
        settings: ListenerSettings,
    ) -> std::io::Result<Option<SocketAddr>> {
        let (listener, address) = Accepting::new(listener)?;
        let state = {
            let mut listeners = lock(&self.listeners);
            let state = Arc::new(ListenerState::new(listeners.len(), settings));
            listeners.push(Arc::clone(&state));
            state
        };
        let acceptor = Acceptor::new(Arc::clone(&self.shared), self.workers.clone(), state);
        let accepting = tokio::spawn(accept::supervised(acceptor, listener, self.stop.subscribe()));
        lock(&self.acceptors).push(accepting);
        Ok(address)
    }

    /// Replaces the certificates of the listeners, in the order they were added. New connections
    /// get the new ones; running ones stay as they are. Where a listener speaks no TLS, or nothing
    /// is given for it, nothing changes.
    pub fn renew_tls(&self, renewed: Vec<Option<ServerTls>>) {
        for (state, renewed) in lock(&self.listeners).iter().zip(renewed) {
            if let (Some(tls), Some(renewed)) = (&state.tls, renewed) {
                tls.store(Arc::new(renewed));
            }
        }
    }

    /// The TLS of every listener in force, in the order they were added.
    #[must_use]
    pub fn tls(&self) -> Vec<Option<ServerTls>> {
        let of = |state: &Arc<ListenerState>| {
            state.tls.as_ref().map(|tls| ServerTls::clone(&tls.load()))
        };
        lock(&self.listeners).iter().map(of).collect()
    }

    /// Replaces the settings that hold for all workloads.
    pub fn configure(&self, settings: Clients) {
        self.shared.settings.store(Arc::new(settings));
    }

    /// Puts a plan in force. From here on every new decision follows it.
    pub fn publish(&self, epoch: u64, config: &PreparedConfig, splits: &[Arc<Split>]) {
        let flags = FlagSet::clone(&self.shared.flags.load());
        if self.shared.fence.is_used() {
            let closed: Vec<_> = splits.iter().map(|split| Arc::new(split.fenced())).collect();
            let closed = Plan::new(epoch, config, &closed).with_flags(flags.clone());
            self.shared.fence.plan.store(Arc::new(closed));
        }
        let plan = Plan::new(epoch, config, splits).with_flags(flags);
        self.shared.plan.store(Arc::new(plan));
        self.shared.published.fetch_add(1, Ordering::Release);
    }

    /// Candidates close at this moment, by themselves; at once without one. The first call comes before
    /// the first plan, so that each plan has its counterpart without candidates.
    pub fn fence(&self, closes_at: Option<Instant>) {
        self.shared.fence.set(closes_at);
    }

    /// Returns true if the fence has closed the candidates.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.shared.fence.is_closed()
    }

    /// Sets the flags of the plans that are published from here on.
    pub fn set_flags(&self, flags: FlagSet) {
        self.shared.flags.store(Arc::new(flags));
    }

    /// From now on backends get proofs of their requests, made with this key; none without one.
    pub fn prove_requests(&self, key: Option<ProofKey>) {
        self.shared.proofs.store(key.map(Arc::new));
    }

    /// Ends the running answers of a workload's candidate, as soon as each worker hears of it.
    pub fn cut(&self, workload: &Arc<str>) {
        for worker in &self.workers {
            let _ = worker.send(Message::Cut(Arc::clone(workload)));
        }
    }

    /// Waits until every worker follows the latest plan, at most for `patience`. Once a worker
    /// follows, it sends no request of `workload` any more that was decided under an older plan.
    pub async fn settled(&self, workload: &Arc<str>, patience: Duration) -> Settled {
        let ask = |worker: &mpsc::UnboundedSender<Message>| {
            let (reply, answer) = oneshot::channel();
            let settle = Settle { workload: Arc::clone(workload), reply };
            worker.send(Message::Settle(settle)).ok().map(|()| answer)
        };
        let answers: Vec<_> = self.workers.iter().chain([&self.shadows]).map(ask).collect();
        let deadline = tokio::time::Instant::now() + patience;
        let mut settled =
            Settled { last_candidate: None, acknowledged: 0, workers: self.workers.len() };
        for answer in answers {
            let answered = match answer {
                Some(answer) => match tokio::time::timeout_at(deadline, answer).await {
                    Ok(answered) => answered.ok(),
                    Err(_) => continue,
                },
                None => None,
            };
            // A worker that has drained does not answer, and sends nothing any more.
            let last_candidate = answered.flatten();
            settled.acknowledged += 1;
            settled.last_candidate = settled.last_candidate.max(last_candidate);
        }
        // Who sends copies is not one of the workers, but as long as it does not follow, not all do.
        settled.acknowledged = settled.acknowledged.saturating_sub(1);
        settled
    }

    /// Every endpoint of the plan in force.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let plan = self.shared.plan.load();
        let of_workload = |workload: &crate::plan::Workload| {
            let name = &workload.prepared.name;
            let releases = workload.prepared.releases();
            let checked = workload.prepared.settings.health.is_some();
            let of_release = |release: &Arc<crate::plan::Release>| {
                let status = |endpoint: &Arc<crate::endpoint::Endpoint>| EndpointStatus {
                    workload: name.to_string(),
                    release: release.name.to_string(),
                    authority: endpoint.address.name.to_string(),
                    healthy: checked.then(|| endpoint.is_healthy()),
                };
                release.endpoints.all().iter().map(status).collect::<Vec<_>>()
            };
            releases.flat_map(of_release).collect::<Vec<_>>()
        };
        plan.workloads.iter().flat_map(of_workload).collect()
    }

    /// Asks every endpoint of a release of the plan in force, now, twice, as its health checks
    /// would; gives each one's name and how long the second answer took, or what went wrong. Empty
    /// when there is no such release.
    pub async fn warm(
        &self,
        workload: &WorkloadName,
        release: &ReleaseName,
    ) -> Vec<(String, Result<Duration, String>)> {
        let plan = self.shared.plan.load_full();
        let Some(found) = plan.workloads.iter().find(|it| it.prepared.settings.name == *workload)
        else {
            return Vec::new();
        };
        let health = found.prepared.settings.health.as_ref();
        let probe = health.map_or(&Probe::Tcp, |health| &health.probe);
        let patience = health.map_or(UNCHECKED_PATIENCE, |health| health.timeout);
        let mut asked = Vec::new();
        for release in found.prepared.releases().filter(|it| *it.name == *release.as_str()) {
            for endpoint in release.endpoints.all() {
                let answer = crate::endpoint::warm(&endpoint.address, probe, patience).await;
                asked.push((endpoint.address.name.to_string(), answer));
            }
        }
        asked
    }

    /// Client connections by worker.
    #[must_use]
    pub fn connections(&self) -> Vec<usize> {
        self.shared.workers.connections()
    }

    /// By worker, false where its thread ended without having drained: it gets no connections.
    #[must_use]
    pub fn alive(&self) -> Vec<bool> {
        self.shared.workers.alive()
    }

    /// Returns the number of pins made since the start.
    #[must_use]
    pub fn pins_made(&self) -> usize {
        self.shared.pins.made()
    }

    /// What is remembered of conversations, for [`DataPlane::recall`] in a later process, and a number
    /// that stays as it is while nothing is new. Takes a moment: call it on a thread that may block.
    #[must_use]
    pub fn remembered(&self) -> (Vec<u8>, u64) {
        let plan = self.shared.plan.load_full();
        let added = plan.workloads.iter().map(|it| it.prepared.began.added()).sum::<u64>();
        let count = added.wrapping_add(self.shared.pins.made() as u64);
        (crate::recall::remembered(&plan, &self.shared.pins), count)
    }

    /// Adds what another process remembered, once a plan is published: of workloads and releases that
    /// are in it.
    ///
    /// # Errors
    /// When the bytes are damaged, of another version, or of another data directory.
    pub fn recall(&self, bytes: &[u8]) -> Result<(), RecallError> {
        crate::recall::recall(bytes, &self.shared.plan.load_full(), &self.shared.pins)
    }

    /// Sets the queue that keeps requests of killed workloads. Only the first one counts.
    pub fn keep_in(&self, queue: QueueSink) {
        let _ = self.shared.queue.set(queue);
    }

    /// A connection on which one request of the queue is served, as if this client had sent it, by the stable release.
    /// An answer with the field `stagegate-queue: not-sent` says that no endpoint saw the request.
    ///
    /// # Errors
    /// When the system has no pair of sockets.
    pub fn resend(
        &self,
        peer: Option<std::net::IpAddr>,
        secure: bool,
    ) -> std::io::Result<std::os::unix::net::UnixStream> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        let state = Arc::new(ListenerState::of_queue(secure));
        let acceptor = Acceptor::new(Arc::clone(&self.shared), self.workers.clone(), state);
        let peer = peer.map_or(Peer::Local, Peer::Ip);
        acceptor.hand_out(Socket::Unix(theirs), peer, Begun::default());
        Ok(ours)
    }

    /// Serves a connection that another process passed on. The connection is closed where no listener
    /// matches it, or where the listener asks for TLS or a PROXY header.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn adopt(&self, leaving: IdleConnection) -> std::io::Result<()> {
        let state =
            lock(&self.listeners).get(leaving.listener).filter(|it| it.is_portable()).cloned();
        let Some(state) = state else { return Ok(()) };
        let Arrived(socket, peer) = leaving.socket.try_into()?;
        let begun = Begun { used: leaving.used, read: leaving.read };
        let acceptor = Acceptor::new(Arc::clone(&self.shared), self.workers.clone(), state);
        acceptor.hand_out(socket, peer, begun);
        Ok(())
    }

    /// Stops accepting at once and passes idle client connections to `sink` from here on. Connections
    /// that wait in the listening sockets' queues are left to the process that shares the sockets.
    /// Connections that cannot be passed on end as in a drain; [`DataPlane::drain`] waits for them.
    pub async fn hand_over(&self, sink: HandoverSink) {
        // Set before the workers are told: each looks for it first.
        let _ = self.shared.handover.set(sink);
        self.stop_accepting(Stop::AtOnce).await;
    }

    async fn stop_accepting(&self, how: Stop) {
        let _ = self.stop.send(how);
        let acceptors = std::mem::take(&mut *lock(&self.acceptors));
        for accepting in acceptors {
            let _ = accepting.await;
        }
        for thread in self.workers.iter().chain([&self.shadows]) {
            let _ = thread.send(Message::Drain);
        }
    }

    /// Stops accepting, lets running answers finish, and ends the workers. Answers that still run
    /// after `timeout` are abandoned; says whether all finished.
    pub async fn drain(&self, timeout: Duration) -> bool {
        // What the system had accepted for us by now is still served.
        self.stop_accepting(Stop::AfterTheQueue).await;
        let threads = std::mem::take(&mut *lock(&self.threads));
        let ended = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(|thread| drop(thread.join()));
        });
        tokio::time::timeout(timeout, ended).await.is_ok()
    }
}

/// The guarded lists are whole between any two statements, even if a thread panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataPlane({} workers)", self.workers.len())
    }
}
