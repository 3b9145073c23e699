//! Samples come in: written down, and their scorers awaited.

use super::open::{Open, Opened};
use super::{Book, Held};
use crate::RulesOf;
use crate::limits::MAX_OPEN;
use stagegate_eval::{Sample, SampleReason, Watermark};
use stagegate_store::NewSample;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The time that a scorer may take that promised to answer later, in milliseconds.
pub(super) const PATIENCE_MS: u64 = 600_000;

impl Book {
    /// Writes samples down, as many as there is room for.
    pub(crate) fn accept(
        &mut self,
        samples: Vec<Sample>,
        rules: &RulesOf,
        now_ms: u64,
    ) -> Vec<Opened> {
        let mut wanted: Vec<(Sample, String)> = Vec::with_capacity(samples.len());
        let mut bytes = 0;
        for mut sample in samples {
            if self.open.len() + wanted.len() >= MAX_OPEN || self.bytes + bytes > self.limits.memory
            {
                self.drop("queue", 1);
                self.watch.lost(&sample.workload.into(), 1, now_ms);
                continue;
            }
            let rules = rules.get(&sample.workload);
            let is_turn = sample.reason == SampleReason::Random && !sample.is_conversation();
            // With all its turns or not at all.
            if let Some(rules) = rules.filter(|_| is_turn) {
                self.conversations.add(&sample, rules, now_ms);
            }
            // The turns of one conversation are not independent: one of them counts.
            if let (true, Some(conversation)) = (is_turn, &sample.conversation)
                && !self.turns.is_first(&sample.workload, sample.arm, conversation)
            {
                sample.reason = SampleReason::Targeted;
            }
            if let Some(rules) = rules {
                rules.label(&mut sample);
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
                tracing::warn!(%error, samples = rows.len(), "cannot store samples; they are dropped");
                let count = rows.len() as u64;
                drop(rows);
                let refused: BTreeSet<&str> =
                    wanted.iter().map(|(sample, _)| &*sample.workload).collect();
                for workload in refused {
                    self.watch.refused(&workload.into(), &error.to_string(), now_ms);
                }
                self.drop("store", count);
                return Vec::new();
            }
        };
        drop(rows);
        let mut opened = Vec::with_capacity(wanted.len());
        for ((sample, body), new) in wanted.into_iter().zip(new) {
            if new {
                opened.extend(self.begin(sample, body.len() as u64, rules, now_ms));
            } else {
                self.drop("repeated", 1);
            }
        }
        opened
    }

    /// Takes samples up again that were written down before a restart.
    pub(crate) fn take_up(
        &mut self,
        samples: Vec<Sample>,
        rules: &RulesOf,
        now_ms: u64,
    ) -> Vec<Opened> {
        let begin = |sample: Sample| {
            let bytes = serde_json::to_string(&sample).map_or(0, |body| body.len() as u64);
            self.begin(sample, bytes, rules, now_ms)
        };
        samples.into_iter().filter_map(begin).collect()
    }

    fn begin(
        &mut self,
        sample: Sample,
        bytes: u64,
        rules: &RulesOf,
        now_ms: u64,
    ) -> Option<Opened> {
        let Some(rules) = rules.get(&sample.workload).cloned() else {
            // The workload is gone; nobody is left to judge.
            self.complete.push(sample.id);
            return None;
        };
        let open = Open::new(&sample, &rules, bytes);
        if open.is_live() && open.is_judged {
            self.watch.accepted(&open.origin.key.workload, now_ms);
        }
        if open.counts {
            let mark = self.marks.entry(Arc::clone(&open.origin.key.workload));
            let mark = mark.or_insert_with(|| Watermark::new(PATIENCE_MS, MAX_OPEN));
            mark.expect(&sample.id, sample.at_ms);
            let held = Held { origin: open.origin.clone(), rules: Arc::clone(&rules) };
            self.held.insert(sample.id.clone(), held);
        }
        self.bytes += bytes;
        if open.awaited.is_empty() {
            self.complete.push(sample.id.clone());
        }
        self.open.insert(sample.id.clone(), open);
        Some(Opened { sample: Arc::new(sample), rules })
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
        tenant: sample.tenant.as_deref(),
        body,
    }
}
