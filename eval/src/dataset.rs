//! Cases out of live traffic: what was asked, what was answered, and, once a person has looked,
//! what would have been right.
//!
//! A set only grows. Changing a case means adding it again under a later version, so that a run can
//! always be repeated on the set it was made with. What a release answered is never taken for what
//! is right: `expected` comes from a label or a reviewer, and from nowhere else.

use crate::hash::{canonical, digest};
use crate::{Output, Sample, SampleReason, Score};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagegate_rollout::Arm;
use std::collections::BTreeMap;

/// The part of a set that a case belongs to. The parts answer different questions and are never
/// mixed: one shows if known failures come back, the other how good the responses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Failures.
    Regression,
    /// A random sample.
    Representative,
}

/// The state of a case's review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewStatus {
    /// Not reviewed yet.
    #[default]
    Pending,
    /// It is a case, and `expected` is right if it is there.
    Approved,
    /// It is none.
    Rejected,
}

/// A person's look at a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The result.
    pub status: ReviewStatus,
    /// The actor.
    pub by: Option<String>,
    /// The time, in Unix milliseconds.
    pub at: Option<u64>,
}

/// The source of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The trace.
    pub trace_id: Option<String>,
    /// The release that answered.
    pub release: String,
    /// Its arm.
    pub arm: Arm,
    /// The time, in Unix milliseconds.
    pub ts: u64,
}

/// One case: one line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The case's id: the request's.
    pub id: String,
    /// The input.
    pub input: Value,
    /// The right answer; null until a label or a reviewer gives it.
    pub expected: Option<Value>,
    /// The answer.
    pub output_observed: Value,
    /// Whatever else is known.
    #[serde(default)]
    pub metadata: BTreeMap<String, Value>,
    /// Words to find it by: the scorers that failed it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The scores.
    #[serde(default)]
    pub scores: Vec<Score>,
    /// Its source.
    pub source: Source,
    /// A person's look at it.
    #[serde(default)]
    pub review: Review,
    /// Its part of the set.
    pub split: Split,
    /// The version of the set that it came with; 0 before it is in one.
    #[serde(default)]
    pub dataset_version: u32,
    /// 64 hex digits over what makes the case: input, expected, answer, split and review status.
    pub content_hash: String,
}

impl Record {
    /// The case made from a scored sample: a regression if a scorer failed it, and part of the
    /// representative split if it is a random sample that no scorer failed. `None` for the rest,
    /// which would bias that split.
    #[must_use]
    pub fn of(sample: &Sample, scores: &[Score]) -> Option<Self> {
        let failed = |score: &&Score| score.pass == Some(false);
        let tags: Vec<String> = scores.iter().filter(failed).map(|s| s.name.clone()).collect();
        let split = if !tags.is_empty() {
            Split::Regression
        } else if sample.reason == SampleReason::Random {
            Split::Representative
        } else {
            return None;
        };
        let output_observed = match &sample.output {
            Output::Message(message) => json!(message),
            Output::Json(value) => value.clone(),
            Output::Text(text) => json!(text),
            Output::Opaque { bytes, why } => json!({ "bytes": bytes, "why": why }),
        };
        let record = Self {
            id: sample.id.clone(),
            input: sample.input.clone(),
            expected: sample.expected.clone(),
            output_observed,
            metadata: sample.metadata.clone(),
            tags,
            scores: scores.to_vec(),
            source: Source {
                trace_id: sample.trace_id.clone(),
                release: sample.release.clone(),
                arm: sample.arm,
                ts: sample.at_ms,
            },
            review: Review::default(),
            split,
            dataset_version: 0,
            content_hash: String::new(),
        };
        Some(record.hashed())
    }

    /// The same case after a person's look at it.
    #[must_use]
    pub fn reviewed(self, review: Review) -> Self {
        Self { review, ..self }.hashed()
    }

    /// True if its content is the one that its hash was made of.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.content_hash == self.hash()
    }

    fn hashed(mut self) -> Self {
        self.content_hash = self.hash();
        self
    }

    fn hash(&self) -> String {
        digest(&canonical(&json!({
            "id": self.id, "input": self.input, "expected": self.expected,
            "output_observed": self.output_observed, "split": self.split,
            "review": self.review.status,
        })))
    }
}

