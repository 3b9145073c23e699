//! The samples that live scoring keeps, as a source of routes.

use super::{ReviewOutcome, SampleSource, SamplesUnavailable};
use crate::describe;
use serde_json::Value;
use stagegate_api::{
    Arm, EvalResults, GiveReview, GivenScore, LostPair, ReviewItem, ReviewVerdict, Reviews,
    SampleDetail, SampleDoubt, SampleReason, SampleReview, SampleScore, SampleSummary, Samples,
    ScoreTaken, ShadowPairs, Taken,
};
use stagegate_control::now_ms;
use stagegate_eval::Score;
use stagegate_scoring::{Given, GivenReview, Reviewed, Scored, Scoring};
use stagegate_store::{SampleFilter, SamplesError, StoredReview, StoredSample};
use std::sync::Arc;

/// Pairs that a shadow lost and that are shown.
const LOST_SHOWN: usize = 20;

/// Asks for samples of a workload at once: so many of each arm, by [`Arm::index`](stagegate_rollout::Arm::index).
pub type Want = Box<dyn Fn(&str, [u32; 2]) + Send + Sync>;

/// The samples of this process.
pub struct ScoredSamples {
    scoring: Arc<Scoring>,
    want: Want,
}

impl ScoredSamples {
    /// The samples that `scoring` keeps; `want` asks the data plane for more.
    #[must_use]
    pub fn new(scoring: Arc<Scoring>, want: Want) -> Self {
        Self { scoring, want }
    }
}

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn unavailable(error: SamplesError) -> SamplesUnavailable {
    SamplesUnavailable(error.to_string())
}

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn damaged(error: serde_json::Error) -> SamplesUnavailable {
    SamplesUnavailable(error.to_string())
}

fn summary(sample: &StoredSample) -> Result<SampleSummary, SamplesUnavailable> {
    Ok(SampleSummary {
        id: sample.id.clone(),
        at_ms: sample.at_ms,
        workload: sample.workload.clone(),
        release: sample.release.clone(),
        arm: word(Arm::from_word(&sample.arm), &sample.arm)?,
        reason: word(SampleReason::from_word(&sample.reason), &sample.reason)?,
        open: sample.open,
        pass: sample.pass,
        label: sample.label,
        tenant: sample.tenant.clone(),
        doubt: sample
            .doubt
            .as_ref()
            .map(|doubt| word(SampleDoubt::from_word(doubt), doubt))
            .transpose()?,
    })
}

/// A stored word, which must be one of its set.
fn word<T>(known: Option<T>, word: &str) -> Result<T, SamplesUnavailable> {
    known.ok_or_else(|| SamplesUnavailable(format!("`{word}` is stored and not known")))
}

fn review(stored: StoredReview) -> SampleReview {
    let StoredReview { said, at_ms } = stored;
    SampleReview {
        verdict: if said.pass { ReviewVerdict::Pass } else { ReviewVerdict::Fail },
        expected: said.expected.and_then(|text| serde_json::from_str(&text).ok()),
        note: said.note,
        by: said.by,
        at_ms,
    }
}

/// A sample for a reviewer, who must not know whom it is of.
fn item(stored: StoredSample) -> Result<ReviewItem, SamplesUnavailable> {
    let mut sample: Value = serde_json::from_str(&stored.body).map_err(damaged)?;
    let output = sample["output"]["value"].take();
    Ok(ReviewItem {
        id: stored.id,
        at_ms: stored.at_ms,
        workload: stored.workload,
        why: stored.doubt.unwrap_or_default(),
        input: sample["input"].take(),
        output,
        confidence: sample["confidence"].as_f64(),
    })
}

impl SampleSource for ScoredSamples {
    fn want(&self, workload: &str, wanted: [u32; 2]) {
        (self.want)(workload, wanted);
    }

