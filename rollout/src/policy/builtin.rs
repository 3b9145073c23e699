//! The policy a workload has when the configuration names none.

use super::{
    Amount, ErrorClass, Gate, Limit, Measure, OfflineReport, Policy, Quantile, Step, Timing,
};
use crate::Weight;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Policy {
    /// 1% (30 minutes, 5,000 requests), 10% (4 hours, 50,000), 50% (24 hours), 100% (watched for
    /// 72 hours); quality within a point of stable, p99 under 8 s, a request at most 1.2 times as
    /// expensive, no more permanent failures than stable has.
    #[must_use]
    pub fn builtin() -> Self {
        let step = |weight: u32, hold_ms, requests, watch_ms, violated_for_ms| Step {
            weight: Weight::percent(weight),
            hold_ms,
            requests,
            scored: 0,
            watch_ms,
            violated_for_ms,
        };
        Self {
            name: "default".into(),
            steps: vec![
                step(1, 30 * MINUTE, 5000, 0, 5 * MINUTE),
                step(10, 4 * HOUR, 50_000, 0, 5 * MINUTE),
                step(50, DAY, 0, 0, 10 * MINUTE),
                step(100, 0, 0, 3 * DAY, 10 * MINUTE),
            ],
            gates: gates(),
            no_data_alert_ms: 10 * MINUTE,
            drill_within_ms: Some(7 * DAY),
            offline_report: OfflineReport::WithScorers,
            second_person: false,
            holdback: Weight::percent(1),
            holdback_in_doubt: Weight::percent(10),
            rollback_alpha: Amount::thousandths(10),
            promote_alpha: Amount::thousandths(50),
        }
    }
}

fn gates() -> Vec<Gate> {
    let errors = |class| Measure::ErrorRate { class };
    let total = |quantile| Measure::Latency { of: Timing::Total, quantile };
    let labelled = Gate::new(Measure::LabelledAccuracy, Limit::Min(Amount::thousandths(920)));
    vec![
        Gate::new(Measure::Accuracy, Limit::Margin(Amount::thousandths(10))).owned_by("quality"),
        // Labels come late or never: without any they keep nobody from being promoted.
        labelled.alerting().lasting(15 * MINUTE).owned_by("quality"),
        Gate {
            requests: 1000,
            ..Gate::new(total(Quantile::P99), Limit::Max(Amount::whole(8_000_000)))
        }
        .owned_by("oncall"),
        Gate::new(
            Measure::TailRatio { of: Timing::Total },
            Limit::Baseline(Amount::thousandths(1500)),
        )
        .alerting()
        .lasting(10 * MINUTE)
        .owned_by("oncall"),
        Gate::new(Measure::UsdPerRequest, Limit::Ratio(Amount::thousandths(1200)))
            .owned_by("finance"),
        Gate::new(Measure::DailyProjection, Limit::Max(Amount::thousandths(1200)))
            .alerting()
            .owned_by("finance"),
        Gate::new(Measure::BurnRate { window_ms: HOUR }, Limit::Baseline(Amount::whole(2)))
            .alerting()
            .owned_by("finance"),
        Gate::new(errors(ErrorClass::Permanent), Limit::Margin(Amount::thousandths(5)))
            .owned_by("oncall"),
        Gate::new(errors(ErrorClass::Transient), Limit::Max(Amount::thousandths(20)))
            .owned_by("oncall"),
        Gate::new(errors(ErrorClass::External), Limit::Max(Amount::thousandths(50)))
            .alerting()
            .owned_by("oncall"),
        // Stable is well with the same provider at the same time: the release went to a worse one.
        Gate::new(errors(ErrorClass::External), Limit::Margin(Amount::thousandths(10)))
            .owned_by("oncall"),
        // A request that hangs is no failure and no time: it is a client who left.
        Gate::new(errors(ErrorClass::ClientGone), Limit::Margin(Amount::thousandths(10)))
            .owned_by("oncall"),
        // A release that begins to refuse what the other accepts is broken, whatever it blames.
        Gate::new(errors(ErrorClass::Rejected), Limit::Margin(Amount::thousandths(20)))
            .owned_by("oncall"),
    ]
}
