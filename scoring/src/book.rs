//! Which samples scorers are at, what was said so far, and what is counted when.

use crate::figures::{Figures, SeriesFigures};
use crate::{Limits, MAX_OPEN, Rules, RulesOf};
use stagegate_eval::{
    FirstTurns, Sample, SampleReason, Score, ScorerKind, Tally, Verdict, Watermark,
};
use stagegate_rollout::{Arm, Delta, SeriesKey};
use stagegate_store::{Concluded, NewSample, NewScore, SampleStore, SamplesError, StoredSample};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How long a scorer may take that promised to answer later, in milliseconds.
const PATIENCE_MS: u64 = 600_000;
/// Conversations of which it is remembered that a turn was counted.
const CONVERSATIONS: usize = 200_000;

/// A sample that was accepted, and how it is judged.
pub(crate) struct Opened {
    pub(crate) sample: Arc<Sample>,
    pub(crate) rules: Arc<Rules>,
}

/// A sample that scorers are at.
struct Open {
    key: SeriesKey,
    counts: bool,
    confidence: Option<f64>,
    bytes: u64,
    rules: Arc<Rules>,
    scores: Vec<Score>,
    /// Names of the scorers that have not said anything yet.
    awaited: Vec<String>,
}

/// A sample that waits for its turn to be counted.
struct Held {
    key: SeriesKey,
}

pub(crate) struct Book {
    pub(crate) store: SampleStore,
    pub(crate) limits: Limits,
    open: HashMap<String, Open>,
    bytes: u64,
    /// Complete, and not on the disk yet.
    complete: Vec<String>,
    held: HashMap<String, Held>,
    marks: HashMap<Arc<str>, Watermark>,
    turns: FirstTurns,
    results: BTreeMap<(String, Arm, String, &'static str), u64>,
    tallies: BTreeMap<SeriesKey, Tally>,
    dropped: BTreeMap<&'static str, u64>,
    forgotten_at_ms: u64,
}

fn key_of(sample: &Sample) -> SeriesKey {
    SeriesKey {
        workload: sample.workload.as_str().into(),
        release: sample.release.as_str().into(),
        arm: sample.arm,
    }
}

impl Book {
    pub(crate) fn new(store: SampleStore, limits: Limits) -> Self {
        Self {
            store,
            limits,
            open: HashMap::new(),
            bytes: 0,
            complete: Vec::new(),
            held: HashMap::new(),
            marks: HashMap::new(),
            turns: FirstTurns::new(CONVERSATIONS),
            results: BTreeMap::new(),
            tallies: BTreeMap::new(),
            dropped: ["queue", "store", "repeated"].map(|why| (why, 0)).into(),
            forgotten_at_ms: 0,
        }
    }

    fn drop(&mut self, why: &'static str, count: u64) {
        *self.dropped.entry(why).or_default() += count;
    }

    /// Writes samples down, as many as there is room for.
    pub(crate) fn accept(&mut self, samples: Vec<Sample>, rules: &RulesOf) -> Vec<Opened> {
        let mut wanted: Vec<(Sample, String)> = Vec::with_capacity(samples.len());
        let mut bytes = 0;
        for mut sample in samples {
            if self.open.len() + wanted.len() >= MAX_OPEN || self.bytes + bytes > self.limits.memory
            {
                self.drop("queue", 1);
                continue;
            }
            // The turns of one conversation are not independent: one of them counts.
            if let (SampleReason::Random, Some(conversation)) =
                (sample.reason, &sample.conversation)
                && !self.turns.is_first(&sample.workload, sample.arm, conversation)
            {
                sample.reason = SampleReason::Targeted;
            }
            let Ok(body) = serde_json::to_string(&sample) else {
                self.drop("store", 1);
                continue;
            };
            bytes += body.len() as u64;
            wanted.push((sample, body));
        }
        let rows: Vec<NewSample<'_>> =
            wanted.iter().map(|(sample, body)| row(sample, body)).collect();
        let new = match self.store.accept(&rows) {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(%error, samples = rows.len(), "samples are dropped");
                let count = rows.len() as u64;
                drop(rows);
                self.drop("store", count);
                return Vec::new();
            }
        };
        drop(rows);
        let mut opened = Vec::with_capacity(wanted.len());
        for ((sample, body), new) in wanted.into_iter().zip(new) {
            if new {
                opened.extend(self.begin(sample, body.len() as u64, rules));
            } else {
                self.drop("repeated", 1);
            }
        }
        opened
    }

