//! Looking at samples and at what they add up to. Reads on a connection of its own.

use super::Scoring;
use crate::results::{Sums, read};
use serde_json::Value;
use stagegate_store::{
    PairCount, SampleFilter, SamplePage, SampleStore, SamplesError, StoredPair, StoredReview,
    StoredSample, StoredScore,
};
use std::sync::{MutexGuard, PoisonError};

impl Scoring {
    fn reader(&self) -> MutexGuard<'_, SampleStore> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest samples that match, newest first. `text` is looked for, in any case, in what was
    /// asked and answered; a page may then come out short and still have a next one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(
        &self,
        filter: &SampleFilter,
        text: Option<&str>,
        limit: usize,
    ) -> Result<SamplePage, SamplesError> {
        let needle = text.map(str::to_lowercase);
        let reads = |body: &str| needle.as_deref().is_none_or(|needle| says(body, needle));
        let reads: Option<&dyn Fn(&str) -> bool> = needle.as_ref().map(|_| &reads as _);
        self.reader().list(filter, limit, reads)
    }

    /// One sample and everything that was said about it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<(StoredSample, Vec<StoredScore>)>, SamplesError> {
        self.reader().get(id)
    }

    /// The review of a sample.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn review_of(&self, id: &str) -> Result<Option<StoredReview>, SamplesError> {
        self.reader().review_of(id)
    }

    /// Returns the results of a workload's pairs since `since_ms`, and the newest `lost` pairs of
    /// which only stable's response passed.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn pairs(
        &self,
        workload: &str,
        since_ms: u64,
        lost: usize,
    ) -> Result<(Vec<PairCount>, Vec<StoredPair>), SamplesError> {
        let reader = self.reader();
        Ok((reader.pair_counts(workload, since_ms)?, reader.pairs_lost(workload, lost)?))
    }

    /// The sums of the samples of a rollout; for an empty id, of those before any.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn results(&self, workload: &str, rollout: &str) -> Result<Sums, SamplesError> {
        let held = self.book().results.held(workload, rollout);
        held.map_or_else(|| read(&self.reader(), workload, rollout), Ok)
    }
}

/// True if a text, in lower case, is in what was asked or answered.
fn says(body: &str, needle: &str) -> bool {
    let Ok(sample) = serde_json::from_str::<Value>(body) else { return false };
    let parts = ["/input", "/output/value"].map(|part| sample.pointer(part));
    parts.into_iter().flatten().any(|part| holds(part, needle))
}

fn holds(value: &Value, needle: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(needle),
        Value::Array(items) => items.iter().any(|item| holds(item, needle)),
        Value::Object(map) => map.values().any(|item| holds(item, needle)),
        Value::Number(number) => number.to_string().contains(needle),
        Value::Bool(_) | Value::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use super::says;

    #[test]
    fn words_are_found_in_texts_and_not_in_keys() {
        let body = r#"{"workload":"refund-agent","input":{"messages":[{"content":"A \"Refund\", please"}]},
            "output":{"kind":"text","value":"Gr\u00fcezi 4711"}}"#;
        for found in ["refund", "\"refund\"", "grüezi", "4711"] {
            assert!(says(body, found), "{found}");
        }
        for not in ["messages", "refund-agent", "text", "invoice"] {
            assert!(!says(body, not), "{not}");
        }
        assert!(!says("no json", "json"));
    }
}
