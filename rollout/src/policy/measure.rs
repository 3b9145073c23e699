//! The measures of the gates.

use super::{ExternalValue, Limit};
use crate::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One of the axes, never collapsed into one score.
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
    /// Values that others measure.
    External,
}

impl Axis {
    /// Every axis, in the order tables show them.
    pub const ALL: [Self; 5] = [Self::Eval, Self::Latency, Self::Cost, Self::Error, Self::External];

    /// The axes that Stagegate measures itself: every policy should have them.
    pub const OWN: [Self; 4] = [Self::Eval, Self::Latency, Self::Cost, Self::Error];

    /// The word used in labels, the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Eval => "eval",
            Self::Latency => "latency",
            Self::Cost => "cost",
            Self::Error => "error",
            Self::External => "external",
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

/// The failures that an error rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Requests whose client left before any byte of the response.
    ClientGone,
}

impl ErrorClass {
    /// Every class, in the order tables show them.
    pub const ALL: [Self; 5] =
        [Self::Transient, Self::Permanent, Self::External, Self::Rejected, Self::ClientGone];

    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::External => "external",
            Self::Rejected => "rejected",
            Self::ClientGone => "client_gone",
        }
    }

    /// The outcome that is counted; none for rejections and clients that left, which have counts of
    /// their own.
    #[must_use]
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Transient => Some(Outcome::Transient),
            Self::Permanent => Some(Outcome::Permanent),
            Self::External => Some(Outcome::External),
            Self::Rejected | Self::ClientGone => None,
        }
    }
}

/// The measured time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// From the end of the request head to the end of the response.
    Total,
    /// From the end of the request head to the response head.
    FirstByte,
    /// Between two body chunks of a stream.
    BetweenChunks,
    /// A stage that the backend names in `Server-Timing`, or its agents in their traces.
    Stage(Arc<str>),
}

/// The quantile of a time.
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

    /// The number of values it takes before the quantile says anything: ten in the tail.
    #[must_use]
    pub const fn least_values(self) -> u64 {
        match self {
            Self::P50 => 20,
            Self::P95 => 200,
            Self::P99 => 1000,
        }
    }
}

/// The measure of a gate, each with the unit of its limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Measure {
    /// Share of scored responses that pass, 0 to 1.
    Accuracy,
    /// Share of scored responses with a known right answer that pass, 0 to 1.
    LabelledAccuracy,
    /// Brier score of the backend's own confidence: mean squared difference between confidence and
    /// correctness, 0 to 1.
    Brier,
    /// By how much the backend's own confidence and its accuracy differ, over bins of confidence, 0 to 1.
    CalibrationError,
    /// A quantile of a time; microseconds.
    Latency {
        /// The time.
        of: Timing,
        /// The quantile.
        quantile: Quantile,
    },
    /// p99 over p50 of a time; a ratio.
    TailRatio {
        /// The time.
        of: Timing,
    },
    /// Mean cost of a request; dollars.
    UsdPerRequest,
    /// Mean tokens of a request, input and output.
    TokensPerRequest,
    /// Mean output tokens of a request, reasoning included.
    OutputTokensPerRequest,
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
        /// The class.
        class: ErrorClass,
    },
    /// Share of the calls of a stage that fail, by the agents' traces, 0 to 1.
    StageErrorRate {
        /// The stage.
        stage: Arc<str>,
    },
    /// A value that a metrics server or a webhook tells; any number.
    External(Box<ExternalValue>),
}

/// The form of the number in a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A share from 0 to 1, also written as `2%`.
    Share,
    /// A multiple, also written as `120%`.
    Times,
    /// Dollars.
    Usd,
    /// A number of tokens.
    Tokens,
}

/// A measure without parameters: all that the core and the configuration know of it, but for its
/// counts.
#[derive(Debug)]
pub struct SimpleMeasure {
    /// The measure.
    pub measure: Measure,
    /// Its word in the configuration; with `-` for `_` the middle part of a gate's id.
    pub word: &'static str,
    /// Its axis.
    pub axis: Axis,
    /// Returns true for a limit that fits it.
    pub takes: fn(Limit) -> bool,
    /// The limits that fit it, for people.
    pub fitting: &'static str,
    /// The form of the number in its limit.
    pub number: Number,
    /// The hint for a number in another form.
    pub unit: &'static str,
}

impl PartialEq for SimpleMeasure {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for SimpleMeasure {}

macro_rules! simple_measures {
    ($($measure:ident $word:literal $axis:ident, $limits:pat => $fitting:literal, $number:ident $unit:literal;)*) => {
        impl Measure {
            /// Every measure without parameters, in the order of the documentation.
            pub const SIMPLE: &'static [SimpleMeasure] = &[$(SimpleMeasure {
                measure: Measure::$measure,
                word: $word,
                axis: Axis::$axis,
                takes: |limit| matches!(limit, $limits),
                fitting: $fitting,
                number: Number::$number,
                unit: $unit,
            }),*];