/// The reason why a set cannot be read or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// A line that is no record.
    #[error("line {line}: {message}; write one record a line, as `dataset export` does")]
    Line {
        /// From 1.
        line: usize,
        /// The problem.
        message: String,
    },
    /// A record that was changed in place.
    #[error(
        "line {line}: case `{id}` was changed in place: its content_hash is not that of its \
         content; add a changed case as a new version"
    )]
    Changed {
        /// From 1.
        line: usize,
        /// The case.
        id: String,
    },
    /// A version lower than the one before it.
    #[error("line {line}: version {found} comes after {before}; versions only grow")]
    Version {
        /// From 1.
        line: usize,
        /// The version found.
        found: u32,
        /// The one before.
        before: u32,
    },
    /// No such case.
    #[error("there is no case `{0}` in the set")]
    Unknown(String),
}

/// A set of cases with all its versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    records: Vec<Record>,
}

impl Dataset {
    /// Reads JSON Lines.
    ///
    /// # Errors
    /// The first line that is no record, was changed in place, or is out of order.
    pub fn read(text: &str) -> Result<Self, DatasetError> {
        let mut records: Vec<Record> = Vec::new();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line_number = n + 1;
            let record: Record = serde_json::from_str(line).map_err(|error| {
                DatasetError::Line { line: line_number, message: error.to_string() }
            })?;
            if !record.is_intact() {
                return Err(DatasetError::Changed { line: line_number, id: record.id });
            }
            let before = records.last().map_or(1, |last| last.dataset_version);
            if record.dataset_version < before {
                let found = record.dataset_version;
                return Err(DatasetError::Version { line: line_number, found, before });
            }
            records.push(record);
        }
        Ok(Self { records })
    }

    /// Writes JSON Lines: what an older version wrote stays a prefix, byte for byte.
    #[must_use]
    pub fn write(&self) -> String {
        // Records have text keys only: writing them cannot fail.
        let lines = self.records.iter().filter_map(|record| serde_json::to_string(record).ok());
        lines.map(|line| line + "\n").collect()
    }

    /// The latest version; 0 for an empty set.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.records.last().map_or(0, |record| record.dataset_version)
    }

    /// The lines of every version after this one, as they are written.
    #[must_use]
    pub fn write_after(&self, version: u32) -> String {
        let later = self.records.iter().filter(|record| record.dataset_version > version);
        Self { records: later.cloned().collect() }.write()
    }

    /// Adds cases as a new version and says how many were new: a case that is in the set as it is,
    /// or that a person has looked at and no other has since, is not added again. Without any,
    /// there is no new version.
    pub fn append(&mut self, cases: Vec<Record>) -> usize {
        let version = self.version() + 1;
        let known: BTreeMap<String, usize> =
            self.records.iter().enumerate().map(|(at, record)| (record.id.clone(), at)).collect();
        let mut added = 0;
        for case in cases {
            let case = case.hashed();
            let known = known.get(&case.id).map(|at| &self.records[*at]);
            let unseen = case.review.status == ReviewStatus::Pending;
            let settled = known.is_some_and(|known| {
                known.content_hash == case.content_hash
                    || (unseen && known.review.status != ReviewStatus::Pending)
            });
            if !settled {
                self.records.push(Record { dataset_version: version, ..case });
                added += 1;
            }
        }
        added
    }

    /// Records a review of a case, as a new version. An approval may give the correct response;
    /// without it `expected` stays unchanged.
    ///
    /// # Errors
    /// When there is no such case.
    pub fn review(
        &mut self,
        id: &str,
        status: ReviewStatus,
        expected: Option<Value>,
        by: &str,
        at_ms: u64,
    ) -> Result<(), DatasetError> {
        let known = self.latest(id).ok_or_else(|| DatasetError::Unknown(id.to_owned()))?.clone();
        let expected = expected.filter(|_| status == ReviewStatus::Approved).or(known.expected);
        let review = Review { status, by: Some(by.to_owned()), at: Some(at_ms) };
        let dataset_version = self.version() + 1;
        let reviewed = Record { expected, review, dataset_version, ..known };
        self.records.push(reviewed.hashed());
        Ok(())
    }

    fn latest(&self, id: &str) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.id == id)
    }

    /// The cases of a version, by id: of each the last one up to it, without what was rejected.
    #[must_use]
    pub fn at(&self, version: u32) -> Vec<&Record> {
        let upto = self.records.iter().filter(|record| record.dataset_version <= version);
        let latest: BTreeMap<&str, &Record> = upto.map(|record| (&*record.id, record)).collect();
        latest
            .into_values()
            .filter(|record| record.review.status != ReviewStatus::Rejected)
            .collect()
    }
}
