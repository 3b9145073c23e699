//! What waits, what was joined, and the figures of it. Shared by the workers' reports, the receiving
//! thread and the admin API.

use crate::counts::Counts;
use crate::recent::{RequestStage, Requests};
use stagegate_rollout::{Delta, Histogram, SeriesKey, StageUse};
use stagegate_spans::{Counted, Joined, Joiner, Limits, Request, Span, StageNames, Work};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests that wait to be taken over by the thread; further ones have no stages.
const MOST_WAITING: usize = 1 << 16;
/// Series whose figures are kept.
const MOST_SERIES: usize = 1024;

/// The cost of a call of a model in a workload, in nano-dollars.
pub type Price = Box<dyn FnMut(&str, &Work) -> Option<u64> + Send>;
/// Takes counts.
pub type Emit = Box<dyn Fn(Delta) + Send>;

/// The figures of one release in one arm since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmStages {
    /// Requests whose spans were awaited.
    pub begun: u64,
    /// The part of them of which at least one span came in time.
    pub joined: u64,
    /// Times in microseconds, and what was used, by stage.
    pub stages: BTreeMap<Arc<str>, (Histogram, StageUse)>,
}

/// What is known of traces.
#[derive(Debug)]
pub struct Book {
    /// Counts of exports.
    pub counts: Counts,
    ended: Mutex<Vec<Request>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    joiner: Joiner,
    names: StageNames,
    recent: Requests,
    arms: BTreeMap<SeriesKey, ArmStages>,
    /// Requests that found no room.
    lost: u64,
}

/// What is guarded is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// An empty book; each release and arm has at most `stages` stages of their own.
    #[must_use]
    pub fn new(limits: Limits, stages: usize) -> Self {
        let state = State {
            joiner: Joiner::new(limits),
            names: StageNames::new(stages),
            recent: Requests::default(),
            arms: BTreeMap::new(),
            lost: 0,
        };
        Self { counts: Counts::default(), ended: Mutex::default(), state: Mutex::new(state) }
    }

    /// Takes requests that have ended; never waits for more than a copy.
    pub fn ended(&self, requests: impl Iterator<Item = Request>) {
        let mut waiting = lock(&self.ended);
        let room = MOST_WAITING.saturating_sub(waiting.len());
        let mut requests = requests;
        waiting.extend(requests.by_ref().take(room));
        drop(waiting);
        let lost = requests.count() as u64;
        if lost > 0 {
            lock(&self.state).lost += lost;
        }
    }

    /// Takes the spans of an export.
    pub(crate) fn spans(&self, spans: Vec<Span>, now_ms: u64) {
        let mut state = lock(&self.state);
        spans.into_iter().for_each(|span| state.joiner.span(span, now_ms));
    }

    /// Concludes the requests whose time has come.
    pub(crate) fn look(&self, now_ms: u64, price: &mut Price, emit: &Emit) {
        let ended = std::mem::take(&mut *lock(&self.ended));
        let mut state = lock(&self.state);
        ended.into_iter().for_each(|request| state.joiner.request(request, now_ms));
        let joined = state.joiner.due(now_ms, price);
        state.conclude(&joined, emit);
    }

    /// Concludes everything: the process ends.
    pub(crate) fn finish(&self, now_ms: u64, price: &mut Price, emit: &Emit) {
        self.look(now_ms, price, emit);
        let mut state = lock(&self.state);
        let joined = state.joiner.finish(price);
        state.conclude(&joined, emit);
    }

    /// What became of spans since the start.
    #[must_use]
    pub fn joined(&self) -> Counted {
        lock(&self.state).joiner.counted()
    }

    /// Traces, spans and bytes of spans that wait now.
    #[must_use]
    pub fn held(&self) -> (usize, usize, usize) {
        lock(&self.state).joiner.held()
    }

    /// The stages of one of the last requests.
    #[must_use]
    pub fn request(&self, id: &str) -> Vec<RequestStage> {
        lock(&self.state).recent.of(id)
    }

    /// The figures of every release and arm.
    #[must_use]
    pub fn arms(&self) -> Vec<(SeriesKey, ArmStages)> {
        let state = lock(&self.state);
        state.arms.iter().map(|(key, arm)| (key.clone(), arm.clone())).collect()
    }
}

impl State {
    fn conclude(&mut self, joined: &[Joined], emit: &Emit) {
        if joined.is_empty() {
            return;
        }
        let mut delta = Delta::default();
        for joined in joined {
            joined.count(&mut self.names, &mut delta);
            self.recent.add(joined);
        }
        for (key, series) in delta.all_series() {
            if self.arms.len() >= MOST_SERIES && !self.arms.contains_key(key) {
                self.arms.clear();
            }
            let arm = self.arms.entry(key.clone()).or_default();
            arm.begun += series.traces_begun;
            arm.joined += series.traces_joined;
            for (stage, used) in &series.stage_use {
                let (times, sum) = arm.stages.entry(Arc::clone(stage)).or_default();
                sum.merge(used);
                if let Some(more) = series.stages.get(stage) {
                    times.merge(more);
                }
            }
        }
        if !delta.is_empty() {
            emit(delta);
        }
    }
}
