//! Figures of the scoring of live answers.

use stagegate_rollout::{Arm, DoubtKind, SeriesKey};

/// The figures of the scoring.
#[derive(Clone, Debug, Default)]
pub struct EvalGauges {
    /// Scores by workload, arm, scorer and what it said.
    pub results: Vec<(String, Arm, String, &'static str, u64)>,
    /// Picked exchanges that were not scored, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Samples that scorers are at.
    pub queue: u64,
    /// Bytes of copies.
    pub copies: u64,
    /// Samples of each release in each arm.
    pub arms: Vec<EvalArm>,
    /// Judged pairs by workload and result.
    pub pairs: Vec<(String, &'static str, u64)>,
    /// Workloads, and why their scorers are not believed.
    pub doubts: Vec<(String, Option<DoubtKind>)>,
    /// The spending of the judges.
    pub judges: Vec<EvalJudge>,
}

/// The spending of one judge with a budget.
#[derive(Clone, Debug)]
pub struct EvalJudge {
    /// The workload.
    pub workload: String,
    /// The scorer.
    pub scorer: String,
    /// Nano-dollars since the start.
    pub spent_nanos: u64,
    /// Dollars today (UTC), what calls in progress may cost included.
    pub today_usd: f64,
    /// Dollars that there are a day.
    pub daily_usd: f64,
}

/// The sums of the samples of one release in one arm; `None` while there are none.
#[derive(Clone, Debug)]
pub struct EvalArm {
    /// The series.
    pub key: SeriesKey,
    /// Share that passed: estimate, lower and upper bound.
    pub accuracy: Option<[f64; 3]>,
    /// The same of those whose right answer is known.
    pub labelled_accuracy: Option<[f64; 3]>,
    /// Mean value of the gating scorers.
    pub mean_score: Option<f64>,
    /// Mean squared difference between confidence and correctness.
    pub brier: Option<f64>,
    /// The difference between confidence and accuracy.
    pub calibration_error: Option<f64>,
}
