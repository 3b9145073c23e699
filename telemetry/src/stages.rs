//! Stages by the agents' traces: counters of calls, failures, tokens and money, kept and written here
//! because their labels come from agents and are capped.

use crate::names;
use crate::text::{dollars, family};
use stagegate_rollout::{Series, SeriesKey, StageUse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stages of one series that are shown.
const MAX_STAGES: usize = 32;
const OTHER: &str = "other";

/// What a scrape shows of the receiver of traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtlpGauges {
    /// Exports by result.
    pub exports: Vec<(&'static str, u64)>,
    /// Spans by what became of them.
    pub spans: Vec<(&'static str, u64)>,
    /// Traces and spans that wait now.
    pub waiting: [(&'static str, u64); 2],
    /// Bytes of spans that wait now.
    pub bytes: u64,
}

/// What stages used since the start, or since the series exists.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    series: BTreeMap<SeriesKey, BTreeMap<Arc<str>, StageUse>>,
}

impl Stages {
    /// Adds what one series counted.
    pub(crate) fn add(&mut self, key: &SeriesKey, series: &Series) {
        if series.stage_use.is_empty() {
            return;
        }
        let stages = self.series.entry(key.clone()).or_default();
        for (stage, used) in &series.stage_use {
            let room = stages.len() < MAX_STAGES || stages.contains_key(stage);
            let name = if room { Arc::clone(stage) } else { OTHER.into() };
            stages.entry(name).or_default().merge(used);
        }
    }

    /// Forgets series that are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(&SeriesKey) -> bool) {
        self.series.retain(|key, _| is_there(key));
    }

    /// Appends all families in the text format.
    pub(crate) fn append(&self, text: &mut String) {
        let each =
            || self.series.iter().flat_map(|(key, stages)| stages.iter().map(move |it| (key, it)));
        let of = |pick: fn(&StageUse) -> String| {
            each().map(move |(key, (stage, used))| {
                ([&*key.workload, &*key.release, key.arm.label(), &**stage], pick(used))
            })
        };
        family(text, &names::STAGE_CALLS, of(|used| used.calls.to_string()));
        family(text, &names::STAGE_ERRORS, of(|used| used.errors.to_string()));
        let tokens = each().flat_map(|(key, (stage, used))| {
            [("input", used.input), ("output", used.output)].map(|(kind, count)| {
                let values = [&*key.workload, &*key.release, key.arm.label(), &**stage, kind];
                (values, count.to_string())
            })
        });
        family(text, &names::STAGE_TOKENS, tokens);
        family(text, &names::STAGE_COST, of(|used| dollars(used.nanos)));
    }
}
