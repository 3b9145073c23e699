//! Checked settings of the whole process. Every value here is valid; nothing needs checking again.

use crate::{Channel, EvalLimits, ListenerTls, Problem, Problems, TokenHash, Tracing, Workload};
use ipnet::IpNet;
use stagegate_rollout::Policy;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A configuration that was read without problems.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked settings.
    pub config: Config,
    /// What is allowed but doubtful, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// The checked settings of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where client traffic is accepted; at least one.
    pub listeners: Vec<Listener>,
    /// The control plane's listener and who may use it.
    pub admin: Admin,
    /// Where state and the decision log are kept.
    pub data_dir: PathBuf,
    /// Peers whose forwarding and identity headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What happens to a client's own forwarding headers.
    pub forwarded: Forwarded,
    /// Number of data-plane worker threads, at least 1.
    pub workers: usize,
    /// How long running responses may finish after a stop signal.
    pub drain_timeout: Duration,
    /// Limits of client connections.
    pub limits: ConnLimits,
    /// The record of every routing decision.
    pub decision_log: DecisionLog,
    /// Time between two look-ups of endpoints' names.
    pub resolve_every: Duration,
    /// Limits of scoring.
    pub eval: EvalLimits,
    /// Who is told of what happens, in the order of the file.
    pub notify: Vec<Channel>,
    /// Where traces go; nowhere when absent.
    pub tracing: Option<Tracing>,
    /// Every other file that was read for it, wherever it lies.
    pub files: Vec<PathBuf>,
    /// The workloads in the order of the file; at least one.
    pub workloads: Vec<Workload>,
    /// Every policy by name, also those no workload uses; `default` is always there.
    pub policies: BTreeMap<Arc<str>, Arc<Policy>>,
}

impl Config {
    /// Reads and checks a file. Relative paths in it are taken from the file's directory, `${NAME}`
    /// from the process's environment.
    ///
    /// # Errors
    /// Every problem found.
    pub fn load(path: &Path) -> Result<Loaded, Problems> {
        crate::load::file(path)
    }

    /// Checks `text` as if it were the file `file_name` in `base_dir`; `env` answers `${NAME}`.
    ///
    /// # Errors
    /// Every problem found.
    pub fn parse(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded, Problems> {
        crate::load::text(text, file_name, base_dir, env)
    }

    /// The workload of this name.
    #[must_use]
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.spec.name.as_str() == name)
    }
}

/// A socket that accepts client traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it is.
    pub address: ListenAddress,
    /// Permissions of a Unix socket's file.
    pub mode: u32,
    /// Speaks TLS.
    pub tls: Option<ListenerTls>,
    /// Takes HTTP/2.
    pub http2: bool,
    /// Every connection begins with a PROXY header from a trusted proxy.
    pub proxy_protocol: bool,
}

impl Listener {
    /// Whether a running listener can take over `wanted`: all but the contents of its TLS settings
    /// is the same.
    #[must_use]
    pub fn can_become(&self, wanted: &Self) -> bool {
        let shape = |of: &Self| Self { tls: None, ..of.clone() };
        shape(self) == shape(wanted) && self.tls.is_some() == wanted.tls.is_some()
    }
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// IP address and port; port 0 lets the system choose.
    Ip(SocketAddr),
    /// A Unix socket's file.
    Unix(PathBuf),
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The control plane's listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; without tokens always a loopback address.
    pub address: SocketAddr,
    /// Who may use it; empty means anyone on this machine.
    pub tokens: Vec<Token>,
}

/// One caller of the control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The name that appears as actor in the audit.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
    /// Hash of the token; the token itself is nowhere.
    pub hash: TokenHash,
}

/// What a token permits. A later role includes the earlier ones.
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

/// What happens to the `X-Forwarded-*` and `Forwarded` headers a client sends itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Forwarded {
    /// Kept and appended to when the peer is a trusted proxy, dropped otherwise.
    #[default]
    Trusted,
    /// Always kept and appended to.
    Append,
    /// Always dropped; only this hop is named.
    Drop,
}

impl Forwarded {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Append => "append",
            Self::Drop => "drop",
        }
    }
}

/// Limits of client connections, over all listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnLimits {
    /// Most connections at a time.
    pub connections: usize,
    /// Most requests at a time.
    pub in_flight: Option<usize>,
    /// Most bytes of a request's head.
    pub header_bytes: usize,
    /// Most header fields of a request.
    pub headers: usize,
    /// Longest time from the first byte of a request's head to its end.
    pub header_timeout: Duration,
    /// Longest time a connection may wait for its next request.
    pub keep_alive: Duration,
    /// Longest pause between two parts of a request body.
    pub body_idle: Duration,
}

/// The record of every routing decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionLog {
    /// Whether it is written at all.
    pub enabled: bool,
    /// Records older than this are removed.
    pub max_age: Duration,
    /// Oldest records are removed above this many bytes.
    pub max_size: u64,
}
