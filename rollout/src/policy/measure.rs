//! What a gate looks at.

use crate::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One of the four axes, never collapsed into one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Quality of scored responses.
    Eval,
    /// Time.
    Latency,
    /// Money and tokens.
    Cost,
    /// Failures by class.
    Error,
}

impl Axis {
    /// Every axis, in the order tables show them.
    pub const ALL: [Self; 4] = [Self::Eval, Self::Latency, Self::Cost, Self::Error];

    /// The word used in labels, the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Eval => "eval",
            Self::Latency => "latency",
            Self::Cost => "cost",
            Self::Error => "error",
        }
    }

    /// Position in [`Axis::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Which failures an error rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// [`Outcome::Transient`].
    Transient,
    /// [`Outcome::Permanent`]: the class that blames the release.
    Permanent,
    /// [`Outcome::External`].
    External,
    /// Answers with a 4xx status.
    Rejected,
}

impl ErrorClass {
    /// Every class, in the order tables show them.
    pub const ALL: [Self; 4] = [Self::Transient, Self::Permanent, Self::External, Self::Rejected];

    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::External => "external",
            Self::Rejected => "rejected",
        }
    }

    /// The outcome that is counted; none for rejections, which have a count of their own.
    #[must_use]
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Transient => Some(Outcome::Transient),
            Self::Permanent => Some(Outcome::Permanent),
            Self::External => Some(Outcome::External),
            Self::Rejected => None,
        }
    }
}

/// Which time is measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// From the end of the request head to the end of the response.
    Total,
    /// From the end of the request head to the response head.
    FirstByte,
    /// Between two body chunks of a stream.
    BetweenChunks,
    /// A stage that the backend names in `Server-Timing`.
    Stage(Arc<str>),
}

/// Which quantile of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantile {
    /// The median.
    P50,
    /// All but one in twenty.
    P95,
    /// All but one in a hundred.
    P99,
}

impl Quantile {
    /// Every quantile, in rising order.
    pub const ALL: [Self; 3] = [Self::P50, Self::P95, Self::P99];

    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
        }
    }

    /// The quantile as a number from 0 to 1.
    #[must_use]
    pub const fn rank(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P95 => 0.95,
            Self::P99 => 0.99,
        }
    }

    /// The share of values that may lie above it.
    #[must_use]
    pub const fn tail(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P95 => 0.05,
            Self::P99 => 0.01,
        }
    }

    /// How many values it takes before the quantile says anything: ten in the tail.
    #[must_use]
    pub const fn least_values(self) -> u64 {
        match self {
            Self::P50 => 20,
            Self::P95 => 200,
            Self::P99 => 1000,
        }
    }
}

/// What a gate measures. The unit of its limit is said with each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Measure {
    /// Share of scored responses that pass, 0 to 1.
    Accuracy,
    /// Share of scored responses with a known right answer that pass, 0 to 1.
    LabelledAccuracy,
    /// A quantile of a time; microseconds.
    Latency {
        /// Which time.
        of: Timing,
        /// Which quantile.
        quantile: Quantile,
    },
    /// p99 over p50 of a time; a ratio.
    TailRatio {
        /// Which time.
        of: Timing,
    },
    /// Mean cost of a request; dollars.
    UsdPerRequest,
    /// Mean tokens of a request, input and output.
    TokensPerRequest,
    /// Today's spend of the whole workload as it will be at midnight (UTC), as a share of the
    /// daily budget: 1.2 is 20% over.
    DailyProjection,
    /// Spend of the whole workload over the window, as a multiple of the budget's own pace; against
    /// the baseline, as a multiple of what the workload usually spends at this hour.
    BurnRate {
        /// Length of the window in milliseconds.
        window_ms: u64,
    },
    /// Spend of the whole workload over the window; dollars.
    Spend {
        /// Length of the window in milliseconds.
        window_ms: u64,
    },
    /// Share of requests that end in a class, 0 to 1.
    ErrorRate {
        /// Which class.
        class: ErrorClass,
    },
}

impl Measure {
    /// The axis it belongs to.
    #[must_use]
    pub const fn axis(&self) -> Axis {
        match self {
            Self::Accuracy | Self::LabelledAccuracy => Axis::Eval,
            Self::Latency { .. } | Self::TailRatio { .. } => Axis::Latency,
            Self::UsdPerRequest
            | Self::TokensPerRequest
            | Self::DailyProjection
            | Self::BurnRate { .. }
            | Self::Spend { .. } => Axis::Cost,
            Self::ErrorRate { .. } => Axis::Error,
        }
    }

    /// Whether it is a share of responses, from 0 to 1.
    #[must_use]
    pub const fn is_share(&self) -> bool {
        matches!(self, Self::Accuracy | Self::LabelledAccuracy | Self::ErrorRate { .. })
    }

    /// Whether more is better, so that its limit is a floor.
    #[must_use]
    pub const fn more_is_better(&self) -> bool {
        matches!(self, Self::Accuracy | Self::LabelledAccuracy)
    }

    /// Whether it is of the workload as a whole and so blames neither arm.
    #[must_use]
    pub const fn is_of_the_workload(&self) -> bool {
        matches!(self, Self::DailyProjection | Self::BurnRate { .. } | Self::Spend { .. })
    }
}

impl fmt::Display for Timing {
    /// What comes after the quantile in a gate's id: nothing for the total.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => Ok(()),
            Self::FirstByte => f.write_str("-first-byte"),
            Self::BetweenChunks => f.write_str("-between-chunks"),
            Self::Stage(name) => write!(f, "-stage-{name}"),
        }
    }
}

impl fmt::Display for Measure {
    /// The middle part of a gate's id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accuracy => f.write_str("accuracy"),
            Self::LabelledAccuracy => f.write_str("labelled-accuracy"),
            Self::Latency { of, quantile } => write!(f, "{}{of}", quantile.label()),
            Self::TailRatio { of } => write!(f, "p99-over-p50{of}"),
            Self::UsdPerRequest => f.write_str("usd-per-request"),
            Self::TokensPerRequest => f.write_str("tokens-per-request"),
            Self::DailyProjection => f.write_str("daily-projection"),
            Self::BurnRate { window_ms } => write!(f, "burn-rate-{}", Span(*window_ms)),
            Self::Spend { window_ms } => write!(f, "spend-{}", Span(*window_ms)),
            Self::ErrorRate { class } => f.write_str(class.label()),
        }
    }
}

/// Milliseconds as people write a duration: the largest unit that leaves a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
        let unit =
            units.into_iter().find(|(length, _)| self.0 > 0 && self.0.is_multiple_of(*length));
        match unit {
            Some((length, name)) => write!(f, "{}{name}", self.0 / length),
            None => f.write_str("0s"),
        }
    }
}
