//! What the rest of Stagegate saw, made visible: Prometheus text, rolling windows for the admin
//! API, and the log.
//!
//! Workers count in plain integers and hand [`stagegate_rollout::Delta`]s over; the logic elsewhere
//! hands over values and events. Only this crate knows metric names (`names`) and only it talks to
//! the metrics facade, so that a counter never hides inside routing or storage code. Nothing here
//! runs on the request path, and nothing here decides anything.

mod buckets;
mod eval;
mod logging;
mod names;
mod process;
mod prometheus;
mod reference;
mod shadow;
mod spending;
mod state;
mod telemetry;
mod times;
mod traces;
mod windows;

pub use eval::{EvalArm, EvalGauges, EvalJudge};
pub use logging::{LogFormat, LoggingError, init_logging};
pub use names::{ALL as METRICS, Kind, Metric};
pub use reference::markdown as metrics_markdown;
pub use state::{EndpointGauge, PlanGauges, ReloadResult, RollbackKind, RolloutGauges};
pub use telemetry::{Options, Telemetry};
pub use traces::TraceGauges;
pub use windows::{Quantiles, SeriesSnapshot, Span, WindowSnapshot, Windows};
