//! Counts of evaluations. Their labels come from definitions, and their number is bounded.

use stagegate_flags::{Evaluation, Reason, Variant};
use std::collections::BTreeMap;

/// Most combinations that are counted on their own; the rest is `other`.
const MOST: usize = 10_000;

/// Evaluations of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagCount {
    /// The flag; `unknown` for keys that no flag has.
    pub flag: String,
    /// The variant; empty if the caller's own default was to be used.
    pub variant: String,
    /// The reason.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// Most keys of strangers that are remembered, and the longest of them in bytes.
const MOST_UNKNOWN: usize = 100;
const LONGEST_UNKNOWN: usize = 128;

/// What was asked for since the start.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The last evaluation of each flag, in Unix seconds.
    pub last_s: BTreeMap<String, u64>,
    /// Keys that no flag has, and how often they were asked for.
    pub unknown: BTreeMap<String, u64>,
}

impl Asked {
    /// Notes an evaluation of a flag.
    pub(crate) fn note(&mut self, key: &str, now_s: u64) {
        if let Some(last) = self.last_s.get_mut(key) {
            *last = now_s;
        } else if self.last_s.len() < MOST {
            self.last_s.insert(key.to_owned(), now_s);
        }
    }

    /// Notes a key that no flag has.
    pub(crate) fn note_unknown(&mut self, key: &str) {
        if let Some(count) = self.unknown.get_mut(key) {
            *count += 1;
        } else if self.unknown.len() < MOST_UNKNOWN && key.len() <= LONGEST_UNKNOWN {
            self.unknown.insert(key.to_owned(), 1);
        }
    }
}

/// All counts.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(String, String, Reason), u64>);

impl Counts {
    pub(crate) fn count(&mut self, key: &str, evaluation: &Evaluation<'_>) {
        // A key of a stranger never becomes a label.
        let flag = if evaluation.flag().is_some() { key } else { "unknown" };
        let variant = evaluation.variant().map_or("", Variant::name);
        let full = self.0.len() >= MOST;
        let name = (flag.to_owned(), variant.to_owned(), evaluation.reason());
        match self.0.get_mut(&name) {
            Some(count) => *count += 1,
            None if full => {
                let other = ("other".to_owned(), "other".to_owned(), evaluation.reason());
                *self.0.entry(other).or_default() += 1;
            }
            None => {
                self.0.insert(name, 1);
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<FlagCount> {
        let all = self.0.iter().map(|((flag, variant, reason), count)| FlagCount {
            flag: flag.clone(),
            variant: variant.clone(),
            reason: reason.label(),
            count: *count,
        });
        all.collect()
    }
}
