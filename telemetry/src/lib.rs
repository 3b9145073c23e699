//! The figures of the process: Prometheus text, rolling windows for the admin API, and the log.
//!
//! Workers count in plain integers and hand over [`stagegate_rollout::Delta`]s; other code hands
//! over values and events. Metric names stand in `names` and in the table of
//! [`stagegate_rollout::Series`]. Only this crate uses the metrics facade, so no counter hides in
//! routing or storage code. Nothing here runs on the request path or decides anything.

mod buckets;
mod eval;
mod flags;
mod logging;
mod loops;
mod names;
mod panics;
mod process;
mod prometheus;
mod reference;
mod shadow;
mod spending;
mod stages;
mod state;
mod telemetry;
mod text;
mod times;
mod traces;
mod unpriced;
mod windows;

pub use eval::{EvalArm, EvalGauges, EvalJudge};
pub use flags::FlagGauges;
pub use logging::{LogFormat, LoggingError, init_logging};
pub use loops::Loop;
pub use names::{ALL as METRICS, Kind, Metric};
pub use panics::log_panics;
pub use reference::markdown as metrics_markdown;
pub use stages::OtlpGauges;
pub use state::{
    EndpointGauge, FleetGauges, PlanGauges, QueueGauges, ReloadResult, RollbackKind, RolloutGauges,
};
pub use telemetry::{Options, Telemetry};
pub use traces::TraceGauges;
pub use windows::{Quantiles, SeriesSnapshot, Span, WindowSnapshot, Windows};
