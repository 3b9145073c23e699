//! Live scoring: the handle that the rest of the process uses.

mod given;
mod reading;

pub use given::{Given, GivenReview, Reviewed};

use crate::book::{Book, Opened};
use crate::calls::{Call, Calls, Outcome};
use crate::figures::Figures;
use crate::judge_budget::{JudgeBudget, JudgeFigures};
use crate::limits::{Limits, MAX_OPEN};
use crate::rules::RulesOf;
use crate::told::Told;
use crate::watch::Watch;
use stagegate_eval::{Post, Sample, Score, ScorerKind};
use stagegate_rollout::{Delta, Doubt};
use stagegate_store::{SampleStore, SamplesError, SpendStore};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Time between two removals of old samples.
const FORGET_EVERY_MS: u64 = 60_000;

/// Takes the counts of concluded samples.
pub type Counts = Box<dyn Fn(Delta) + Send + Sync>;

/// Live scoring. Shared by reference; every method may block on the disk.
pub struct Scoring {
    book: Mutex<Book>,
    /// A second connection, so that a search for samples does not block the scoring.
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
    /// Starts scoring on a store. `spend` holds the spending of judges, `counts` takes the counts
    /// of concluded samples. Samples that were open when the process ended are resumed.
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
            calls: Calls::new(JudgeBudget::open(spend)?),
            watch,
            rules: Mutex::new(Arc::new(rules)),
            counts,
        });
        let samples = open.iter().filter_map(|row| match serde_json::from_str(&row.body) {
            Ok(sample) => Some(sample),
            Err(error) => {
                tracing::warn!(%error, id = row.id, "cannot read an open sample");
                None
            }
        });
        let samples: Vec<Sample> = samples.collect();
        let opened = scoring.book().take_up(samples, &scoring.rules(), now_ms);
        scoring.judge(opened, now_ms);
        Ok(scoring)
    }

    /// Applies a new configuration. Open samples keep the scorers they were accepted with.
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

    /// Updates the budgets of the judges; call about every second. Returns the workloads that must
    /// not be sampled now, because a gating judge has no budget left today.
    pub fn tend(&self, now_ms: u64) -> Vec<String> {
        self.watch.moved(now_ms);
        let mut paused = Vec::new();
        for (workload, rules) in self.rules().iter() {
            let scorers = rules.scorers.iter().map(|scorer| &**scorer);
            let gone = self.calls.budget.is_gone(workload, scorers, now_ms);
            self.watch.set_budget_is_gone(&workload.as_str().into(), gone, now_ms);
            if gone {
                paused.push(workload.clone());
            }
        }
        paused
    }

    /// Counts picked answers, of any workload, that were dropped before they got here.
    pub fn lost(&self, count: u64, now_ms: u64) {
        for workload in self.rules().keys().filter(|_| count > 0) {
            self.watch.lost(&workload.as_str().into(), count, now_ms);
        }
    }

    /// The reason not to believe the scorers of the workload, if there is one. Does not wait for
    /// the disk.
    #[must_use]
    pub fn doubt(&self, workload: &str, now_ms: u64) -> Option<Doubt> {
        let gates = self.rules().get(workload)?.scorers.iter().any(|scorer| scorer.gate);
        self.watch.doubt(workload, now_ms).filter(|_| gates)
    }

    /// When the workload got its last verdict, in Unix milliseconds; none since the start.
    #[must_use]
    pub fn scored_ms(&self, workload: &str) -> Option<u64> {
        self.watch.scored_ms(workload)
    }

    /// The spending of all judges.
    #[must_use]
    pub fn judges(&self, now_ms: u64) -> Vec<JudgeFigures> {
        self.calls.budget.figures(now_ms)
    }

    /// The rules by which samples of each workload are made and judged.
    #[must_use]
    pub fn rules(&self) -> Arc<RulesOf> {
        Arc::clone(&self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts samples. When this returns, each is stored, or dropped and counted.
    pub fn accept(&self, samples: Vec<Sample>, now_ms: u64) {
        let rules = self.rules();
        let opened = self.book().accept(samples, &rules, now_ms);
        self.judge(opened, now_ms);
        self.end_conversations(now_ms);
        let forget = self.book().forget(now_ms, FORGET_EVERY_MS);
        if let Err(error) = forget {
            tracing::warn!(%error, "cannot remove old samples");
        }
    }

    /// Has the conversations judged that are over.
    fn end_conversations(&self, now_ms: u64) {
        let rules = self.rules();
        let mut book = self.book();
        let over = book.over(now_ms);
        if over.is_empty() {
            return;
        }
        let opened = book.accept(over, &rules, now_ms);
        drop(book);
        self.judge(opened, now_ms);
    }

    /// Runs the built-in scorers, and queues the calls to external ones.
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

    /// Adds scores, and counts the samples that are complete now.
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

    /// Gives up samples whose scorers never answered. Call about every second.
    pub fn tick(&self, now_ms: u64) {
        self.end_conversations(now_ms);
        self.take(Vec::new(), now_ms);
    }

    /// Calls external scorers until [`Scoring::close`]. Blocks its thread; several threads may run
    /// it.
    pub fn ask(&self, post: &dyn Post, clock: &dyn Fn() -> u64) {
        while let Some(mut batch) = self.calls.next(clock) {
            // A call is not paid for if its sample was given up or scored in the meantime.
            let book = self.book();
            batch.retain(|call| book.awaits(&call.sample.id, &call.scorer.name));
            drop(book);
            let outcome = self.calls.carry_out(&batch, post, clock());
            let mut said = Vec::new();
            let now_ms = clock();
            for (call, outcome) in batch.into_iter().zip(outcome) {
                match outcome {
                    Outcome::Said(scores) => said.push((call.sample.id.clone(), scores)),
                    // The sample stays open until its scores are posted or its time is over.
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

    /// Lets [`Scoring::ask`] return. Open samples are resumed after the next start.
    pub fn close(&self) {
        self.calls.close();
    }

    /// Loads the sums of a rollout that were counted before a restart.
    pub fn recall(&self, workload: &str, rollout: &str) {
        self.book().recall(workload, rollout);
    }

    /// Saves the sums. Call after the last sample was scored.
    pub fn save(&self, now_ms: u64) {
        self.book().save(now_ms);
    }

    /// Scores of traced requests since the last call. Some are missing if the last call was long
    /// ago.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.book().told()
    }

    /// Bytes of the open samples.
    #[must_use]
    pub fn open_bytes(&self) -> u64 {
        self.book().open_bytes()
    }

    /// The counts since the start.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.book().figures()
    }
}
