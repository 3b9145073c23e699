//! Checked settings of one workload.

use crate::{
    CostSettings, EvalSettings, Identity, Outcomes, Place, Rate, Release, ShadowSettings,
    UpstreamTls,
};
use stagegate_rollout::{ForceKey, Policy, ReleaseName, WorkloadSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One agent workflow behind the proxy.
#[derive(Clone, Debug)]
pub struct Workload {
    /// What routing needs, already checked.
    pub spec: Arc<WorkloadSpec>,
    /// Which requests are the workload's; at least one.
    pub matches: Vec<Match>,
    /// What the backend speaks.
    pub protocol: Protocol,
    /// Where a request's identity comes from.
    pub identity: Identity,
    /// What a rollout of the workload must go through.
    pub policy: Arc<Policy>,
    /// Every release by name; the same names as in `spec.releases`.
    pub releases: BTreeMap<ReleaseName, Release>,
    /// TLS towards the endpoints of releases that say nothing of their own.
    pub upstream_tls: UpstreamTls,
    /// Timeouts towards the backend.
    pub timeouts: Timeouts,
    /// Limits of requests.
    pub limits: WorkloadLimits,
    /// Active health checks; `None` when switched off.
    pub health: Option<Health>,
    /// Key that testers' force headers are signed with; without one no request can be forced.
    pub force: Option<ForceKey>,
    /// What the backend sees as `Host`.
    pub host_header: HostHeader,
    /// When a request is sent again.
    pub retry: Retry,
    /// When an endpoint is left out for failing real requests; `None` when never.
    pub ejection: Option<Ejection>,
    /// Whether a request that finds no connection to the candidate goes to stable.
    pub fallback_to_stable: FallbackToStable,
    /// How answers end, where the defaults do not fit.
    pub outcomes: Outcomes,
    /// What answers cost and what may be spent.
    pub cost: CostSettings,
    /// What is scored of its answers, and how.
    pub eval: EvalSettings,
    /// Which requests are copied to another release; `None` when none are.
    pub shadow: Option<ShadowSettings>,
    /// Where the workload is written.
    pub place: Place,
}

impl Workload {
    /// Whether both answers to a request that is copied to a shadow are scored.
    #[must_use]
    pub fn scores_pairs(&self) -> bool {
        let wanted = self.shadow.as_ref().is_some_and(|shadow| shadow.score);
        wanted && !self.eval.scorers.is_empty()
    }

    /// Adds or replaces a release, for routing too.
    pub fn put_release(&mut self, name: ReleaseName, release: Release) {
        Arc::make_mut(&mut self.spec).releases.insert(name.clone());
        self.releases.insert(name, release);
    }

    /// Takes a release away, for routing too. The caller sees to it that nothing goes there.
    pub fn remove_release(&mut self, name: &ReleaseName) {
        Arc::make_mut(&mut self.spec).releases.remove(name);
        self.releases.remove(name);
    }
}

/// A condition on requests: every part that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Match {
    /// The request's host.
    pub host: Option<HostPattern>,
    /// The request's path or a directory above it; begins with `/`. Whole segments count: `/a`
    /// and `/a/` mean the same.
    pub path_prefix: Option<String>,
    /// Headers (lower-case name, exact value), sorted by name.
    pub headers: Vec<(String, String)>,
}

/// A host name to compare with, in lower case and without a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// Exactly this name.
    Exact(String),
    /// Any name below this one: `*.example.com` is stored as `example.com`.
    Below(String),
}

impl HostPattern {
    /// Whether `host` (lower case, without port) fits.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == name,
            Self::Below(parent) => host
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// What a workload's backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Recognised per request.
    #[default]
    Auto,
    /// OpenAI chat completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini.
    Gemini,
    /// Bedrock Converse.
    Bedrock,
    /// Model Context Protocol.
    Mcp,
    /// Agent2Agent.
    A2a,
    /// HTTP of no particular kind.
    Plain,
}

impl Protocol {
    /// The word used in the configuration and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
            Self::Plain => "plain",
        }
    }
}

/// Timeouts towards the backend; all but `total` are above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From the end of the request to the first byte of the response.
    pub first_byte: Duration,
    /// Longest pause within a response.
    pub idle: Duration,
    /// The whole exchange; `None` for no limit.
    pub total: Option<Duration>,
    /// How long an unused connection is kept; must be below the backend's own keep-alive.
    pub pool_idle: Duration,
}

/// Limits of a workload's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadLimits {
    /// Largest request body in bytes.
    pub body: u64,
    /// Most requests a second of one tenant.
    pub tenant_rate: Option<Rate>,
    /// Most requests of one tenant at a time, at least 1.
    pub tenant_in_flight: Option<u32>,
    /// Most requests of one endpoint at a time, at least 1.
    pub endpoint_in_flight: Option<u32>,
    /// Requests that may wait for an endpoint's turn.
    pub endpoint_pending: u32,
}

/// An active health check of every endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What is tried.
    pub kind: HealthKind,
    /// Time between two checks.
    pub every: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// Good checks in a row that make an endpoint healthy, at least 1.
    pub healthy: usize,
    /// Bad checks in a row that make it unhealthy, at least 1.
    pub unhealthy: usize,
}

/// What a health check tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthKind {
    /// A TCP connection.
    Tcp,
    /// A `GET` over HTTP/1.1.
    Http {
        /// Path, with `/` at the start.
        path: String,
        /// `Host` header; the endpoint's authority when absent.
        host: Option<String>,
        /// The status that counts as good.
        status: u16,
    },
}

/// What the backend sees as `Host`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum HostHeader {
    /// What the client sent.
    #[default]
    Preserve,
    /// The endpoint's own authority.
    Endpoint,
    /// This name.
    Name(String),
}

/// When a request is sent again; never once a byte of the response was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Whether a request is replayed when a kept connection turned out to be closed.
    pub stale: StaleRetry,
    /// How often connecting is tried in all, at least 1.
    pub connect_attempts: u32,
    /// Whether an answer 503 is asked for again.
    pub unavailable: bool,
    /// How often one request is sent again at most.
    pub attempts: u32,
    /// Retries as a share of requests.
    pub budget: stagegate_rollout::Weight,
    /// Wait before the first retry.
    pub backoff: Duration,
    /// Longest `Retry-After` that is waited for.
    pub longest_wait: Duration,
}

/// When an endpoint that fails real requests is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Failed requests in a row, at least 1.
    pub failures: u32,
    /// A response head that takes longer counts as a failure.
    pub slow: Option<Duration>,
    /// Time it is left out at first.
    pub time: Duration,
}

/// Whether a request that finds no connection to the candidate goes to stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FallbackToStable {
    /// It fails.
    #[default]
    Never,
    /// It goes to stable.
    OnConnectError,
}

impl FallbackToStable {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnConnectError => "on_connect_error",
        }
    }
}

/// Which requests are replayed after a kept connection turned out to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StaleRetry {
    /// Those whose method is idempotent.
    #[default]
    Idempotent,
    /// Every request whose body can be replayed.
    Any,
    /// None.
    Off,
}

impl StaleRetry {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::Any => "any",
            Self::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostPattern;

    #[test]
    fn a_wildcard_stands_for_at_least_one_label() {
        let below = HostPattern::Below("example.com".into());
        assert!(below.matches("a.example.com") && below.matches("a.b.example.com"));
        for host in ["example.com", ".example.com", "badexample.com", "example.com.evil"] {
            assert!(!below.matches(host), "{host}");
        }
        assert!(HostPattern::Exact("example.com".into()).matches("example.com"));
    }
}
