//! Samples as the API shows them, and what people say about them on its way to scoring.

use crate::results;
use crate::scoring::now_ms;
use crate::shadow;
use serde_json::Value;
use stagegate_admin::sources::{ReviewOutcome, SampleQuery, SampleSource, SamplesUnavailable};
use stagegate_api::{
    EvalResults, GiveReview, GivenScore, LostPair, ReviewItem, Reviews, SampleDetail, SampleReview,
    SampleScore, SampleSummary, Samples, ScoreTaken, ShadowPairs,
};
use stagegate_eval::Score;
use stagegate_proxy::Outlet;
use stagegate_scoring::{Given, GivenReview, Reviewed, Scored, Scoring};
use stagegate_store::{SampleFilter, SamplesError, StoredReview, StoredSample};
use std::sync::Arc;

/// Pairs that a shadow lost and that are shown.
const LOST_SHOWN: usize = 20;

/// The samples of this process.
pub(crate) struct Shown(pub(crate) Arc<Scoring>, pub(crate) Arc<Outlet>);

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn unavailable(error: SamplesError) -> SamplesUnavailable {
    SamplesUnavailable(error.to_string())
}

#[allow(clippy::needless_pass_by_value)] // that is how `map_err` hands it over
fn damaged(error: serde_json::Error) -> SamplesUnavailable {
    SamplesUnavailable(error.to_string())
}

fn summary(sample: &StoredSample) -> SampleSummary {
    SampleSummary {
        id: sample.id.clone(),
        at_ms: sample.at_ms,
        workload: sample.workload.clone(),
        release: sample.release.clone(),
        arm: sample.arm.clone(),
        reason: sample.reason.clone(),
        open: sample.open,
        pass: sample.pass,
        label: sample.label,
        tenant: sample.tenant.clone(),
        doubt: sample.doubt.clone(),
    }
}

fn review(stored: StoredReview) -> SampleReview {
    let StoredReview { said, at_ms } = stored;
    SampleReview {
        verdict: if said.pass { "pass" } else { "fail" }.to_owned(),
        expected: said.expected.and_then(|text| serde_json::from_str(&text).ok()),
        note: said.note,
        by: said.by,
        at_ms,
    }
}

fn filter(query: &SampleQuery, waiting: bool) -> SampleFilter {
    SampleFilter {
        workload: query.workload.clone(),
        arm: query.arm.map(|arm| arm.label().to_owned()),
        release: query.release.clone(),
        tenant: query.tenant.clone(),
        scorer: query.scorer.clone(),
        failed: query.failed,
        waiting,
        since_ms: query.since_ms,
        until_ms: query.until_ms,
        before: query.cursor,
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

impl SampleSource for Shown {
    fn want(&self, workload: &str, wanted: [u32; 2]) {
        self.1.wanted(workload).set(wanted);
    }

    fn list(&self, query: &SampleQuery, limit: usize) -> Result<Samples, SamplesUnavailable> {
        let page = self.0.list(&filter(query, false), query.text.as_deref(), limit);
        let page = page.map_err(unavailable)?;
        Ok(Samples { samples: page.samples.iter().map(summary).collect(), next: page.next })
    }

    fn waiting(&self, query: &SampleQuery, limit: usize) -> Result<Reviews, SamplesUnavailable> {
        let page = self.0.list(&filter(query, true), None, limit).map_err(unavailable)?;
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
        Ok(match self.0.review(&given, now_ms()).map_err(unavailable)? {
            Reviewed::Unknown => ReviewOutcome::Unknown,
            Reviewed::Before(before) => ReviewOutcome::Before(review(before)),
            Reviewed::Kept { first } => ReviewOutcome::Kept(first),
        })
    }

    fn results(&self, workload: &str, rollout: &str) -> Result<EvalResults, SamplesUnavailable> {
        let sums = self.0.results(workload, rollout).map_err(unavailable)?;
        Ok(results::of(workload, rollout, &sums))
    }

    fn get(&self, request_id: &str) -> Result<Option<SampleDetail>, SamplesUnavailable> {
        let Some((sample, scores)) = self.0.get(request_id).map_err(unavailable)? else {
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
            summary: summary(&sample),
            sample: serde_json::from_str(&sample.body).map_err(damaged)?,
            scores: scores.collect::<Result<_, _>>()?,
            review: self.0.review_of(request_id).map_err(unavailable)?.map(review),
        }))
    }

    fn pairs(
        &self,
        workload: &str,
        since_ms: u64,
    ) -> Result<(Vec<ShadowPairs>, Vec<LostPair>), SamplesUnavailable> {
        let (counts, lost) = self.0.pairs(workload, since_ms, LOST_SHOWN).map_err(unavailable)?;
        Ok((shadow::compared(&counts), lost.into_iter().map(shadow::lost).collect()))
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
            let taken = self.0.give(&given, now_ms()).map_err(unavailable)?;
            let result = match taken {
                Scored::Unknown => "unknown",
                Scored::Repeated => "repeated",
                Scored::Kept { first: true } => "counted",
                Scored::Kept { first: false } => "kept",
            };
            Ok(ScoreTaken { id: given.id, result: result.to_owned() })
        };
        scores.into_iter().map(give).collect()
    }
}
