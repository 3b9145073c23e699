//! Timeouts towards the backend.

use std::time::Duration;

/// Timeouts towards the backend, each above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From the end of the request to the first byte of the response.
    pub first_byte: Duration,
    /// Longest pause within a response or a tunnel.
    pub idle: Duration,
    /// The whole exchange; `None` for no limit.
    pub total: Option<Duration>,
    /// How long an unused connection is kept; must be below the backend's own keep-alive.
    pub pool_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            total: Some(Duration::from_secs(30 * 60)),
            pool_idle: Duration::from_secs(55),
        }
    }
}
