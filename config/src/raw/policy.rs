//! Policies: what a rollout must go through.

use crate::Time;
use crate::read::{At, OrOff, raw, words};
use crate::scalar::{Bound, Chance, Int, Line, Margin, MeasureName, Owner, Ratio, Wait};
use stagegate_rollout::{Axis, ErrorClass, OfflineReport, Severity, Then, Weight};

raw! {
    /// What a rollout must go through. What is left out is taken from the built-in policy; a policy
    /// named `default` replaces it.
    pub(crate) struct RawPolicy {
        /// The steps in order, each opening further; the last one is 100% and watches. By default
        /// 1% (30 minutes, 5,000 requests), 10% (4 hours, 50,000), 50% (24 hours), 100% (watched
        /// for 72 hours).
        steps: Vec<At<RawStep>> = optional,
        /// Conditions that must hold to promote. One that is violated without a break for its `for`
        /// rolls back, or alerts. By default those of the built-in policy.
        gates: Vec<At<RawGate>> = optional,
        /// What happens while a gate has nothing to measure. It never promotes and never rolls back.
        on_no_data: RawNoData = default("{}"),
        /// The kill switch must have been exercised within this time before a rollout starts, or
        /// `off`.
        drill_within: OrOff<Wait> = default("7d"),
        /// Whether a rollout wants an offline eval report of its release that held, attached by
        /// `stagegate eval gate --attach`. One that fell stands in the way whatever this says.
        offline_report: OfflineReport = default("with_scorers"),
        /// Chance that a candidate no worse than its limits is ever rolled back in one step, shared
        /// by all gates that roll back; at most 0.5.
        rollback_alpha: Chance = default("0.01"),
        /// Chance that one gate lets a candidate pass that is just beyond its limit; at most 0.5.
        promote_alpha: Chance = default("0.05"),
    }
}

raw! {
    /// One tier of a rollout. Nothing is ever promoted by time: `hold` and `requests` are the least
    /// before somebody may.
    pub(crate) struct RawStep {
        /// The candidate's share.
        weight: Weight = required,
        /// How long the step must have been observed before a promotion. Time in which nothing was
        /// watched does not count.
        hold: Time = default("0s"),
        /// How many requests of the candidate a promotion needs.
        requests: Int<0, 1_000_000_000> = default("0"),
        /// How many scored responses of the candidate a promotion needs, if there are gates on the
        /// eval axis; a gate's own minimum counts where it is higher.
        scored: Int<0, 1_000_000_000> = default("0"),
        /// How long the last step is watched before the candidate becomes stable. Only there.
        watch: Time = default("0s"),
        /// How long a gate without a `for` must be violated to act, up to 24h. By default 5m in the
        /// first two steps and 10m from the third on.
        violated_for: Wait = optional,
    }
}

raw! {
    /// A condition on one axis. It needs a measure (on the error axis a class) and one limit: `max`,
    /// `min`, `margin` or `ratio`.
    pub(crate) struct RawGate {
        /// The axis.
        axis: Axis = required,
        /// What is measured: `accuracy` and `labelled_accuracy` (eval); `p50`, `p95`, `p99` and
        /// `p99/p50` (latency); `usd_per_request`, `tokens_per_request`,
        /// `output_tokens_per_request`, `daily_projection`, and `burn_rate_1h` and `spend_1h` with
        /// any window from 1m to 24h (cost).
        measure: MeasureName = optional,
        /// Which failures, on the error axis.
        class: ErrorClass = optional,
        /// Which time, on the latency axis. By default `total`.
        of: TimingWord = optional,
        /// A stage that the backend names in `Server-Timing`, instead of `of`.
        stage: Line = optional,
        /// What a `margin` or `ratio` compares with. A margin is always against `stable`.
        against: Against = optional,
        /// Percentage points that the candidate may be worse than stable.
        margin: Margin = optional,
        /// How many times what it is compared with.
        ratio: Ratio = optional,
        /// Not above this: a share, a duration, dollars, or a number.
        max: Bound = optional,
        /// Not below this: a share.
        min: Bound = optional,
        /// How many of the candidate's responses (scored ones on the eval axis) it takes before the
        /// gate acts. By default 100.
        requests: Int<1, 1_000_000_000> = optional,
        /// How many scored responses a promotion needs, on the eval axis. By default 5000.
        scored: Int<0, 1_000_000_000> = optional,
        /// How long it must be violated without a break, up to 24h. By default the step's
        /// `violated_for`.
        r#for: Wait = optional,
        /// What a violation does.
        then: Then = default("rollback"),
        /// Who is told.
        owner: Owner = optional,
        /// How loudly. By default `critical` for a rollback and `warning` for an alert.
        severity: Severity = optional,
    }
}

raw! {
    /// What happens while a gate has nothing to measure.
    pub(crate) struct RawNoData {
        /// The owner is told after this time.
        alert_after: Time = default("10m"),
    }
}

/// Which time a latency gate measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimingWord {
    Total,
    FirstByte,
    BetweenChunks,
}

/// What a limit compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    Stable,
    Baseline,
    Budget,
}

impl Against {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Baseline => "baseline",
            Self::Budget => "budget",
        }
    }
}

words! {
    /// Which time a latency gate measures.
    TimingWord, |timing| match timing {
        TimingWord::Total => "total",
        TimingWord::FirstByte => "first_byte",
        TimingWord::BetweenChunks => "between_chunks",
    }, {
        /// From the end of the request head to the end of the response.
        Total,
        /// From the end of the request head to the response head.
        FirstByte,
        /// Between two body chunks of a stream.
        BetweenChunks,
    }
}

words! {
    /// What a limit compares with.
    Against, |against| against.label(), {
        /// The stable release, at the same time.
        Stable,
        /// The same measure's own past.
        Baseline,
        /// The daily budget.
        Budget,
    }
}

words! {
    /// One of the four axes.
    Axis, |axis| axis.label(), {
        /// Quality of scored responses.
        Eval,
        /// Time.
        Latency,
        /// Money and tokens.
        Cost,
        /// Failures by class.
        Error,
    }
}

words! {
    /// Whether a rollout wants an offline eval report of its release.
    OfflineReport, |asked| asked.label(), {
        /// Always.
        Required,
        /// Where the workload has scorers.
        WithScorers,
        /// Never.
        Optional,
    }
}

words! {
    /// Which failures an error rate counts.
    ErrorClass, |class| class.label(), {
        /// Likely to work when tried again: connection failures, timeouts, 408, 425, 429, 503, 529.
        Transient,
        /// The release's own fault.
        Permanent,
        /// A dependency behind the release failed.
        External,
        /// Answers with a 4xx status that blames the client.
        Rejected,
        /// Requests whose client left before any byte of the response.
        ClientGone,
    }
}

words! {
    /// What a violated gate does.
    Then, |then| then.label(), {
        /// Puts the last good release back, by itself.
        Rollback,
        /// Tells the owner, and keeps the rollout from being promoted.
        Alert,
    }
}