            /// The words of all measures in the configuration, as a regular expression.
            pub const PATTERN: &'static str = concat!(
                "^(", $($word, "|",)* "p50|p95|p99|p99/p50|(burn_rate|spend)_[0-9]+(m|h|d))$"
            );

            /// A hint that lists all measures.
            pub const HINT: &'static str = concat!(
                "write one of ", $("`", $word, "`, ",)*
                "`p50`, `p95`, `p99`, `p99/p50`, `burn_rate_1h`, `spend_1h`"
            );

            /// Its row of the table; none for a measure with parameters.
            #[must_use]
            pub fn simple(&self) -> Option<&'static SimpleMeasure> {
                match self {
                    $(Self::$measure => Self::SIMPLE.iter().find(|row| row.word == $word),)*
                    Self::Latency { .. }
                    | Self::TailRatio { .. }
                    | Self::BurnRate { .. }
                    | Self::Spend { .. }
                    | Self::ErrorRate { .. }
                    | Self::StageErrorRate { .. }
                    | Self::External(_) => None,
                }
            }
        }
    };
}

simple_measures! {
    Accuracy "accuracy" Eval,
        Limit::Min(_) | Limit::Margin(_) => "`min: 0.92`, or `against: stable` with a `margin: 1pp`",
        Share "write a share like `2%`";
    LabelledAccuracy "labelled_accuracy" Eval,
        Limit::Min(_) | Limit::Margin(_) => "`min: 0.92`, or `against: stable` with a `margin: 1pp`",
        Share "write a share like `2%`";
    Brier "brier" Eval,
        Limit::Max(_) | Limit::Ratio(_) => "`max: 0.15`, or `against: stable` with a `ratio: 1.2`",
        Times "write a number from 0 to 1 like `0.15`";
    CalibrationError "calibration_error" Eval,
        Limit::Max(_) | Limit::Ratio(_) => "`max: 0.1`, or `against: stable` with a `ratio: 1.5`",
        Times "write a number from 0 to 1 like `0.1`";
    UsdPerRequest "usd_per_request" Cost,
        Limit::Max(_) | Limit::Ratio(_) => "`max`, or `against: stable` with a `ratio: 1.2`",
        Usd "write dollars like `0.05`";
    TokensPerRequest "tokens_per_request" Cost,
        Limit::Max(_) | Limit::Ratio(_) => "`max`, or `against: stable` with a `ratio: 1.2`",
        Tokens "write a number of tokens like `4000`";
    OutputTokensPerRequest "output_tokens_per_request" Cost,
        Limit::Max(_) | Limit::Ratio(_) => "`max`, or `against: stable` with a `ratio: 1.2`",
        Tokens "write a number of tokens like `400`";
    DailyProjection "daily_projection" Cost,
        Limit::Max(_) => "`max: 120%` of the daily budget",
        Times "write a share of the daily budget like `120%`";
}

impl Measure {
    /// The axis it belongs to.
    #[must_use]
    pub fn axis(&self) -> Axis {
        match (self.simple(), self) {
            (Some(simple), _) => simple.axis,
            (None, Self::Latency { .. } | Self::TailRatio { .. }) => Axis::Latency,
            (None, Self::ErrorRate { .. } | Self::StageErrorRate { .. }) => Axis::Error,
            (None, Self::External(_)) => Axis::External,
            (None, _) => Axis::Cost,
        }
    }

    /// True if it is a share of responses, from 0 to 1.
    #[must_use]
    pub fn is_share(&self) -> bool {
        matches!(self, Self::ErrorRate { .. } | Self::StageErrorRate { .. })
            || self.simple().is_some_and(|simple| simple.number == Number::Share)
    }

    /// True if more is better, so that its limit is a floor.
    #[must_use]
    pub fn more_is_better(&self) -> bool {
        match self {
            Self::External(value) => value.higher_is_better,
            _ => matches!(self, Self::Accuracy | Self::LabelledAccuracy),
        }
    }

    /// True if it is of the workload as a whole and so blames neither arm.
    #[must_use]
    pub const fn is_of_the_workload(&self) -> bool {
        matches!(self, Self::DailyProjection | Self::BurnRate { .. } | Self::Spend { .. })
    }
}

impl fmt::Display for Timing {
    /// The part of a gate's id after the quantile; empty for the total.
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
        if let Some(simple) = self.simple() {
            return f.write_str(&simple.word.replace('_', "-"));
        }
        match self {
            Self::Latency { of, quantile } => write!(f, "{}{of}", quantile.label()),
            Self::TailRatio { of } => write!(f, "p99-over-p50{of}"),
            Self::BurnRate { window_ms } => write!(f, "burn-rate-{}", Span(*window_ms)),
            Self::Spend { window_ms } => write!(f, "spend-{}", Span(*window_ms)),
            Self::ErrorRate { class } => f.write_str(class.label()),
            Self::StageErrorRate { stage } => write!(f, "stage-{stage}"),
            Self::External(value) => f.write_str(&value.name),
            _ => Ok(()),
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
