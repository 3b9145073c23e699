//! One worker: a thread with its own runtime, connections, pools and counts.

use crate::buffers::Buffers;
use crate::flooders::Flooders;
use crate::http1::Field;
use crate::identity::JwtCache;
use crate::ids::Ids;
use crate::inflating::Inflating;
use crate::lease::{Lease, Place};
use crate::plan::CurrentPlan;
use crate::pool::Pools;
use crate::shadow_copy::Shadow;
use crate::shared::Shared;
use crate::stats::{OTHER, Report, Stats};
use crate::trace::{Joinable, Traced};
use crate::transport::{Arrival, Connector};
use crate::watch::Watches;
use foldhash::fast::FixedState;
use stagegate_flags::Scratch;
use stagegate_rollout::ShadowDrop;
use stagegate_signals::{Prices, Tariff};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

/// Time between two reports.
pub(crate) const HAND_OVER: Duration = Duration::from_millis(250);
/// A backlog of records that is handed over at once.
const MAX_BACKLOG: usize = 1 << 20;
/// Sampled requests that are handed over at once.
const MAX_TRACED: usize = 256;
/// Bytes read or written in one go.
pub(crate) const SCRATCH: usize = 64 * 1024;

/// A message to a worker.
pub(crate) enum Message {
    /// Serve this connection.
    Serve(Arrival),
    /// Say when everything published before this message has taken effect.
    Settle(Settle),
    /// End the running answers of this workload's candidate.
    Cut(Arc<str>),
    /// Finish running requests, accept nothing more, then end.
    Drain,
}

/// A question whether a change has taken effect.
pub(crate) struct Settle {
    /// The workload that changed.
    pub(crate) workload: Arc<str>,
    /// Gets the time of the last request that went to its candidate.
    pub(crate) reply: oneshot::Sender<Option<Instant>>,
}

