//! Offline comparisons attached to releases: recorded, never replaced, and what the newest one says
//! when a rollout is about to start.

use super::draft::is_stale;
use super::{
    Action, Answer, Control, EvalCase, EvalComparison, EvalReport, EvalVerdict, ExecuteError,
    IdempotencyKey, Inner, Precondition, ReleaseRefusal, now_ms,
};
use serde_json::json;
use stagegate_rollout::{OfflineEval, ReleaseName, WorkloadName};
use stagegate_store::{
    Attachment, NewAudit, NewChange, NewEvalReport, RegisteredRelease, StoredEvalReport,
};
use std::sync::Arc;

/// Fallen cases that are named in one line.
const NAMED: usize = 10;

/// The request to attach a comparison.
#[derive(Clone, Debug)]
pub struct EvalReportOrder {
    /// The actor.
    pub actor: String,
    /// The workload.
    pub workload: String,
    /// The release.
    pub release: ReleaseName,
    /// The comparison, checked.
    pub comparison: EvalComparison,
    /// The reason; may be empty.
    pub reason: String,
    /// The caller's precondition.
    pub precondition: Precondition,
    /// The caller's key, to ask again without doing it again.
    pub idempotency: Option<IdempotencyKey<EvalReport>>,
}

impl Control {
    /// Attaches a comparison and returns it as it is kept.
    ///
    /// # Errors
    /// An [`ExecuteError`]; nothing was attached then.
    pub async fn attach_eval_report(
        &self,
        order: EvalReportOrder,
    ) -> Result<Answer<EvalReport>, ExecuteError> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move { inner.attach_eval_report(order).await })
            .await
            .map_err(|error| ExecuteError::Lost(error.to_string()))?
    }
}

impl Inner {
    async fn attach_eval_report(
        self: &Arc<Self>,
        order: EvalReportOrder,
    ) -> Result<Answer<EvalReport>, ExecuteError> {
        let wanted = order.clone();
        let work = move |inner: Arc<Self>| async move { inner.try_attach(&wanted).await };
        let key = order.idempotency.as_ref();
        self.once_in_order(&order.workload, key, &order.actor, work).await
    }

    /// Checks and records; the caller has the right to write.
    async fn try_attach(
        &self,
        order: &EvalReportOrder,
    ) -> Result<Answer<EvalReport>, ExecuteError> {
        self.ledger()?;
        let view = self.view();
        let (_, live) = view.locate(&order.workload)?;
        is_stale(&order.precondition, live)?;
        let workload = live.split.spec().name.clone();
        let wanted = workload.to_string();
        let registered = self.with_store(move |store| Ok(store.releases(&wanted)?)).await?;
        let release = found(&registered, &workload, &order.release)?;
        let detail = EvalReport {
            workload: workload.to_string(),
            release: order.release.to_string(),
            verdict: order.comparison.verdict(),
            at_ms: now_ms(),
            by: order.actor.clone(),
            reason: order.reason.clone(),
            fingerprint: release.fingerprint.clone(),
            comparison: order.comparison.clone(),
        };
        let report = NewEvalReport {
            workload,
            release: order.release.clone(),
            at_ms: detail.at_ms,
            actor: detail.by.clone(),
            verdict: detail.verdict.label().to_owned(),
            fingerprint: detail.fingerprint.clone(),
            body: json!(detail).to_string(),
        };
        let change = NewChange {
            answer: order.idempotency.as_ref().map(|key| key.keeping(&order.actor, &detail)),
            attachments: vec![Attachment::EvalReport(report)],
            ..NewChange::entry_only(entry(&detail))
        };
        let recorded = self.append(view.epoch, change).await?;
        Answer::of(recorded, order.idempotency.as_ref(), |_| detail)
    }
}

