//! Read-only sources that only routes need. Traits, so that tests can stand in for all of them.

mod decisions;
mod flags;
mod samples;
mod scored_samples;
mod stages;
mod stats;

pub use decisions::{DecisionSource, DecisionsUnavailable, LogHealth};
pub use flags::{FlagEvaluations, RemoteFlag, Request, Response};
pub use samples::{ReviewOutcome, SampleSource, SamplesUnavailable};
pub use scored_samples::{ScoredSamples, Want};
pub use stages::{StageOfRequest, StageSource, StagesOfArm};
pub use stats::{MetricsSource, SeriesStats, StatsSource};
