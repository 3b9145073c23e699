//! Scores live samples, on threads of its own: samples are accepted (written down), judged, kept and
//! counted, in that order.
//!
//! A sample that was accepted survives `kill -9`: it is on the disk before any scorer sees it, and is
//! taken up again after a restart. It is concluded once: the transaction that keeps its scores closes
//! it, and only who closed it counts it. What a scorer outside of the process cannot judge is
//! unscored, never failed.
//!
//! Nothing here is called on the request path, and nothing here makes it wait.

mod book;
mod calls;
mod figures;
mod given;
mod purse;
mod reading;
mod results;
mod rules;
mod told;
mod watch;

pub use figures::{Figures, SeriesFigures};
pub use given::{Given, GivenReview, Reviewed};
pub use purse::JudgeFigures;
pub use results::{OTHER, Slice, SliceKey, Sum, Sums};
pub use rules::{Labelled, Rules, RulesOf};
pub use stagegate_store::Scored;
pub use told::{Subject, Told};

use book::{Book, Opened};
use calls::{Call, Calls, Outcome};
use purse::Purse;
use stagegate_eval::{HealthLimits, Post, Sample, Score, ScorerKind};
use stagegate_rollout::{Delta, Doubt};
use stagegate_store::{SampleStore, SamplesError, SpendStore};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use watch::Watch;

/// Samples that scorers may be at, over all workloads. What comes on top is dropped.
const MAX_OPEN: usize = 10_000;
/// Samples are forgotten about this often.
const FORGET_EVERY_MS: u64 = 60_000;

/// Where counts go.
pub type Counts = Box<dyn Fn(Delta) + Send + Sync>;

/// Bounds of what is kept and held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Most bytes of samples that scorers are at.
    pub memory: u64,
    /// Samples older than this are removed.
    pub max_age: Duration,
    /// Above this many, the oldest samples are removed.
    pub max_samples: u64,
    /// From where on scorers are not believed.
    pub judge: HealthLimits,
}

/// Live scoring. Shared by reference; every method may block on the disk.
pub struct Scoring {
    book: Mutex<Book>,
    /// The store once more: who looks for samples keeps nobody waiting who scores.
    reader: Mutex<SampleStore>,
    calls: Calls,
    watch: Arc<Watch>,
    rules: Mutex<Arc<RulesOf>>,
    counts: Counts,
}

impl std::fmt::Debug for Scoring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scoring").finish_non_exhaustive()
    }
}

