//! Policies: what a rollout must go through.

use super::RawReadiness;
use crate::Time;
use crate::read::{At, OrOff, raw, words};
use crate::scalar::{
    Bound, Chance, ChannelName, Int, Line, Margin, MeasureName, Owner, Ratio, Wait,
};
use stagegate_rollout::{Axis, ErrorClass, OfflineReport, Severity, Then, Weight};

raw! {
    /// The steps and gates of a rollout. Missing keys are taken from the built-in policy; a policy
    /// named `default` replaces it.
    pub(crate) struct RawPolicy {
        /// The steps in order, each opening further; the last one is 100% and watches. By default
        /// 1% (30 minutes, 5,000 requests), 10% (4 hours, 50,000), 50% (24 hours), 100% (watched
        /// for 72 hours).
        steps: Vec<At<RawStep>> = optional,
        /// Conditions that must hold to promote. One that is violated without a break for its `for`
        /// rolls back, or alerts. By default those of the built-in policy.
        gates: Vec<At<RawGate>> = optional,
        /// The reaction while a gate has nothing to measure. It never promotes and never rolls
        /// back.
        on_no_data: RawNoData = default("{}"),
        /// Share of the keys that stays on stable while the last step is watched, at most 20%, or `off`. Without
        /// it an outage behind both releases cannot be told from the candidate's own failures at 100%.
        holdback: OrOff<Weight> = default("1%"),
        /// Share of the keys that is held back while a gate is violated at the last step and the holdback has not
        /// shown yet whether stable fails too; at most 20%, or `off` (then it stays at `holdback`). New conversations
        /// go to stable sooner, so the answer comes sooner. It ends ten minutes after it began, at the earliest.
        holdback_in_doubt: OrOff<Weight> = default("10%"),
        /// The kill switch must have been exercised within this time before a rollout starts, or
        /// `off`.
        drill_within: OrOff<Wait> = default("7d"),
        /// When a rollout needs an offline eval report of its release that held, attached by
        /// `stagegate eval gate --attach`. A report that fell prevents a promotion, whatever this
        /// key says.
        offline_report: OfflineReport = default("with_scorers"),
        /// Whoever started a rollout cannot promote it: somebody else must, also with a force. Every other
        /// change stays free.
        second_person: bool = default("false"),
        /// Chance that a candidate no worse than its limits is ever rolled back in a whole rollout, shared
        /// by all gates that roll back; at most 0.5.
        rollback_alpha: Chance = default("0.01"),
        /// Chance that one gate lets a candidate pass that is just beyond its limit; at most 0.5.
        promote_alpha: Chance = default("0.05"),
        /// The checklist before a rollout.
        readiness: RawReadiness = default("{}"),
    }
}

raw! {
    /// One tier of a rollout. Nothing is ever promoted by time: `hold` and `requests` are the
    /// minimum before a person may promote.
    pub(crate) struct RawStep {
        /// The candidate's share.
        weight: Weight = required,
        /// How long the step must have been observed before a promotion. Time in which nothing was
        /// watched does not count.
        hold: Time = default("0s"),
        /// The minimum number of candidate requests for a promotion.
        requests: Int<0, 1_000_000_000> = default("0"),
        /// The minimum number of scored candidate responses for a promotion, if there are gates on
        /// the eval axis. A gate's own minimum counts if it is higher.
        scored: Int<0, 1_000_000_000> = default("0"),
        /// How long the last step is watched before the candidate becomes stable. Only for the last
        /// step.
        watch: Time = default("0s"),
        /// How long a gate without a `for` must be violated to act, up to 24h. By default 5m in the
        /// first two steps and 10m from the third on.
        violated_for: Wait = optional,
    }
}

