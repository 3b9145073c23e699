//! Requests that are sent again.

use stagegate_rollout::Weight;
use std::time::Duration;

/// The retries of requests; never after a byte of the response was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Requests that are replayed when a kept connection turned out to be closed.
    pub stale: StaleRetry,
    /// Most endpoints that are tried for a connection, at least 1.
    pub connect_attempts: u32,
    /// True if a 503 response is retried, where the request can be replayed.
    pub unavailable: bool,
    /// The most retries of one request.
    pub attempts: u32,
    /// Retries as a share of requests.
    pub budget: Weight,
    /// Wait before the first retry; doubles with each, and each is a random part of it.
    pub backoff: Duration,
    /// Longest `Retry-After` that is waited for; a longer one goes to the client.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            stale: StaleRetry::Idempotent,
            connect_attempts: 2,
            unavailable: false,
            attempts: 2,
            budget: Weight::percent(20),
            backoff: Duration::from_millis(25),
            longest_wait: Duration::from_secs(1),
        }
    }
}

/// Requests that are replayed after a kept connection turned out to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StaleRetry {
    /// Those whose method is idempotent, and those with an `Idempotency-Key`.
    #[default]
    Idempotent,
    /// Every request whose body can be replayed: for backends that never act before they answer.
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

/// The destination of a request that finds no connection to the candidate.
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
