//! What the queue needs of the proxy.

use std::net::IpAddr;
use std::os::unix::net::UnixStream;

/// The way to the backends.
pub trait Backends: Send + Sync {
    /// True if the workload is served and not killed.
    fn is_open(&self, workload: &str) -> bool;

    /// A connection on which one request is served as if this client had sent it, by the stable release. An answer
    /// with the field `stagegate-queue: not-sent` says that no backend saw the request.
    ///
    /// # Errors
    /// When there is no room for a connection, or no worker.
    fn connect(&self, peer: Option<IpAddr>, secure: bool) -> std::io::Result<UnixStream>;
}
