//! The class and the cost of one answer.

use super::observe::Observed;
use crate::plan::SignalSettings;
use crate::problem::Problem;
use crate::worker::Worker;
use stagegate_rollout::{Outcome, Spent, Unpriced};
use stagegate_signals::{Cost, End, Failure, Passed, Rules, Signals, Usage};

/// Returns the outcome of a backend's response. A failure named in the body has priority over a
/// client that leaves because of it, and over a truncated response.
pub(super) fn outcome(rules: &Rules, status: u16, failure: Option<&Failure>, end: End) -> Outcome {
    let said = rules.outcome(status, failure);
    match end {
        End::Complete => said,
        _ if failure.is_some() && said != Outcome::Ok => said,
        // A client that leaves does not blame the release.
        End::ClientGone => Outcome::ClientGone,
        End::Truncated => Outcome::Permanent,
    }
}

/// The class of a failure, for people who compare failures; none for what is no failure of the release.
pub(super) fn failure_class(
    outcome: Outcome,
    status: u16,
    failure: Option<&Failure>,
) -> Option<String> {
    if !matches!(outcome, Outcome::Transient | Outcome::Permanent | Outcome::External) {
        return None;
    }
    let name = failure.map(Failure::label);
    Some(format!("{} {status} {}", outcome.label(), name.as_deref().unwrap_or("unnamed")))
}

/// The cost of an answer with a body of `bytes` bytes; none where no cost is expected.
pub(super) fn cost(
    worker: &Worker,
    settings: &SignalSettings,
    signals: Option<&Signals>,
    observed: &Observed,
    status: u16,
    bytes: u64,
    now_s: u64,
) -> Option<Cost> {
    let passed = Passed { request: observed.request_bytes, response: bytes };
    Cost::of(signals, observed.stated, status, passed, |wanted| {
        worker.with_tariff(&settings.prices, |tariff| tariff.rates(wanted, now_s))
    })
}

/// Returns the reason for an unknown cost, and the model.
pub(super) fn unpriced(cost: Option<Cost>, signals: Option<&Signals>) -> Option<(Unpriced, &str)> {
    let why = cost?.unpriced?;
    Some((why, signals.and_then(Signals::model).unwrap_or("")))
}

pub(super) fn spent(cost: Cost, usage: Option<Usage>) -> Spent {
    let usage = usage.unwrap_or_default();
    Spent {
        truth: cost.truth,
        nanos: cost.nanos.unwrap_or(0),
        input: usage.total_input(),
        output: usage.output,
    }
}

/// The class a proxy-made answer counts under: what the release is to blame for, and how.
pub(super) const fn outcome_of(problem: Problem) -> Outcome {
    match problem {
        Problem::StableDown
        | Problem::EndpointBusy
        | Problem::UpstreamConnect
        | Problem::ConnectTimeout
        | Problem::UpstreamReset
        | Problem::FirstByteTimeout
        | Problem::TotalTimeout => Outcome::Transient,
        Problem::UpstreamMalformed(_) | Problem::NoWebSockets => Outcome::Permanent,
        _ => Outcome::ClientGone,
    }
}
