//! Read-only sources that only routes need. Traits, so that tests can stand in for all of them.

mod decisions;
mod log;
mod samples;
mod stats;

pub use decisions::{DecisionFilter, DecisionSource, DecisionsUnavailable};
pub use samples::{ReviewOutcome, SampleQuery, SampleSource, SamplesUnavailable};
pub use stats::{MetricsSource, SeriesStats, StatsSource};
