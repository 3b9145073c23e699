//! The counts for metrics.

use stagegate_eval::{PairResult, Tally};
use stagegate_rollout::{Arm, SeriesKey};
use std::collections::BTreeMap;

/// Everything that was counted.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Scores since the start, by workload, arm, scorer and what they said: `pass`, `fail` or
    /// `unscored`.
    pub results: BTreeMap<(String, Arm, String, &'static str), u64>,
    /// Samples that counted since each workload's last rollout began, by what they are of.
    pub series: Vec<SeriesFigures>,
    /// Judged pairs that count, by workload and result.
    pub pairs: BTreeMap<(String, PairResult), u64>,
    /// Samples that scorers are at.
    pub open: u64,
    /// Samples that were not accepted, by reason: `queue` when too many were open, `store` when the
    /// disk refused, `repeated` when the request's id had been seen.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// The sums of one series' samples.
#[derive(Clone, Debug)]
pub struct SeriesFigures {
    /// The series.
    pub key: SeriesKey,
    /// The sums.
    pub tally: Tally,
}
