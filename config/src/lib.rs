//! Stagegate's configuration: YAML in, checked settings out.
//!
//! [`Config::load`] reads a file and hands back either settings that need no further checking or
//! every problem the file has, each with its line, its key, the value as written and what would be
//! right. The raw types (in `raw`) are the one source of the reader, of the JSON Schema
//! ([`schema()`]) and of the reference page ([`reference_markdown`]), so these three cannot drift.
//!
//! Nothing here opens a socket, starts a thread or writes a file; the only files read are the
//! configuration and those it names. What the data plane runs on is read into the types of
//! [`settings`].

mod artifact;
mod check;
mod cost;
mod eval;
mod given;
mod load;
mod metric_source;
mod notify;
mod otlp;
mod pinned;
mod problem;
mod raw;
mod read;
mod reference;
mod scalar;
mod schema;
mod scorer;
mod server;
mod template;
mod token_hash;
mod tracing;
mod units;
mod workload;
mod written;

pub use stagegate_settings as settings;

pub use artifact::{Artifact, Endpoint, EndpointProtocol, Origin, Release};
pub use cost::CostSettings;
pub use eval::{EvalLimits, EvalSettings, LabelledSettings};
pub use given::InvalidRelease;
pub use metric_source::{MetricSource, MetricTarget};
pub use notify::{Channel, ChannelTarget};
pub use otlp::{Forward, Otlp, OtlpToken};
pub use pinned::PinnedRequest;
pub use problem::{Place, Problem, Problems};
pub use reference::reference_markdown;
pub use schema::schema;
pub use scorer::scorer;
pub use server::{
    Admin, Config, DecisionLog, Environment, Loaded, Measurements, Oidc, OidcRole, Ready, Role,
    Token,
};
pub use settings::Secret;
pub use template::{FRAMEWORKS, template};
pub use token_hash::TokenHash;
pub use tracing::{Collector, TraceProtocol, Tracing};
pub use units::{InvalidUnit, Rate, Size, Time};
pub use workload::Workload;
pub use written::{Edit, Written};
