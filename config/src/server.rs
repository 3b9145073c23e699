//! Checked settings of the whole process. Every value here is valid; nothing needs checking again.

use crate::{
    Channel, EvalLimits, MetricSource, Otlp, Problem, TokenHash, Tracing, Workload, Written,
};
use stagegate_readiness::Settings;
use stagegate_rollout::{Policy, WorkloadName};
use stagegate_settings::{Clients, Flags, Fleet, Listener, ListenerTls, Provider};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A configuration that was read without problems.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked settings.
    pub config: Config,
    /// Warnings, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// The checked settings of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listeners for client traffic; at least one.
    pub listeners: Vec<Listener>,
    /// The control plane's listener and who may use it.
    pub admin: Admin,
    /// The directory of the state and the decision log.
    pub data_dir: PathBuf,
    /// Settings of client connections.
    pub clients: Clients,
    /// Number of data-plane worker threads, at least 1.
    pub workers: usize,
    /// The time that running responses have to finish after a stop signal.
    pub drain_timeout: Duration,
    /// The record of every routing decision.
    pub decision_log: DecisionLog,
    /// How long measurements are kept.
    pub measurements: Measurements,
    /// Time between two look-ups of endpoints' names.
    pub resolve_every: Duration,
    /// Limits of scoring.
    pub eval: EvalLimits,
    /// The receivers of messages, in the order of the file.
    pub notify: Vec<Channel>,
    /// Who is asked for the values of external gates, in the order of the file.
    pub metric_sources: Vec<MetricSource>,
    /// The export of traces; `None` if they are not exported.
    pub tracing: Option<Tracing>,
    /// Receiving the traces of agents; none when absent.
    pub otlp: Option<Otlp>,
    /// Feature flags; none when absent.
    pub flags: Option<Flags>,
    /// The fleet that this process is a replica of; none when absent.
    pub fleet: Option<Fleet>,
    /// The environment that this instance is; none when absent.
    pub environment: Option<Environment>,
    /// Every other file that was read for it, wherever it lies.
    pub files: Vec<PathBuf>,
    /// The file itself, to tell what a later version of it changes.
    pub written: Written,
    /// The workloads in the order of the file; at least one.
    pub workloads: Vec<Workload>,
    /// Every policy by name, also those no workload uses; `default` is always there.
    pub policies: BTreeMap<Arc<str>, Arc<Policy>>,
    /// The checklist of every policy, by its name.
    pub readiness: BTreeMap<Arc<str>, Arc<Settings>>,
}

impl Config {
    /// The checklist of the policy of this name.
    #[must_use]
    pub fn readiness(&self, policy: &str) -> Arc<Settings> {
        self.readiness.get(policy).cloned().unwrap_or_default()
    }

    /// The workload of this name.
    #[must_use]
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.spec.name.as_str() == name)
    }
}

/// The environment that an instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The file of the key that signs passports.
    pub key: Option<PathBuf>,
    /// Public keys of other environments, in hex, by name.
    pub trusted: BTreeMap<String, Vec<String>>,
}

/// The control plane's listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; without tokens always a loopback address.
    pub address: SocketAddr,
    /// The address of the dashboard for people, without a slash at its end.
    pub public_url: Option<String>,
    /// The tokens that give access; if empty, anyone on this machine has access.
    pub tokens: Vec<Token>,
    /// The TLS of the listener; without it, it speaks plain HTTP.
    pub tls: Option<ListenerTls>,
    /// Sign-in by an OpenID Connect provider.
    pub oidc: Option<Oidc>,
    /// The workloads that `/readyz` asks for.
    pub ready: Ready,
}

impl Admin {
    /// Returns true if nobody has to say who they are.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty() && self.oidc.is_none()
    }
}

/// Sign-in by an OpenID Connect provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// The provider.
    pub provider: Provider,
    /// The claim whose text is the actor of the audit.
    pub name: String,
    /// Who may do what; at least one rule.
    pub roles: Vec<OidcRole>,
}

/// Whoever has `value` in `claim` has `role`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcRole {
    /// The claim.
    pub claim: String,
    /// The value that it is or has.
    pub value: String,
    /// The role.
    pub role: Role,
    /// The workloads for which it counts; empty means all.
    pub workloads: Vec<WorkloadName>,
}

/// The workloads that must have a usable stable endpoint for the process to be ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    /// Every one.
    #[default]
    All,
    /// At least one.
    Any,
}

impl Ready {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
        }
    }
}

/// One caller of the control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The name that appears as actor in the audit.
    pub name: String,
    /// The permissions of the caller, for every workload.
    pub role: Role,
    /// The workloads for which the caller may do more.
    pub workloads: BTreeMap<WorkloadName, Role>,
    /// Hash of the token; the token itself is nowhere.
    pub hash: TokenHash,
}

/// The permissions of a token. A later role includes the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and changes.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// How long measurements are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// Recorded minutes older than this are removed.
    pub minutes: Duration,
    /// Analyses older than this are removed, unless a change rests on them.
    pub analyses: Duration,
    /// With each minute, every look of the gates is kept.
    pub ticks: bool,
}

/// The record of every routing decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionLog {
    /// True if it is written.
    pub enabled: bool,
    /// Records older than this are removed.
    pub max_age: Duration,
    /// Oldest records are removed above this many bytes.
    pub max_size: u64,
}
