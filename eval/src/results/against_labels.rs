//! Counts of what a judge said against what people said of the same samples.

use serde::{Deserialize, Serialize};

/// Samples with a verdict of the judge and a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgainstLabels {
    /// Passed by the judge, and right.
    pub passed_right: u64,
    /// Passed by the judge, and wrong.
    pub passed_wrong: u64,
    /// Failed by the judge, and right.
    pub failed_right: u64,
    /// Failed by the judge, and wrong.
    pub failed_wrong: u64,
}

impl AgainstLabels {
    /// One sample.
    #[must_use]
    pub fn of_one(passed: bool, right: bool) -> Self {
        let is = |p: bool, r: bool| u64::from(p == passed && r == right);
        Self {
            passed_right: is(true, true),
            passed_wrong: is(true, false),
            failed_right: is(false, true),
            failed_wrong: is(false, false),
        }
    }

    /// Adds another count.
    pub const fn merge(&mut self, other: &Self) {
        self.passed_right += other.passed_right;
        self.passed_wrong += other.passed_wrong;
        self.failed_right += other.failed_right;
        self.failed_wrong += other.failed_wrong;
    }
}