fn found<'a>(
    registered: &'a [RegisteredRelease],
    workload: &WorkloadName,
    release: &ReleaseName,
) -> Result<&'a RegisteredRelease, ReleaseRefusal> {
    registered.iter().find(|it| it.release == release.as_str()).ok_or_else(|| {
        let names: Vec<&str> = registered.iter().map(|it| it.release.as_str()).collect();
        let (workload, release) = (workload.clone(), release.clone());
        ReleaseRefusal::Unknown { workload, release, known: names.join(", ") }
    })
}

fn entry(detail: &EvalReport) -> NewAudit {
    let EvalReport { release, comparison, .. } = detail;
    let verdict = detail.verdict.label();
    let EvalComparison { baseline, candidate, cases, .. } = comparison;
    NewAudit {
        at_ms: detail.at_ms,
        actor: detail.by.clone(),
        workload: Some(detail.workload.clone()),
        action: Action::AttachEvalReport.label().to_owned(),
        reason: detail.reason.clone(),
        summary: format!(
            "eval report of release {release}: {verdict}, {} of {cases} passed before, {} pass now",
            baseline.passed, candidate.passed
        ),
        details: json!({
            "release": release, "verdict": verdict, "fingerprint": detail.fingerprint,
            "baseline": baseline, "candidate": candidate, "cases": cases,
            "fell": comparison.fell, "fallen": named(&comparison.fallen, comparison.fell),
            "dataset_version": comparison.dataset_version,
            "content_hash": comparison.content_hash,
        }),
    }
}

/// The cases in one line.
fn named(cases: &[EvalCase], all: u64) -> String {
    let mut names: Vec<&str> = cases.iter().take(NAMED).map(|case| case.id.as_str()).collect();
    let more = all.saturating_sub(names.len() as u64);
    let rest = format!("and {more} more");
    if more > 0 {
        names.push(&rest);
    }
    names.join(", ")
}

/// Judges the newest comparison of the release for a rollout from `stable` to it. Pure.
pub(super) fn judged(
    newest: Option<&StoredEvalReport>,
    registered: Option<&RegisteredRelease>,
    workload: &WorkloadName,
    release: &ReleaseName,
    stable: &ReleaseName,
) -> OfflineEval {
    let attach = format!(
        "attach one with `stagegate eval gate --baseline … --candidate … --attach -w {workload} --release {release}`, or ask for none with the policy's `offline_report: optional`"
    );
    let missing = |why: &str| OfflineEval::Missing(format!("{why}; {attach}"));
    let Some(StoredEvalReport { report, .. }) = newest else { return missing("none is attached") };
    if registered.is_none_or(|it| it.fingerprint != report.fingerprint) {
        return missing("the release was given other pins since the newest one was attached");
    }
    let detail = match serde_json::from_str::<EvalReport>(&report.body) {
        Ok(detail) => detail,
        Err(error) => return missing(&format!("the newest one cannot be read ({error})")),
    };
    let comparison = &detail.comparison;
    let by = format!("attached by {}", detail.by);
    match comparison.verdict() {
        EvalVerdict::Fell => OfflineEval::Fell(format!(
            "{} of {} cases passed before and fail now ({by}): {}",
            comparison.fell,
            comparison.cases,
            named(&comparison.fallen, comparison.fell)
        )),
        EvalVerdict::Incomparable => missing(&format!(
            "in the newest one {} cases cannot be compared ({by}): {}",
            comparison.incomparable,
            named(&comparison.not_compared, comparison.incomparable)
        )),
        EvalVerdict::Held => match &comparison.baseline.release {
            Some(other) if *other != stable.as_str() => missing(&format!(
                "the newest one compares with {other}, and stable is {stable} ({by})"
            )),
            _ => OfflineEval::Held,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::named;
    use crate::EvalCase;

    #[test]
    fn many_cases_are_named_in_one_line() {
        let cases: Vec<EvalCase> =
            (0..12).map(|n| EvalCase { id: format!("q-{n}"), why: String::new() }).collect();
        assert_eq!(named(&cases[..2], 2), "q-0, q-1");
        let line = named(&cases, 1012);
        assert!(line.starts_with("q-0, ") && line.ends_with("q-9, and 1002 more"), "{line}");
    }
}