impl Scoring {
    /// Scoring on a store, and judges paid from `spend`. Counts of concluded samples go to `counts`.
    /// What was open when the process ended is taken up again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(
        store: SampleStore,
        spend: SpendStore,
        limits: Limits,
        rules: RulesOf,
        counts: Counts,
        now_ms: u64,
    ) -> Result<Arc<Self>, SamplesError> {
        let open = store.open_samples(MAX_OPEN)?;
        let reader = store.reader()?;
        let watch = Arc::new(Watch::new(limits.judge));
        let scoring = Arc::new(Self {
            book: Mutex::new(Book::new(store, limits, Arc::clone(&watch))),
            reader: Mutex::new(reader),
            calls: Calls::new(Purse::open(spend)?),
            watch,
            rules: Mutex::new(Arc::new(rules)),
            counts,
        });
        let samples = open.iter().filter_map(|row| match serde_json::from_str(&row.body) {
            Ok(sample) => Some(sample),
            Err(error) => {
                tracing::warn!(%error, id = row.id, "an open sample cannot be read");
                None
            }
        });
        let samples: Vec<Sample> = samples.collect();
        let opened = scoring.book().take_up(samples, &scoring.rules(), now_ms);
        scoring.judge(opened, now_ms);
        Ok(scoring)
    }

    /// Takes over another configuration. Samples that scorers are at stay with theirs.
    pub fn configure(&self, limits: Limits, rules: RulesOf) {
        self.book().limits = limits;
        self.watch.set_limits(limits.judge);
        let rules = Arc::new(rules);
        let mut held = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut *held, Arc::clone(&rules));
        drop(held);
        for (workload, former) in former.iter() {
            if rules.get(workload).is_none_or(|new| new.scorers != former.scorers) {
                self.watch.begin_anew(workload);
            }
        }
    }

    /// Sees to what changes with time: call every second or so. Gives the workloads that must not
    /// be sampled now, because a judge whose word counts cannot be paid any more today.
    pub fn tend(&self, now_ms: u64) -> Vec<String> {
        self.watch.moved(now_ms);
        let mut paused = Vec::new();
        for (workload, rules) in self.rules().iter() {
            let scorers = rules.scorers.iter().map(|scorer| &**scorer);
            let gone = self.calls.purse.is_gone(workload, scorers, now_ms);
            self.watch.set_budget_is_gone(&workload.as_str().into(), gone, now_ms);
            if gone {
                paused.push(workload.clone());
            }
        }
        paused
    }

    /// So many picked answers found no room before they got here, of whatever workload.
    pub fn lost(&self, count: u64, now_ms: u64) {
        for workload in self.rules().keys().filter(|_| count > 0) {
            self.watch.lost(&workload.as_str().into(), count, now_ms);
        }
    }

    /// Why what is said of the workload's samples is not to be believed, if it is not. Does not wait
    /// for the disk.
    #[must_use]
    pub fn doubt(&self, workload: &str, now_ms: u64) -> Option<Doubt> {
        let gates = self.rules().get(workload)?.scorers.iter().any(|scorer| scorer.gate);
        self.watch.doubt(workload, now_ms).filter(|_| gates)
    }

    /// What judges have spent.
    #[must_use]
    pub fn judges(&self, now_ms: u64) -> Vec<JudgeFigures> {
        self.calls.purse.figures(now_ms)
    }

    /// How samples of each workload are made and judged now.
    #[must_use]
    pub fn rules(&self) -> Arc<RulesOf> {
        Arc::clone(&self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts samples: they are on the disk when this returns, or dropped and counted.
    pub fn accept(&self, samples: Vec<Sample>, now_ms: u64) {
        let rules = self.rules();
        let opened = self.book().accept(samples, &rules, now_ms);
        self.judge(opened, now_ms);
        let forget = self.book().forget(now_ms, FORGET_EVERY_MS);
        if let Err(error) = forget {
            tracing::warn!(%error, "old samples stay");
        }
    }

    /// Lets the built-in scorers judge at once, and puts the others' questions in their queue.
    fn judge(&self, opened: Vec<Opened>, now_ms: u64) {
        let mut said: Vec<(String, Vec<Score>)> = Vec::with_capacity(opened.len());
        for Opened { sample, rules } in opened {
            said.push((
                sample.id.clone(),
                rules.scorers_of(&sample).filter_map(|scorer| scorer.score(&sample)).collect(),
            ));
            for scorer in rules.scorers_of(&sample) {
                if !matches!(scorer.kind, ScorerKind::Check(_)) {
                    let (scorer, sample) = (Arc::clone(scorer), Arc::clone(&sample));
                    self.calls.add(Call { due_ms: now_ms, attempt: 0, scorer, sample });
                }
            }
        }
        self.take(said, now_ms);
    }

    /// Takes what scorers said, and counts what is complete by it.
    fn take(&self, said: Vec<(String, Vec<Score>)>, now_ms: u64) {
        let mut book = self.book();
        for (id, scores) in said {
            book.said(&id, scores);
        }
        let delta = book.conclude(now_ms);
        drop(book);
        self.count(delta);
    }

    fn count(&self, delta: Delta) {
        if !delta.is_empty() {
            (self.counts)(delta);
        }
    }

    /// Lets time pass: samples whose scorers never answered are given up. Call every second or so.
    pub fn tick(&self, now_ms: u64) {
        self.take(Vec::new(), now_ms);
    }

    /// Asks scorers outside of the process, until [`Scoring::close`]. Runs on a thread that may wait;
    /// several may do so at once.
    pub fn ask(&self, post: &dyn Post, clock: &dyn Fn() -> u64) {
        while let Some(mut batch) = self.calls.next(clock) {
            // What was given up, or said by somebody in the meantime, is not paid for.
            let book = self.book();
            batch.retain(|call| book.awaits(&call.sample.id, &call.scorer.name));
            drop(book);
            let outcome = self.calls.carry_out(&batch, post, clock());
            let mut said = Vec::new();
            let now_ms = clock();
            for (call, outcome) in batch.into_iter().zip(outcome) {
                match outcome {
                    Outcome::Said(scores) => said.push((call.sample.id.clone(), scores)),
                    // It waits in the book, until the scores are posted or time is up.
                    Outcome::Later => {}
                    Outcome::Again(due_ms) => {
                        self.calls.add(Call { due_ms, attempt: call.attempt + 1, ..call });
                    }
                    Outcome::NotYet(due_ms) => self.calls.add(Call { due_ms, ..call }),
                }
            }
            self.take(said, now_ms);
        }
    }

    /// Lets [`Scoring::ask`] return. What was not judged is taken up after the next start.
    pub fn close(&self) {
        self.calls.close();
    }

    /// Shows the sums of a rollout among the figures that were counted before a restart.
    pub fn recall(&self, workload: &str, rollout: &str) {
        self.book().recall(workload, rollout);
    }

    /// Saves what was counted. Call when nothing is scored any more.
    pub fn save(&self, now_ms: u64) {
        self.book().save(now_ms);
    }

    /// Scores of traced requests that were kept since this was asked last; some are left out when
    /// nobody asks for long.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.book().told()
    }

    /// Bytes of the samples that scorers are at.
    #[must_use]
    pub fn open_bytes(&self) -> u64 {
        self.book().open_bytes()
    }

    /// What was counted.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.book().figures()
    }
}
