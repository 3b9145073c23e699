//! Client connections that move to another process.
//!
//! A process that is replaced does not close its clients' connections: a client about to send its
//! next request would find the connection closed, and not every client may retry. The process passes
//! connections on between two requests, with the bytes it has read of the next one. Only connections
//! whose whole state is the socket and these bytes can move: HTTP/1.1 without TLS and without a PROXY
//! header.

use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A client connection between two requests.
#[derive(Debug)]
pub struct IdleConnection {
    /// The index of its listener, in the order in which listeners were added.
    pub listener: usize,
    /// Its socket, bound to no runtime.
    pub socket: OwnedFd,
    /// True if it has had a request.
    pub used: bool,
    /// The bytes that were read of the next request.
    pub read: Vec<u8>,
}

/// Receives the connections that move, on their worker's thread: it must not block.
pub type HandoverSink = Arc<dyn Fn(IdleConnection) + Send + Sync>;
