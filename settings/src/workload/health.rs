//! Active health checks.

use std::time::Duration;

/// An active health check of every endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The question a check asks.
    pub probe: Probe,
    /// Time between two checks.
    pub every: Duration,
    /// Longest time of one check.
    pub timeout: Duration,
    /// Good checks in a row that make an endpoint healthy, at least 1.
    pub healthy: usize,
    /// Bad checks in a row that make it unhealthy, at least 1.
    pub unhealthy: usize,
}

/// The question a health check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Opens a connection.
    Tcp,
    /// Sends a `GET`.
    Http {
        /// Path and query, with `/` at the start.
        path: String,
        /// `Host` header; the endpoint's authority when absent.
        host: Option<String>,
        /// The status that counts as good.
        status: u16,
    },
}