/// State of one worker, shared by its tasks only.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// Its number; none for the thread that sends copies.
    pub(crate) index: Option<usize>,
    pub(crate) watches: Rc<Watches>,
    /// Opens connections to endpoints.
    pub(crate) connector: Connector,
    pub(crate) pools: RefCell<Pools>,
    pub(crate) stats: RefCell<Stats>,
    pub(crate) tokens: RefCell<JwtCache>,
    pub(crate) ids: RefCell<Ids>,
    /// Memory for the evaluation of flags, used again.
    pub(crate) flags: RefCell<Scratch>,
    /// What may still be decompressed to read usage.
    pub(crate) inflating: Inflating,
    /// The same for requests.
    pub(crate) inflating_requests: Inflating,
    /// Clients whose HTTP/2 connections were ended for a flood.
    pub(crate) flooders: Flooders,
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    /// Memory for the fields of an answer's head, used again.
    pub(crate) answer_fields: Cell<Vec<Field>>,
    /// Buffers of clients that are gone, used again.
    pub(crate) buffers: RefCell<Vec<Buffers>>,
    pub(crate) draining: Cell<bool>,
    pub(crate) connections: Cell<usize>,
    /// Sampled requests that have ended.
    traced: RefCell<Vec<Traced>>,
    /// Requests that have ended, for the spans of their agents.
    joinable: RefCell<Vec<Joinable>>,
    /// Requests in progress.
    requests: Rc<Lease>,
    plan: RefCell<CurrentPlan>,
    /// The publication that `plan` is of, and true if it is the plan behind the fence.
    seen: Cell<(u64, bool)>,
    last_candidate: RefCell<HashMap<Arc<str>, Instant, FixedState>>,
    /// Token prices, by price list in use.
    tariffs: RefCell<Vec<Tariff>>,
    /// The name under which unlisted tenants are counted.
    pub(crate) other: Arc<str>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, index: Option<usize>) -> Self {
        let nth = index.map_or(u64::MAX, |index| index as u64);
        let seed = shared.seed.wrapping_add(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            index,
            watches: Rc::default(),
            connector: Connector::default(),
            pools: RefCell::default(),
            stats: RefCell::default(),
            tokens: RefCell::default(),
            ids: RefCell::new(Ids::new(seed)),
            flags: RefCell::default(),
            inflating: Inflating::default(),
            inflating_requests: Inflating::default(),
            flooders: Flooders::default(),
            answer_fields: Cell::default(),
            read_buffer: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            buffers: RefCell::default(),
            draining: Cell::new(false),
            connections: Cell::new(0),
            traced: RefCell::default(),
            joinable: RefCell::default(),
            requests: Rc::new(Lease::new(Arc::clone(&shared.requests))),
            plan: RefCell::new(CurrentPlan::new(shared.plan.load_full())),
            seen: Cell::new((u64::MAX, false)),
            last_candidate: RefCell::default(),
            tariffs: RefCell::default(),
            other: Arc::from(OTHER),
            shared,
        }
    }

    /// The plan in force. One atomic load a request; the counted reference is the worker's own.
    pub(crate) fn plan(&self) -> CurrentPlan {
        let published = self.published();
        if self.seen.replace(published) != published {
            let plan = match published {
                (_, true) => self.shared.fence.plan.load_full(),
                (_, false) => self.shared.plan.load_full(),
            };
            let in_use = |tariff: &Tariff| {
                plan.workloads.iter().any(|it| tariff.is_of(&it.prepared.signals.prices))
            };
            self.tariffs.borrow_mut().retain(in_use);
            *self.plan.borrow_mut() = CurrentPlan::new(plan);
            self.tokens.borrow_mut().clear();
        }
        self.plan.borrow().clone()
    }

    /// The newest publication, and true if the fence is closed.
    fn published(&self) -> (u64, bool) {
        let closed = self.shared.fence.is_closed();
        (self.shared.published.load(Ordering::Acquire), closed)
    }

    /// Returns whether `plan` is still the one in force.
    pub(crate) fn is_current(&self, plan: &CurrentPlan) -> bool {
        self.published() == self.seen.get() && plan.is(&self.plan.borrow())
    }

    /// A place for one more request, kept until it is dropped; none when the proxy has as many as
    /// it takes.
    pub(crate) fn admit(&self) -> Option<Place> {
        let most = self.shared.settings.load().limits.in_flight;
        self.requests.take(most, self.shared.workers.len())
    }

    /// Returns whether what is left is kept for stable's requests.
    pub(crate) fn is_busy_for_candidates(&self) -> bool {
        self.is_busier_than(4)
    }

    /// Returns true if copies would take room from real requests. Copies are dropped first.
    pub(crate) fn is_busy_for_shadows(&self) -> bool {
        self.is_busier_than(3)
    }

    /// Returns whether more than so many fifths of the most requests are under way.
    fn is_busier_than(&self, fifths: usize) -> bool {
        let most = self.shared.settings.load().limits.in_flight;
        most.is_some_and(|most| self.shared.requests.leased() * 5 > most * fifths)
    }

    /// Gives places of shared limits back that are not in use. Called with every tick.
    pub(crate) fn settle_limits(&self) {
        self.requests.settle();
        self.pools.borrow().settle();
    }

    /// Hands a copy on to be sent, without waiting; false if it was dropped, which is counted.
    pub(crate) fn offer_shadow(&self, copy: Box<Shadow>) -> bool {
        let (workload, release) = (Arc::clone(&copy.workload), Arc::clone(&copy.release));
        let why = if copy.is_too_large() {
            ShadowDrop::TooLarge
        } else {
            match self.shared.shadows.try_send(copy) {
                Ok(()) => return true,
                Err(TrySendError::Full(_)) => ShadowDrop::Queue,
                Err(TrySendError::Closed(_)) => ShadowDrop::Shutdown,
            }
        };
        self.stats.borrow_mut().shadow(&workload, &release).dropped[why.index()] += 1;
        false
    }

    /// Lets a price list be asked through this worker's memory of it.
    pub(crate) fn with_tariff<T>(
        &self,
        prices: &Arc<Prices>,
        ask: impl FnOnce(&mut Tariff) -> T,
    ) -> T {
        let mut tariffs = self.tariffs.borrow_mut();
        let known = tariffs.iter().position(|tariff| tariff.is_of(prices));
        let at = known.unwrap_or_else(|| {
            tariffs.push(Tariff::new(Arc::clone(prices)).seeded(self.shared.seed));
            tariffs.len() - 1
        });
        ask(&mut tariffs[at])
    }

    /// Notes that a request has just gone to the candidate.
    pub(crate) fn sent_to_candidate(&self, workload: &Arc<str>) {
        let mut last = self.last_candidate.borrow_mut();
        match last.get_mut(workload) {
            Some(at) => *at = Instant::now(),
            None => {
                last.insert(Arc::clone(workload), Instant::now());
            }
        }
    }

    /// Hands over what was counted.
    pub(crate) fn report(&self) {
        let (delta, records) = self.stats.borrow_mut().take();
        (self.shared.sink)(Report {
            worker: self.index,
            epoch: self.plan().epoch,
            connections: self.connections.get(),
            in_flight: self.pools.borrow().all_in_flight(),
            delta,
            records,
            traced: self.traced.take(),
            joinable: self.joinable.take(),
        });
    }

    /// Reports early when many records wait, so that no burst grows the memory.
    pub(crate) fn report_if_full(&self) {
        if self.stats.borrow().backlog() > MAX_BACKLOG {
            self.report();
        }
    }

    /// Keeps a sampled request that has ended for the next report, which is early when many wait.
    pub(crate) fn trace(&self, traced: Traced) {
        let mut waiting = self.traced.borrow_mut();
        waiting.push(traced);
        if waiting.len() >= MAX_TRACED {
            drop(waiting);
            self.report();
        }
    }

    /// Keeps a request whose agents' spans are wanted for the next report.
    pub(crate) fn join(&self, joinable: Joinable) {
        let mut waiting = self.joinable.borrow_mut();
        waiting.push(joinable);
        if waiting.len() >= MAX_TRACED {
            drop(waiting);
            self.report();
        }
    }

    /// Answers a settle: this worker takes the new plan from here on. Tasks of a worker do not run
    /// at the same time, and each looks at the plan in the step in which it sends its request.
    pub(crate) fn settle(&self, settle: Settle) {
        let last_candidate = self.last_candidate.borrow().get(&settle.workload).copied();
        let _ = settle.reply.send(last_candidate);
        self.watches.wake_tunnels();
    }

    pub(crate) fn cut(&self, workload: &Arc<str>) {
        let plan = self.plan();
        let of_workload = plan.workloads.iter().find(|w| w.prepared.name == *workload);
        if let Some(release) = of_workload.and_then(|workload| workload.candidate.as_ref()) {
            self.watches.cut(release.number);
        }
    }
}

/// Counts a connection as live until it is dropped.
pub(crate) struct Live(Rc<Worker>);

impl Live {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        if let Some(index) = self.0.index {
            self.0.shared.workers.leave(index);
        }
    }
}
