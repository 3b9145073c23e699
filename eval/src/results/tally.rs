//! Counts and sums of one arm.

use super::against_labels::AgainstLabels;
use super::nanos::nanos;
use super::reliability::Reliability;
use super::share::Share;
use crate::Score;
use serde::{Deserialize, Serialize};
use stagegate_rollout::{Calibration, Scores};

/// The verdict on one sample after all its scorers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// True if the gating scorers pass it together; `None` is unscored.
    pub pass: Option<bool>,
    /// Mean value of the gating scorers, from 0 to 1.
    pub value: Option<f64>,
    /// The confidence of the backend.
    pub confidence: Option<f64>,
    /// True if it is the right answer, by a labelled set; `None` if unknown.
    pub labelled: Option<bool>,
}

impl Verdict {
    /// The verdict of the gating scores of a sample.
    #[must_use]
    pub fn of(gating: &[Score], confidence: Option<f64>, labelled: Option<bool>) -> Self {
        let values: Vec<f64> = gating.iter().filter_map(|score| score.value).collect();
        let value = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        Self { pass: Score::together(gating), value, confidence, labelled }
    }

    /// The verdict of one score alone.
    #[must_use]
    pub fn of_one(score: &Score) -> Self {
        Self { pass: score.pass, value: score.value, ..Self::default() }
    }
}

/// The sums of one arm's scored samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Scored samples that passed.
    pub passed: u64,
    /// Scored samples that failed.
    pub failed: u64,
    /// Samples that no scorer could judge.
    pub unscored: u64,
    /// Of those with a known right answer, how many passed.
    pub labelled_passed: u64,
    /// Of those with a known right answer, how many failed.
    pub labelled_failed: u64,
    /// Those of them that the judge had a verdict on too.
    #[serde(default)]
    pub judged: AgainstLabels,
    /// Samples with a value.
    pub valued: u64,
    /// Sum of the values, in billionths.
    pub value_nanos: u64,
    /// Confidence against correctness.
    pub reliability: Reliability,
}

impl Tally {
    /// One sample.
    #[must_use]
    pub fn of_one(verdict: &Verdict) -> Self {
        let mut tally = Self::default();
        tally.add(verdict);
        tally
    }

    /// The label of a sample that was counted before, with the judge's verdict on it.
    #[must_use]
    pub fn of_label(right: bool, judged: Option<bool>) -> Self {
        let (labelled_passed, labelled_failed) = (u64::from(right), u64::from(!right));
        let judged = judged.map(|passed| AgainstLabels::of_one(passed, right)).unwrap_or_default();
        Self { labelled_passed, labelled_failed, judged, ..Self::default() }
    }

    /// Counts one sample.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict.pass {
            Some(true) => self.passed += 1,
            Some(false) => self.failed += 1,
            None => self.unscored += 1,
        }
        if let Some(pass) = verdict.labelled {
            self.labelled_passed += u64::from(pass);
            self.labelled_failed += u64::from(!pass);
        }
        if let (Some(passed), Some(right)) = (verdict.pass, verdict.labelled) {
            self.judged.merge(&AgainstLabels::of_one(passed, right));
        }
        if let Some(value) = verdict.value.filter(|value| value.is_finite()) {
            self.valued += 1;
            self.value_nanos += nanos(value);
        }
        if let (Some(confidence), Some(correct)) = (verdict.confidence, verdict.pass) {
            self.reliability.add(confidence, correct);
        }
    }

    /// Adds another count.
    pub fn merge(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.unscored += other.unscored;
        self.labelled_passed += other.labelled_passed;
        self.labelled_failed += other.labelled_failed;
        self.judged.merge(&other.judged);
        self.valued += other.valued;
        self.value_nanos += other.value_nanos;
        self.reliability.merge(&other.reliability);
    }

    /// Samples with a verdict.
    #[must_use]
    pub const fn scored(&self) -> u64 {
        self.passed + self.failed
    }

    /// Share of scored samples that passed; `None` before the first.
    #[must_use]
    pub fn accuracy(&self) -> Option<Share> {
        Share::of(self.passed, self.failed)
    }

    /// Accuracy on the samples with a known right answer.
    #[must_use]
    pub fn labelled_accuracy(&self) -> Option<Share> {
        Share::of(self.labelled_passed, self.labelled_failed)
    }

    /// Mean value, from 0 to 1.
    #[must_use]
    pub fn mean_value(&self) -> Option<f64> {
        ratio(self.value_nanos, self.valued).map(|mean| mean / 1e9)
    }

    /// Share of all samples that got a verdict.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        ratio(self.scored(), self.scored() + self.unscored)
    }

    /// Confidence against correctness, as the gates read it.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        self.reliability.calibration()
    }

    /// The counts that the gates read.
    #[must_use]
    pub const fn scores(&self) -> Scores {
        Scores {
            passed: self.passed,
            failed: self.failed,
            labelled_passed: self.labelled_passed,
            labelled_failed: self.labelled_failed,
        }
    }
}

pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
