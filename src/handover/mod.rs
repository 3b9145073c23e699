//! Restart without an interruption: the new process takes over the old one's sockets.
//!
//! ```text
//! new: ask            -> old: takes no changes, stops steering, closes store and decision log
//!                     <- old: its listening sockets
//! new: opens the store, prepares, asks its endpoints
//! new: ready          -> old: stops accepting, decides nothing in the candidate's favour any more
//!                     <- old: yours
//! new: accepts        <- old: every client connection, between two of its requests
//!                        old: finishes what runs, ends
//! ```
//!
//! Connections that arrive in between wait in the queues of the sockets, which both have. Until it
//! says *ready* the new process may fail or die: the old one opens the store again and continues.
//! Only one of the two decides at any time, so that neither undoes an acknowledged change of the
//! other.

mod channel;
mod giver;
mod leave;
mod taker;

pub(crate) use giver::{Asked, HandoverSocket};
pub(crate) use leave::hand_over;
pub(crate) use taker::{Inherited, ask};

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of what is said; processes that speak another refuse each other.
const VERSION: u32 = 1;
/// How long the old process may take to release everything: the store and the log.
const LETTING_GO: Duration = Duration::from_secs(30);
/// How long the new process may take to start before the old one continues by itself.
pub(crate) const COMING_UP: Duration = Duration::from_secs(60);

/// A message between the two processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub(crate) enum Note {
    /// New: hand over to me.
    Ask {
        /// The sender's protocol version.
        version: u32,
    },
    /// Old: these sockets come with this note, in this order.
    Sockets {
        /// Names of the sockets, see [`proxy_socket`] and [`admin_socket`].
        names: Vec<String>,
        /// True if another such message follows.
        more: bool,
    },
    /// New: I can begin.
    Ready,
    /// Either: the handover failed.
    Failed {
        /// The reason.
        why: String,
    },
    /// Old: begin.
    Yours,
    /// Old: a client connection comes with this note, what was read of its next request behind it.
    Connection {
        /// The listener it came in by.
        listener: String,
        /// True if it has had a request.
        used: bool,
    },
}

/// Name of a proxy listener's socket: its address as it is configured.
pub(crate) fn proxy_socket(listener: &stagegate_settings::Listener) -> String {
    format!("proxy {}", listener.address)
}

/// Name of the admin listener's socket.
pub(crate) fn admin_socket(config: &stagegate_config::Config) -> String {
    format!("admin {}", config.admin.address)
}

/// Name of the socket of the flags' listener.
pub(crate) fn flags_socket(flags: &stagegate_settings::Flags) -> String {
    format!("flags {}", flags.listen)
}

/// Name of the socket of flagd's services.
pub(crate) fn flagd_socket(address: std::net::SocketAddr) -> String {
    format!("flagd {address}")
}

/// Name of the socket of the receiver of traces.
pub(crate) fn otlp_socket(otlp: &stagegate_config::Otlp) -> String {
    format!("otlp {}", otlp.listen)
}

/// The path of the old process' socket.
fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("handover.sock")
}
