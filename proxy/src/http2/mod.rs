//! HTTP/2 on both sides, as connections that look like HTTP/1.1.
//!
//! The frames are the `h2` crate's. What is here turns one HTTP/2 exchange into a stream of HTTP/1.1
//! bytes and back: a client's request is read from [`Incoming`] and its answer written to it, a
//! request to an endpoint is written to [`Outgoing`] and its answer read from it. So whatever is
//! spoken on either side, the same code routes, decides, counts, limits and checks, and the strict
//! HTTP/1.1 parser judges every head.
//!
//! Nothing is buffered here: a body byte is taken from HTTP/2's window when it is read, and taken
//! from a writer when the window has room for it.

mod client;
mod driver;
mod gather;
mod head;
mod incoming;
mod inlet;
mod meter;
mod outgoing;
mod outlet;
mod websocket;

pub(crate) use client::Connection;
pub(crate) use gather::Gather;
pub(crate) use incoming::{Incoming, Tally};
pub(crate) use outgoing::Outgoing;
pub(crate) use websocket::websocket_key;

use std::io;

/// The connection preface of a client with prior knowledge (RFC 9113 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of one body that may be in transit before they are read.
pub(crate) const STREAM_WINDOW: u32 = 64 * 1024;
/// Exchanges on one connection at a time.
pub(crate) const MAX_STREAMS: u32 = 128;
/// As much as all exchanges together, so that an unread exchange never stops another.
pub(crate) const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS;
/// Body bytes of one exchange that wait to be sent.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;

fn broken(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
