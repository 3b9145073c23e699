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
