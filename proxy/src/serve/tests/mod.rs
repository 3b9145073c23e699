//! Connections and exchanges, edge by edge, without a socket, a thread or a clock.
//!
//! A test plays the client and the backends by hand and moves the time itself; see [`sim::Sim`].
//! After each step of the test the proxy runs until it waits for something.

mod answers;
mod bodies;
mod conversations;
mod deadlines;
mod ejection;
mod ends;
mod expectations;
mod flags;
mod heads;
mod limits;
mod peer;
mod queued;
mod reuse;
mod shared_endpoints;
mod sim;
mod sockets;
mod spellings;
mod strangers;
mod streams;
mod turns;
mod upgrades;

use peer::Peer;
use sim::Sim;

/// The plainest request, and the plainest answer.
const GET: &str = "GET / HTTP/1.1\r\nHost: agent\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
/// Requests whose bodies follow.
const POST_10: &str = "POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 10\r\n\r\n";
const POST_CHUNKED: &str = "POST / HTTP/1.1\r\nHost: agent\r\nTransfer-Encoding: chunked\r\n\r\n";
