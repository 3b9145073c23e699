//! Calls to external scorers: when each is due, and how its answer is handled.

use crate::judge_budget::{JudgeBudget, NotNow};
use stagegate_eval::{Broke, ItemScores, Post, Sample, Score, ScorerKind, ScorerSpec, Sent, ask};
use stagegate_timing::Backoff;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tries of one question.
const TRIES: u32 = 4;
/// Wait before the second try; each further one is four times as long.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(500),
    factor: 4,
    longest: Duration::from_millis(LONGEST_WAIT_MS),
};
/// Wait for money that calls in progress may give back, or for the disk.
const AWHILE_MS: u64 = 500;
/// The longest that a scorer's own wish to be left alone is heeded.
const LONGEST_WAIT_MS: u64 = 60_000;

/// One question.
pub(crate) struct Call {
    pub(crate) due_ms: u64,
    pub(crate) attempt: u32,
    pub(crate) scorer: Arc<ScorerSpec>,
    pub(crate) sample: Arc<Sample>,
}

/// The result of a call.
pub(crate) enum Outcome {
    /// There is an answer, unscored being one.
    Said(Vec<Score>),
    /// The scores will be posted.
    Later,
    /// To be asked again at this time.
    Again(u64),
    /// Not asked yet; due at this time.
    NotYet(u64),
}

/// Questions that wait, and what they are paid from.
pub(crate) struct Calls {
    queue: Mutex<Queue>,
    changed: Condvar,
    pub(crate) budget: JudgeBudget,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Call>,
    closed: bool,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Calls {
    pub(crate) fn new(budget: JudgeBudget) -> Self {
        Self { queue: Mutex::default(), changed: Condvar::new(), budget }
    }

    pub(crate) fn add(&self, call: Call) {
        held(&self.queue).waiting.push(call);
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        held(&self.queue).closed = true;
        self.changed.notify_all();
    }

    /// Waits for questions that are due; all are for one scorer, and as many as it takes at once.
    /// `None` once this is closed.
    pub(crate) fn next(&self, clock: &dyn Fn() -> u64) -> Option<Vec<Call>> {
        let mut queue = held(&self.queue);
        loop {
            if queue.closed {
                return None;
            }
            let now_ms = clock();
            let first = queue.waiting.iter().min_by_key(|call| call.due_ms);
            let wait = match first {
                None => Duration::from_secs(60),
                Some(call) if call.due_ms > now_ms => Duration::from_millis(call.due_ms - now_ms),
                Some(call) => {
                    let scorer = Arc::clone(&call.scorer);
                    let most = match &scorer.kind {
                        ScorerKind::Http(http) => http.batch,
                        ScorerKind::Check(_) | ScorerKind::Rubric(_) => 1,
                    };
                    let mut batch = Vec::new();
                    let mut at = 0;
                    while at < queue.waiting.len() && batch.len() < most {
                        let call = &queue.waiting[at];
                        if call.due_ms <= now_ms && Arc::ptr_eq(&call.scorer, &scorer) {
                            batch.push(queue.waiting.swap_remove(at));
                        } else {
                            at += 1;
                        }
                    }
                    return Some(batch);
                }
            };
            let (woken, _) =
                self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
        }
    }

    /// Sends the calls, and returns the outcome of each.
    pub(crate) fn carry_out(&self, batch: &[Call], post: &dyn Post, now_ms: u64) -> Vec<Outcome> {
        let Some(first) = batch.first() else { return Vec::new() };
        let scorer = &first.scorer;
        let unscored = |why: &str| Outcome::Said(vec![Score::unscored(&scorer.name, why)]);
        let reserved = match self.budget.reserve(scorer, &first.sample, now_ms) {
            Ok(reserved) => reserved,
            Err(NotNow::Broke(Broke::Promised) | NotNow::Store(_)) => {
                return batch.iter().map(|_| Outcome::NotYet(now_ms + AWHILE_MS)).collect();
            }
            Err(why) => return batch.iter().map(|_| unscored(&why.to_string())).collect(),
        };
        let samples: Vec<&Sample> = batch.iter().map(|call| &*call.sample).collect();
        let sent = ask(scorer, &samples, now_ms / 1000, post);
        if let Some(reserved) = reserved {
            self.budget.settle(scorer, &first.sample.workload, reserved, &sent);
        }
        let again = |call: &Call, after_ms: Option<u64>, why: &str| {
            if call.attempt + 1 >= TRIES {
                return unscored(why);
            }
            let backoff = BACKOFF.wait(call.attempt + 1).as_millis() as u64;
            let wait = after_ms.unwrap_or(0).clamp(backoff, LONGEST_WAIT_MS);
            Outcome::Again(now_ms + wait)
        };
        match sent {
            Sent::Later => batch.iter().map(|_| Outcome::Later).collect(),
            Sent::Refused { why } => batch.iter().map(|_| unscored(&why)).collect(),
            Sent::Again { after_ms, why, .. } => {
                batch.iter().map(|call| again(call, after_ms, &why)).collect()
            }
            Sent::Answered(items) => {
                let mut items = items.into_iter();
                let outcome = |call: &Call| match items.next() {
                    Some(ItemScores::Scored(scores)) if !scores.is_empty() => Outcome::Said(scores),
                    Some(ItemScores::Scored(_)) => unscored("the scorer gave no score"),
                    Some(ItemScores::Unscored(why)) => unscored(&why),
                    Some(ItemScores::Again(why)) => again(call, None, &why),
                    None => again(call, None, "the scorer's answer leaves it out"),
                };
                batch.iter().map(outcome).collect()
            }
        }
    }
}
