//! The open samples, their scores, and the order in which they are counted.
//!
//! One book, under one lock: [`accept`] opens samples, [`conclude`] closes and counts them,
//! [`label`] adds what people say.

mod accept;
mod conclude;
mod conversations;
mod label;
mod open;
mod pair;

pub(crate) use open::Opened;

use crate::figures::{Figures, SeriesFigures};
use crate::results::{Origin, Results};
use crate::told::{Subject, Told};
use crate::watch::Watch;
use crate::{Limits, Rules};
use conversations::Conversations;
use open::Open;
use stagegate_eval::{FirstTurns, PairResult, Sample, Score, Watermark};
use stagegate_rollout::Arm;
use stagegate_store::{SampleStore, SamplesError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Conversations of which it is remembered that a turn was counted.
const CONVERSATIONS: usize = 200_000;
/// The most scores that wait for export.
const MAX_TOLD: usize = 4096;

/// Sums of samples are kept for 400 days after the last one.
const SUMS_KEPT_MS: u64 = 400 * 86_400_000;

/// A sample that waits for its turn to be counted.
struct Held {
    origin: Origin,
    rules: Arc<Rules>,
}

pub(crate) struct Book {
    pub(crate) store: SampleStore,
    pub(crate) limits: Limits,
    watch: Arc<Watch>,
    open: HashMap<String, Open>,
    bytes: u64,
    /// Complete, and not on the disk yet.
    complete: Vec<String>,
    held: HashMap<String, Held>,
    marks: HashMap<Arc<str>, Watermark>,
    turns: FirstTurns,
    /// Conversations that are judged as a whole once they are over.
    conversations: Conversations,
    /// Scores since the start, by workload, arm, scorer and what it said.
    said: BTreeMap<(String, Arm, String, &'static str), u64>,
    pub(crate) results: Results,
    /// Pairs since the start, by workload.
    pairs: BTreeMap<(String, PairResult), u64>,
    dropped: BTreeMap<&'static str, u64>,
    forgotten_at_ms: u64,
    told: Vec<Told>,
}

impl Book {
    pub(crate) fn new(store: SampleStore, limits: Limits, watch: Arc<Watch>) -> Self {
        Self {
            store,
            limits,
            watch,
            open: HashMap::new(),
            bytes: 0,
            complete: Vec::new(),
            held: HashMap::new(),
            marks: HashMap::new(),
            turns: FirstTurns::new(CONVERSATIONS),
            conversations: Conversations::new(CONVERSATIONS),
            said: BTreeMap::new(),
            results: Results::default(),
            pairs: BTreeMap::new(),
            dropped: ["queue", "store", "repeated"].map(|why| (why, 0)).into(),
            forgotten_at_ms: 0,
            told: Vec::new(),
        }
    }

    fn drop(&mut self, why: &'static str, count: u64) {
        *self.dropped.entry(why).or_default() += count;
    }

    /// Keeps scores for export, as many as there is room for.
    fn tell(&mut self, subject: Option<&Arc<Subject>>, scores: &[Score], at_ms: u64) {
        let Some(subject) = subject else { return };
        let room = MAX_TOLD.saturating_sub(self.told.len());
        let told = scores.iter().take(room).map(|score| Told {
            subject: Arc::clone(subject),
            score: score.clone(),
            at_ms,
        });
        self.told.extend(told);
    }

    /// Takes the conversations that are over, as samples.
    pub(crate) fn over(&mut self, now_ms: u64) -> Vec<Sample> {
        self.conversations.over(now_ms)
    }

    /// Takes the scores that wait to be exported.
    pub(crate) fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// Removes what is too old or too much, and gives up what waits in vain, once in a while.
    pub(crate) fn forget(&mut self, now_ms: u64, every_ms: u64) -> Result<(), SamplesError> {
        if now_ms < self.forgotten_at_ms.saturating_add(every_ms) {
            return Ok(());
        }
        self.forgotten_at_ms = now_ms;
        self.give_up_uncounted(now_ms);
        let age = self.limits.max_age.as_millis() as u64;
        self.store.forget(now_ms.saturating_sub(age), self.limits.max_samples)?;
        self.store.forget_tallies(now_ms.saturating_sub(SUMS_KEPT_MS)).map(|_| ())
    }

    /// Takes up the sums of a rollout that was counted before a restart.
    pub(crate) fn recall(&mut self, workload: &str, rollout: &str) {
        self.results.recall(&self.store, workload, rollout);
    }

    /// Saves the sums of samples.
    pub(crate) fn save(&mut self, now_ms: u64) {
        self.results.save(&mut self.store, now_ms, true);
    }

    pub(crate) const fn open_bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn figures(&self) -> Figures {
        let series = self.results.latest().into_iter();
        Figures {
            results: self.said.clone(),
            series: series.map(|(key, tally)| SeriesFigures { key, tally }).collect(),
            open: self.open.len() as u64,
            pairs: self.pairs.clone(),
            dropped: self.dropped.clone(),
        }
    }
}