    /// Takes samples up again that were written down before a restart.
    pub(crate) fn take_up(&mut self, samples: Vec<Sample>, rules: &RulesOf) -> Vec<Opened> {
        let begin = |sample: Sample| {
            let bytes = serde_json::to_string(&sample).map_or(0, |body| body.len() as u64);
            self.begin(sample, bytes, rules)
        };
        samples.into_iter().filter_map(begin).collect()
    }

    fn begin(&mut self, sample: Sample, bytes: u64, rules: &RulesOf) -> Option<Opened> {
        let Some(rules) = rules.get(&sample.workload).cloned() else {
            // The workload is gone; nobody is left to judge.
            self.complete.push(sample.id);
            return None;
        };
        let key = key_of(&sample);
        let counts = sample.reason == SampleReason::Random;
        if counts {
            let mark = self.marks.entry(Arc::clone(&key.workload));
            let mark = mark.or_insert_with(|| Watermark::new(PATIENCE_MS, MAX_OPEN));
            mark.expect(&sample.id, sample.at_ms);
            self.held.insert(sample.id.clone(), Held { key: key.clone() });
        }
        self.bytes += bytes;
        let awaited: Vec<String> = rules.scorers.iter().map(|it| it.name.clone()).collect();
        if awaited.is_empty() {
            self.complete.push(sample.id.clone());
        }
        self.open.insert(
            sample.id.clone(),
            Open {
                key,
                counts,
                confidence: sample.confidence,
                bytes,
                rules: Arc::clone(&rules),
                scores: Vec::new(),
                awaited,
            },
        );
        Some(Opened { sample: Arc::new(sample), rules })
    }

    /// Whether a scorer of this name is waited for.
    pub(crate) fn awaits(&self, id: &str, scorer: &str) -> bool {
        self.open.get(id).is_some_and(|open| {
            let external = |it: &&Arc<stagegate_eval::ScorerSpec>| {
                it.name == scorer && !matches!(it.kind, ScorerKind::Check(_))
            };
            open.rules.scorers.iter().find(external).is_some()
                && open.awaited.iter().any(|name| name == scorer)
        })
    }