    fn list(
        &self,
        filter: &SampleFilter,
        text: Option<&str>,
        limit: usize,
    ) -> Result<Samples, SamplesUnavailable> {
        let page = self.scoring.list(filter, text, limit).map_err(unavailable)?;
        let samples = page.samples.iter().map(summary).collect::<Result<_, _>>()?;
        Ok(Samples { samples, next: page.next })
    }

    fn waiting(&self, filter: &SampleFilter, limit: usize) -> Result<Reviews, SamplesUnavailable> {
        let filter = SampleFilter { waiting: true, ..filter.clone() };
        let page = self.scoring.list(&filter, None, limit).map_err(unavailable)?;
        let reviews = page.samples.into_iter().map(item).collect::<Result<_, _>>()?;
        Ok(Reviews { reviews, next: page.next })
    }

    fn review(
        &self,
        request_id: &str,
        given: GiveReview,
        by: &str,
    ) -> Result<ReviewOutcome, SamplesUnavailable> {
        let given = GivenReview {
            id: request_id.to_owned(),
            pass: given.verdict == "pass",
            expected: given.expected,
            note: given.note,
            by: by.to_owned(),
        };
        Ok(match self.scoring.review(&given, now_ms()).map_err(unavailable)? {
            Reviewed::Unknown => ReviewOutcome::Unknown,
            Reviewed::Before(before) => ReviewOutcome::Before(review(before)),
            Reviewed::Kept { first } => ReviewOutcome::Kept(first),
        })
    }

    fn results(&self, workload: &str, rollout: &str) -> Result<EvalResults, SamplesUnavailable> {
        let sums = self.scoring.results(workload, rollout).map_err(unavailable)?;
        Ok(describe::results(workload, rollout, &sums))
    }

    fn get(&self, request_id: &str) -> Result<Option<SampleDetail>, SamplesUnavailable> {
        let Some((sample, scores)) = self.scoring.get(request_id).map_err(unavailable)? else {
            return Ok(None);
        };
        let scores = scores.into_iter().map(|stored| {
            let score: Score = serde_json::from_str(&stored.body).map_err(damaged)?;
            Ok(SampleScore {
                name: score.name,
                pass: score.pass,
                value: score.value,
                label: score.label,
                explanation: score.explanation,
                by: stored.by,
                at_ms: stored.at_ms,
            })
        });
        Ok(Some(SampleDetail {
            summary: summary(&sample)?,
            sample: serde_json::from_str(&sample.body).map_err(damaged)?,
            scores: scores.collect::<Result<_, _>>()?,
            review: self.scoring.review_of(request_id).map_err(unavailable)?.map(review),
        }))
    }

    fn pairs(
        &self,
        workload: &str,
        since_ms: u64,
    ) -> Result<(Vec<ShadowPairs>, Vec<LostPair>), SamplesUnavailable> {
        let (counts, lost) =
            self.scoring.pairs(workload, since_ms, LOST_SHOWN).map_err(unavailable)?;
        Ok((describe::compared(&counts), lost.into_iter().map(describe::lost).collect()))
    }

    fn give(
        &self,
        scores: Vec<GivenScore>,
        by: &str,
    ) -> Result<Vec<ScoreTaken>, SamplesUnavailable> {
        let give = |given: GivenScore| {
            let score = Score {
                value: given.value,
                pass: given.pass,
                label: given.label,
                explanation: given.explanation,
                ..Score::unscored(&given.name, "")
            };
            let given = Given { id: given.id, score, by: by.to_owned() };
            let taken = self.scoring.give(&given, now_ms()).map_err(unavailable)?;
            let result = match taken {
                Scored::Unknown => Taken::Unknown,
                Scored::Repeated => Taken::Repeated,
                Scored::Kept { first: true } => Taken::Counted,
                Scored::Kept { first: false } => Taken::Kept,
            };
            Ok(ScoreTaken { id: given.id, result })
        };
        scores.into_iter().map(give).collect()
    }
}
