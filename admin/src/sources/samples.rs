//! Source of sampled answers.

use stagegate_api::{
    EvalResults, GiveReview, GivenScore, LostPair, Reviews, SampleDetail, SampleReview, Samples,
    ScoreTaken, ShadowPairs,
};
use stagegate_store::SampleFilter;

/// Sampled answers and what was said about them. Calls may block on the disk; they are made on the
/// blocking pool.
pub trait SampleSource: Send + Sync + 'static {
    /// Samples so many of the next answers of each arm of a workload, by [`Arm::index`](stagegate_rollout::Arm::index), whatever
    /// the rate; no gate counts them.
    fn want(&self, workload: &str, wanted: [u32; 2]);

    /// The newest samples that match, newest first; only those with `text` in what was asked or
    /// answered, in any case, if it is given.
    ///
    /// # Errors
    /// When they cannot be read.
    fn list(
        &self,
        filter: &SampleFilter,
        text: Option<&str>,
        limit: usize,
    ) -> Result<Samples, SamplesUnavailable>;

    /// Samples that wait for a person, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn waiting(&self, filter: &SampleFilter, limit: usize) -> Result<Reviews, SamplesUnavailable>;

    /// Takes what a reviewer says about a sample.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn review(
        &self,
        request_id: &str,
        review: GiveReview,
        by: &str,
    ) -> Result<ReviewOutcome, SamplesUnavailable>;

    /// Returns the totals of a rollout's samples; with an empty id, of the samples before any
    /// rollout.
    ///
    /// # Errors
    /// When it cannot be read.
    fn results(&self, workload: &str, rollout: &str) -> Result<EvalResults, SamplesUnavailable>;

    /// One sample with its scores.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, request_id: &str) -> Result<Option<SampleDetail>, SamplesUnavailable>;

    /// Returns the results of a workload's pairs since `since_ms`, and the newest pairs that the
    /// shadow lost.
    ///
    /// # Errors
    /// When they cannot be read.
    fn pairs(
        &self,
        workload: &str,
        since_ms: u64,
    ) -> Result<(Vec<ShadowPairs>, Vec<LostPair>), SamplesUnavailable>;

    /// Takes scores from outside that `by` gives.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn give(
        &self,
        scores: Vec<GivenScore>,
        by: &str,
    ) -> Result<Vec<ScoreTaken>, SamplesUnavailable>;
}

/// The result of a submitted review.
#[derive(Clone, Debug)]
pub enum ReviewOutcome {
    /// No such sample.
    Unknown,
    /// It was reviewed before; the first review stands.
    Before(SampleReview),
    /// It was kept; `true` if its verdict counts.
    Kept(bool),
}

/// The sample store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the samples cannot be had: {0}")]
pub struct SamplesUnavailable(pub String);