    /// Takes what scorers said of a sample. Several scores of one scorer are `name` and `name.part`.
    pub(crate) fn said(&mut self, id: &str, scores: Vec<Score>) {
        let Some(open) = self.open.get_mut(id) else { return };
        for score in scores {
            let owner = |name: &String| {
                score.name == *name
                    || score
                        .name
                        .strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.starts_with('.'))
            };
            open.awaited.retain(|name| !owner(name));
            let whose = (open.key.workload.to_string(), open.key.arm, score.name.clone());
            *self.results.entry((whose.0, whose.1, whose.2, score.outcome())).or_default() += 1;
            open.scores.push(score);
        }
        if open.awaited.is_empty() {
            self.complete.push(id.to_owned());
        }
    }

    /// Keeps the scores of what is complete and gives up what waited too long; gives what counts
    /// now, in request order.
    pub(crate) fn conclude(&mut self, now_ms: u64) -> Delta {
        let complete = std::mem::take(&mut self.complete);
        let rows: Vec<Concluded> =
            complete.iter().map(|id| concluded(id, self.open.get(id))).collect();
        let closed =
            if rows.is_empty() { Ok(Vec::new()) } else { self.store.conclude(&rows, now_ms) };
        match closed {
            Ok(closed) => {
                for (id, closed) in complete.into_iter().zip(closed) {
                    self.close(&id, closed);
                }
            }
            Err(error) => {
                // On the disk they are open still: tried again with the next ones.
                tracing::warn!(%error, samples = complete.len(), "scores are not kept yet");
                self.complete = complete;
            }
        }
        self.drain(now_ms)
    }

    fn close(&mut self, id: &str, closed: bool) {
        let Some(open) = self.open.remove(id) else { return };
        self.bytes = self.bytes.saturating_sub(open.bytes);
        if !open.counts {
            return;
        }
        let verdict = if closed {
            Verdict::of(&gating(&open), open.confidence, false)
        } else {
            Verdict::default()
        };
        if let Some(mark) = self.marks.get_mut(&open.key.workload) {
            mark.resolve(id, verdict);
        }
    }

    fn drain(&mut self, now_ms: u64) -> Delta {
        let mut delta = Delta::default();
        let mut given_up = Vec::new();
        for mark in self.marks.values_mut() {
            for settled in mark.drain(now_ms) {
                let Some(Held { key }) = self.held.remove(&settled.id) else { continue };
                let mut tally = Tally::default();
                tally.add(&settled.verdict);
                self.tallies.entry(key.clone()).or_default().merge(&tally);
                if settled.verdict.pass.is_some() {
                    delta.series.entry(key).or_default().scores.merge(&tally.scores());
                }
                if settled.given_up {
                    given_up.push(settled.id);
                }
            }
        }
        for id in given_up {
            if let Some(open) = self.open.get_mut(&id) {
                open.counts = false;
                let missing = std::mem::take(&mut open.awaited);
                let late = missing.iter().map(|name| Score::unscored(name, "no scores in time"));
                open.scores.extend(late);
                self.complete.push(id);
            }
        }
        delta
    }

    /// What a person's first verdict on a sample counts for.
    pub(crate) fn labelled(&mut self, id: &str, pass: bool) -> Result<Delta, SamplesError> {
        let mut delta = Delta::default();
        let Some((StoredSample { workload, release, arm, reason, .. }, _)) = self.store.get(id)?
        else {
            return Ok(delta);
        };
        let Some(arm) = Arm::from_label(&arm).filter(|_| reason == SampleReason::Random.label())
        else {
            return Ok(delta);
        };
        let key = SeriesKey { workload: workload.into(), release: release.into(), arm };
        let labelled = Tally {
            labelled_passed: u64::from(pass),
            labelled_failed: u64::from(!pass),
            ..Tally::default()
        };
        self.tallies.entry(key.clone()).or_default().merge(&labelled);
        delta.series.entry(key).or_default().scores = labelled.scores();
        Ok(delta)
    }

    /// Removes what is too old or too much, once in a while.
    pub(crate) fn forget(&mut self, now_ms: u64, every_ms: u64) -> Result<(), SamplesError> {
        if now_ms < self.forgotten_at_ms.saturating_add(every_ms) {
            return Ok(());
        }
        self.forgotten_at_ms = now_ms;
        let age = self.limits.max_age.as_millis() as u64;
        self.store.forget(now_ms.saturating_sub(age), self.limits.max_samples).map(|_| ())
    }

    pub(crate) fn figures(&self) -> Figures {
        let series =
            |(key, tally): (&SeriesKey, &Tally)| SeriesFigures { key: key.clone(), tally: *tally };
        Figures {
            results: self.results.clone(),
            series: self.tallies.iter().map(series).collect(),
            open: self.open.len() as u64,
            dropped: self.dropped.clone(),
        }
    }
}

fn row<'a>(sample: &'a Sample, body: &'a str) -> NewSample<'a> {
    NewSample {
        id: &sample.id,
        at_ms: sample.at_ms,
        workload: &sample.workload,
        release: &sample.release,
        arm: sample.arm,
        reason: sample.reason.label(),
        body,
    }
}

/// What the gating scorers said. One of several scores under one scorer's name gates with it.
fn gating(open: &Open) -> Vec<Score> {
    let gates = |score: &&Score| {
        open.rules.scorers.iter().any(|scorer| {
            scorer.gate
                && (score.name == scorer.name
                    || score
                        .name
                        .strip_prefix(scorer.name.as_str())
                        .is_some_and(|rest| rest.starts_with('.')))
        })
    };
    open.scores.iter().filter(gates).cloned().collect()
}

fn concluded(id: &str, open: Option<&Open>) -> Concluded {
    let scores = open.map(|open| &open.scores[..]).unwrap_or_default();
    let kept = scores.iter().map(|score| NewScore {
        name: score.name.clone(),
        by: "scorer".to_owned(),
        body: serde_json::to_string(score).unwrap_or_default(),
    });
    Concluded {
        id: id.to_owned(),
        pass: open.and_then(|open| Score::together(&gating(open))),
        scores: kept.collect(),
    }
}
