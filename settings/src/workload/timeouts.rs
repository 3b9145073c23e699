//! Timeouts towards the backend.

use std::time::Duration;

/// Timeouts towards the backend, each above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From the end of the request to the first byte of the response.
    pub first_byte: Duration,
    /// Longest pause within a response.
    pub idle: Duration,
    /// Longest pause within a stream or a tunnel; `None` for ten minutes, or `idle` where that is
    /// longer.
    pub stream_idle: Option<Duration>,
    /// Pause in a stream of server-sent events after which the client gets a comment; `None` for
    /// never.
    pub stream_keep_alive: Option<Duration>,
    /// How long a WebSocket goes on whose release was rolled back.
    pub tunnel_grace: Duration,
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
            stream_idle: None,
            stream_keep_alive: None,
            tunnel_grace: Duration::from_secs(10),
            total: Some(Duration::from_secs(30 * 60)),
            pool_idle: Duration::from_secs(55),
        }
    }
}

/// Longest pause within a stream or a tunnel where nothing else is configured.
const STREAM_IDLE: Duration = Duration::from_secs(600);

impl Timeouts {
    /// Longest pause within a stream or a tunnel.
    #[must_use]
    pub fn within_streams(&self) -> Duration {
        self.stream_idle.unwrap_or_else(|| self.idle.max(STREAM_IDLE))
    }
}

#[cfg(test)]
mod tests {
    use super::Timeouts;
    use std::time::Duration;

    #[test]
    fn streams_get_ten_minutes_or_what_is_written() {
        let secs = Duration::from_secs;
        assert_eq!(Timeouts::default().within_streams(), secs(600));
        let long = Timeouts { idle: secs(1800), ..Timeouts::default() };
        assert_eq!(long.within_streams(), secs(1800), "an older file is not cut shorter");
        let written = Timeouts { stream_idle: Some(secs(20)), ..long };
        assert_eq!(written.within_streams(), secs(20));
    }
}
