//! Client connections that move to another process.
//!
//! A process that leaves does not close the connections of its clients: a client that is just about
//! to send its next request would find them closed, and not every client may ask twice. It gives
//! them away between two requests, with what was read of the next one. That goes for connections
//! whose whole state is the socket and these bytes: HTTP/1.1 without TLS and without a PROXY header.

use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A client connection between two requests.
#[derive(Debug)]
pub struct Leaving {
    /// The listener it came in by, by the order in which listeners were added.
    pub listener: usize,
    /// Its socket, bound to no runtime.
    pub socket: OwnedFd,
    /// Whether it has had a request.
    pub used: bool,
    /// What was read of the next request: less than the limit of a head, and what came with it.
    pub read: Vec<u8>,
}

/// Takes connections that leave, on their worker's thread: it must not block.
pub type Heir = Arc<dyn Fn(Leaving) + Send + Sync>;
