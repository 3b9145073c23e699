//! The configuration as it is written. These declarations are the one source of the reader, the
//! schema and the reference.
//!
//! A section declared with `leaf!` is read straight into its settings type. One declared with
//! `raw!` keeps the place of every value, because `check` compares it with other values.

mod environment;
mod eval;
mod flags;
mod fleet;
mod identity;
mod metric_source;
mod notify;
mod otlp;
mod policy;
mod queue;
mod readiness;
mod release;
mod scorer;
mod server;
mod shadow;
mod signals;
mod tls;
mod tracing;
mod traffic;
mod workload;

pub(crate) use environment::RawEnvironment;
pub(crate) use eval::{RawEval, RawJudge, RawLabelled, RawRedact, RawSampling};
pub(crate) use flags::{RawFlagClient, RawFlags};
pub(crate) use fleet::{RawFleet, RawFleetTls};
pub(crate) use identity::{RawIdentity, RawJwt, RawSource};
pub(crate) use metric_source::RawMetricSource;
pub(crate) use notify::RawChannel;
pub(crate) use otlp::{RawForward, RawOtlp, RawOtlpToken};
pub(crate) use policy::{Against, Better, RawGate, RawPolicy, RawStep, TimingWord, WithoutData};
pub(crate) use queue::RawQueue;
pub(crate) use readiness::{OwnKind, RawOwnCheck, RawReadiness};
pub(crate) use release::{RawArtifact, RawPathPrefix, RawRelease};
pub(crate) use scorer::{Definition, name_of, named};
pub(crate) use server::{RawAdmin, RawConfig, RawListener, RawOidc, RawOidcRole, RawToken};
pub(crate) use shadow::RawShadow;
pub(crate) use signals::RawCost;
pub(crate) use tls::{RawCertificate, RawTls, RawUpstreamTls};
pub(crate) use tracing::RawTracing;
pub(crate) use traffic::{RawHealth, RawHostHeader, RawProbe};
pub(crate) use workload::{RawCohort, RawFallback, RawMembers, RawWorkload};
