//! Stagegate's configuration: YAML in, checked settings out.
//!
//! [`Config::load`] reads a file and hands back either settings that need no further checking or
//! every problem the file has, each with its line, its key, the value as written and what would be
//! right. The raw types (in `raw`) are the one source of the reader, of the JSON Schema
//! ([`schema()`]) and of the reference page ([`reference_markdown`]), so these three cannot drift.
//!
//! Nothing here opens a socket, starts a thread or writes a file; the only files read are the
//! configuration and those it names.

mod artifact;
mod check;
mod eval;
mod given;
mod identity;
mod load;
mod notify;
mod problem;
mod raw;
mod read;
mod reference;
mod scalar;
mod schema;
mod scorer;
mod secret;
mod server;
mod shadow;
mod signals;
mod template;
mod tls;
mod tracing;
mod units;
mod workload;

pub use artifact::{Artifact, Endpoint, EndpointProtocol, Origin, Release};
pub use eval::{EvalLimits, EvalSettings, LabelledSettings};
pub use given::InvalidRelease;
pub use identity::{CertificateName, Identity, JwtAlgorithm, JwtKeys, Source};
pub use notify::{Channel, ChannelTarget};
pub use problem::{Place, Problem, Problems};
pub use reference::reference_markdown;
pub use schema::schema;
pub use scorer::scorer;
pub use secret::{Secret, TokenHash};
pub use server::{
    Admin, Config, ConnLimits, DecisionLog, Forwarded, ListenAddress, Listener, Loaded, Role, Token,
};
pub use shadow::{SafePath, ShadowSettings};
pub use signals::{CostSettings, Outcomes, ProviderPlace};
pub use template::template;
pub use tls::{Certificate, ClientAuth, ListenerTls, UpstreamTls};
pub use tracing::{Collector, TraceParents, TraceProtocol, Tracing};
pub use units::{InvalidUnit, Rate, Size, Time};
pub use workload::{
    Ejection, FallbackToStable, Health, HealthKind, HostHeader, HostPattern, Match, Protocol,
    Retry, StaleRetry, Timeouts, Workload, WorkloadLimits,
};
