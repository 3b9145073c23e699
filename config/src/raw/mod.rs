//! The configuration as it is written. These declarations are the one source of the reader, the
//! schema and the reference; what the parts mean together is checked in `check`.

mod eval;
mod identity;
mod notify;
mod policy;
mod release;
mod scorer;
mod server;
mod shadow;
mod signals;
mod tls;
mod tracing;
mod traffic;
mod workload;

pub(crate) use eval::{RawEval, RawJudge, RawLabelled, RawRedact, RawSampling};
pub(crate) use identity::{RawIdentity, RawJwt, RawSource};
pub(crate) use notify::RawChannel;
pub(crate) use policy::{Against, RawGate, RawPolicy, RawStep, TimingWord};
pub(crate) use release::{RawArtifact, RawRelease};
pub(crate) use scorer::{Definition, name_of, named};
pub(crate) use server::{RawAdmin, RawConfig, RawConnLimits, RawDecisionLog, RawListener};
pub(crate) use shadow::RawShadow;
pub(crate) use signals::{RawCost, RawOutcomes};
pub(crate) use tls::{RawCertificate, RawTls, RawUpstreamTls};
pub(crate) use tracing::RawTracing;
pub(crate) use traffic::{
    RawEjection, RawHealth, RawHostHeader, RawLimits, RawMatch, RawProbe, RawRetry, RawTimeouts,
};
pub(crate) use workload::{RawCohort, RawFallback, RawMembers, RawRespond, RawWorkload};
