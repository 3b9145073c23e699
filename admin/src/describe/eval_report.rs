//! Offline comparisons, from and to the wire.

use stagegate_api::{EvalCalibration, EvalCase, EvalComparison, EvalReportDetail, EvalRun};
use stagegate_control as control;

/// A comparison as it is kept with its release.
#[must_use]
pub fn eval_report(report: &control::EvalReport) -> EvalReportDetail {
    EvalReportDetail {
        workload: report.workload.clone(),
        release: report.release.clone(),
        verdict: super::eval_verdict(report.verdict),
        at_ms: report.at_ms,
        by: report.by.clone(),
        reason: report.reason.clone(),
        fingerprint: report.fingerprint.clone(),
        comparison: shown(&report.comparison),
    }
}

fn shown(comparison: &control::EvalComparison) -> EvalComparison {
    let case = |it: &control::EvalCase| EvalCase { id: it.id.clone(), why: it.why.clone() };
    let run = |it: &control::EvalRun| EvalRun {
        run: it.run.clone(),
        release: it.release.clone(),
        passed: it.passed,
    };
    EvalComparison {
        baseline: run(&comparison.baseline),
        candidate: run(&comparison.candidate),
        cases: comparison.cases,
        fell: comparison.fell,
        gained: comparison.gained,
        incomparable: comparison.incomparable,
        fallen: comparison.fallen.iter().map(case).collect(),
        not_compared: comparison.not_compared.iter().map(case).collect(),
        dataset_version: comparison.dataset_version,
        content_hash: comparison.content_hash.clone(),
        calibration: comparison.calibration.map(|it| EvalCalibration {
            error: it.error,
            brier: it.brier,
            pairs: it.pairs,
        }),
    }
}

/// Converts a submitted comparison.
#[must_use]
pub fn given_comparison(given: EvalComparison) -> control::EvalComparison {
    let case = |it: EvalCase| control::EvalCase { id: it.id, why: it.why };
    let run =
        |it: EvalRun| control::EvalRun { run: it.run, release: it.release, passed: it.passed };
    control::EvalComparison {
        baseline: run(given.baseline),
        candidate: run(given.candidate),
        cases: given.cases,
        fell: given.fell,
        gained: given.gained,
        incomparable: given.incomparable,
        fallen: given.fallen.into_iter().map(case).collect(),
        not_compared: given.not_compared.into_iter().map(case).collect(),
        dataset_version: given.dataset_version,
        content_hash: given.content_hash,
        calibration: given.calibration.map(|it| control::EvalCalibration {
            error: it.error,
            brier: it.brier,
            pairs: it.pairs,
        }),
    }
}