raw! {
    /// A condition on one axis. It needs a measure (on the error axis a class, on the external axis a `name`
    /// and a `source`) and one limit: `max`, `min`, `margin` or `ratio`.
    pub(crate) struct RawGate {
        /// The axis.
        axis: Axis = required,
        /// What is measured: `accuracy`, `labelled_accuracy`, `brier` and `calibration_error` (eval);
        /// `p50`, `p95`, `p99` and `p99/p50` (latency); `usd_per_request`, `tokens_per_request`,
        /// `output_tokens_per_request`, `daily_projection`, and `burn_rate_1h` and `spend_1h` with
        /// any window from 1m to 24h (cost). Not on the axes `error` and `external`.
        measure: MeasureName = optional,
        /// The class of failures, on the error axis.
        class: ErrorClass = optional,
        /// The measured time, on the latency axis. By default `total`.
        of: TimingWord = optional,
        /// A stage that the backend names in `Server-Timing`, or its agents in their traces (`otlp`),
        /// like `retrieve` or `tool:search`; instead of `of`. On axis `error`, instead of `class`: the
        /// share of its calls that fail, by the traces.
        stage: Line = optional,
        /// The name of an external value: the middle part of the gate's id.
        name: Owner = optional,
        /// Who tells the external value: the name of one of `metric_sources`.
        source: ChannelName = optional,
        /// The instant query in PromQL that gives the external value of the candidate: one series, or one for
        /// each value of `label`. `$candidate`, `$stable` and `$workload` stand for the names. A webhook is
        /// told of it.
        query: Line = optional,
        /// The query for stable's external value.
        stable_query: Line = optional,
        /// The label whose values are the names of the releases, instead of a `stable_query`.
        label: Line = optional,
        /// Which external values are better, for a `margin` or `ratio`. By default `lower`.
        better: Better = optional,
        /// Time between two questions for an external value, from 1s to 1h and at most half of the time for
        /// which it must be violated. By default 30s.
        every: Wait = optional,
        /// The longest time for an answer, up to a minute. By default 5s.
        timeout: Wait = optional,
        /// The effect on a promotion while there is no external value. By default `blocks` for a rollback and
        /// `ignored` for an alert.
        no_data: WithoutData = optional,
        /// The reference of a `margin` or `ratio`. A margin is always against `stable`.
        against: Against = optional,
        /// Percentage points that the candidate may be worse than stable.
        margin: Margin = optional,
        /// The permitted multiple of the reference value.
        ratio: Ratio = optional,
        /// Not above this: a share, a duration, dollars, or a number.
        max: Bound = optional,
        /// Not below this: a share.
        min: Bound = optional,
        /// The minimum number of candidate responses (scored ones on the eval axis) before the gate
        /// acts. By default 100.
        requests: Int<1, 1_000_000_000> = optional,
        /// The minimum number of scored responses for a promotion, on the eval axis. By default
        /// 5000.
        scored: Int<0, 1_000_000_000> = optional,
        /// How long it must be violated without a break, up to 24h. By default the step's
        /// `violated_for`.
        r#for: Wait = optional,
        /// The effect of a violation.
        then: Then = default("rollback"),
        /// The owner who is alerted.
        owner: Owner = optional,
        /// The severity. By default `critical` for a rollback and `warning` for an alert.
        severity: Severity = optional,
    }
}

raw! {
    /// The reaction while a gate has nothing to measure.
    pub(crate) struct RawNoData {
        /// The time after which the owner is notified.
        alert_after: Time = default("10m"),
    }
}

/// The time that a latency gate measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimingWord {
    Total,
    FirstByte,
    BetweenChunks,
}

/// Which values are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// The effect of missing data on a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithoutData {
    Blocks,
    Ignored,
}

/// The reference that a limit compares with.
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
    /// The time that a latency gate measures.
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
    /// The reference that a limit compares with.
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
    /// Which values are better.
    Better, |better| match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
    }, {
        /// Like an error rate.
        Lower,
        /// Like a conversion rate.
        Higher,
    }
}

words! {
    /// The effect of missing data on a promotion.
    WithoutData, |data| match data {
        WithoutData::Blocks => "blocks",
        WithoutData::Ignored => "ignored",
    }, {
        /// Nobody may promote.
        Blocks,
        /// The other gates decide.
        Ignored,
    }
}

words! {
    /// What a gate judges.
    Axis, |axis| axis.label(), {
        /// Quality of scored responses.
        Eval,
        /// Time.
        Latency,
        /// Money and tokens.
        Cost,
        /// Failures by class.
        Error,
        /// Values that a metrics server or a webhook tells.
        External,
    }
}

words! {
    /// When a rollout needs an offline eval report of its release.
    OfflineReport, |asked| asked.label(), {
        /// Always.
        Required,
        /// If the workload has scorers.
        WithScorers,
        /// Never.
        Optional,
    }
}

words! {
    /// The class of failures that an error rate counts.
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
    /// The effect of a violated gate.
    Then, |then| then.label(), {
        /// Puts the last good release back, by itself.
        Rollback,
        /// Tells the owner, and keeps the rollout from being promoted.
        Alert,
    }
}
