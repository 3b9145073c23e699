//! Collects the scores of a sample. Complete samples are stored, and counted in request order.

use super::accept::PATIENCE_MS;
use super::open::{Open, is_of};
use super::{Book, Held};
use stagegate_eval::{Score, Tally, Verdict};
use stagegate_rollout::{Delta, Scores};
use stagegate_store::{Closing, Concluded, NewScore};
use std::collections::BTreeSet;

impl Book {
    /// True if a scorer of this name is waited for.
    pub(crate) fn awaits(&self, id: &str, scorer: &str) -> bool {
        self.open.get(id).is_some_and(|open| open.awaits(scorer))
    }

    /// Takes what scorers said of a sample.
    pub(crate) fn said(&mut self, id: &str, scores: Vec<Score>) {
        let Some(open) = self.open.get_mut(id) else { return };
        for score in scores {
            open.awaited.retain(|name| !is_of(&score, name));
            if open.is_live() {
                let whose =
                    (open.origin.key.workload.to_string(), open.origin.key.arm, score.name.clone());
                *self.said.entry((whose.0, whose.1, whose.2, score.outcome())).or_default() += 1;
            }
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
                for (id, closing) in complete.into_iter().zip(closed) {
                    self.close(&id, closing, now_ms);
                }
            }
            Err(error) => {
                // On the disk they are open still: tried again with the next ones.
                tracing::warn!(%error, samples = complete.len(), "cannot store scores; will try again");
                let of: BTreeSet<_> = complete
                    .iter()
                    .filter_map(|id| Some(&self.open.get(id)?.origin.key.workload))
                    .collect();
                for workload in of {
                    self.watch.refused(workload, &error.to_string(), now_ms);
                }
                self.complete = complete;
            }
        }
        let delta = self.drain(now_ms);
        self.results.save(&mut self.store, now_ms, false);
        delta
    }

    fn close(&mut self, id: &str, closing: Closing, now_ms: u64) {
        let Some(open) = self.open.remove(id) else { return };
        self.bytes = self.bytes.saturating_sub(open.bytes);
        if let (Some(pair), Closing::Now { .. }) = (&open.pair, closing) {
            self.pair_up(pair);
        }
        if !open.is_live() {
            return;
        }
        self.watch.kept(&open.origin.key.workload, now_ms);
        let gating = open.gating();
        let silent = gating.iter().find(|score| score.pass.is_none());
        let why = silent.and_then(|score| score.explanation.as_deref());
        if open.is_judged {
            self.watch.concluded(&open.origin.key, Score::together(&gating), why, now_ms);
        }
        let verdict = match closing {
            Closing::Now { labelled } => {
                self.tell(open.subject.as_ref(), &open.scores, now_ms);
                for score in open.counted_scores() {
                    let tally = Tally::of_one(&Verdict::of_one(score));
                    self.results.add_scorer(&self.store, &open.origin, &score.name, &tally);
                }
                open.verdict(labelled)
            }
            Closing::Before => Verdict::default(),
        };
        let mark = self.marks.get_mut(&open.origin.key.workload).filter(|_| open.counts);
        if let Some(mark) = mark {
            mark.resolve(id, verdict);
        }
    }

    fn drain(&mut self, now_ms: u64) -> Delta {
        let mut delta = Delta::default();
        let mut given_up = Vec::new();
        for mark in self.marks.values_mut() {
            for settled in mark.drain(now_ms) {
                let Some(Held { origin, rules }) = self.held.remove(&settled.id) else { continue };
                let tally = Tally::of_one(&settled.verdict);
                self.results.add(&self.store, &origin, &tally, &rules.tenants);
                if tally.scores() != Scores::default() {
                    let series = delta.series.entry(origin.key).or_default();
                    series.scores.merge(&tally.scores());
                    series.calibration.merge(&tally.calibration());
                }
                if settled.given_up {
                    given_up.push(settled.id);
                }
            }
        }
        for id in given_up {
            if let Some(open) = self.open.get_mut(&id) {
                open.counts = false;
                open.give_up();
                self.complete.push(id);
            }
        }
        delta
    }

    /// Gives up what waited too long and is in no watermark, which does so for the rest.
    pub(super) fn give_up_uncounted(&mut self, now_ms: u64) {
        for (id, open) in &mut self.open {
            let late = now_ms >= open.at_ms.saturating_add(PATIENCE_MS);
            if late && !open.counts && !open.awaited.is_empty() {
                open.give_up();
                self.complete.push(id.clone());
            }
        }
    }
}

fn concluded(id: &str, open: Option<&Open>) -> Concluded {
    let scores = open.map(|open| &open.scores[..]).unwrap_or_default();
    let kept = scores.iter().map(|score| NewScore {
        name: score.name.clone(),
        by: "scorer".to_owned(),
        pass: score.pass,
        body: serde_json::to_string(score).unwrap_or_default(),
    });
    Concluded {
        id: id.to_owned(),
        pass: open.and_then(|open| Score::together(&open.gating())),
        label: open.and_then(Open::label),
        doubt: open.filter(|open| open.is_live()).and_then(Open::doubt),
        scores: kept.collect(),
    }
}
