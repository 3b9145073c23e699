//! Settings of a fleet: replicas that share one truth.

use crate::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// One replica of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Name of the fleet: the same for all its replicas, and part of all subjects.
    pub name: String,
    /// Name of this replica; the name of the machine when absent.
    pub replica: Option<String>,
    /// NATS servers, `host:port` each.
    pub servers: Vec<String>,
    /// User and password.
    pub login: Option<FleetLogin>,
    /// A token instead.
    pub token: Option<Secret>,
    /// TLS towards the servers.
    pub tls: Option<FleetTls>,
    /// Number of servers that keep the ledger.
    pub copies: u64,
    /// How long a replica is fresh after it has proven that it knows the newest entry.
    pub fresh_for: Duration,
    /// What a replica does that is not fresh.
    pub on_stale: OnStale,
}

/// User and password for NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetLogin {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// TLS towards NATS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetTls {
    /// File with the authorities that are believed; those of the system when absent.
    pub ca: Option<PathBuf>,
    /// File with the certificate of this replica.
    pub cert: Option<PathBuf>,
    /// File with its key.
    pub key: Option<PathBuf>,
}

/// What a replica does that is not fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStale {
    /// It closes every candidate.
    #[default]
    Stable,
    /// It keeps its plan.
    Hold,
}

impl OnStale {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Hold => "hold",
        }
    }
}
