//! Transports: sockets, TLS on sockets, and HTTP/2 streams.
//!
//! A request path works on [`Stream`] and never asks what it is. It is an enum rather than a boxed
//! trait, so that the plain path pays a branch and nothing else.

mod conn;
mod dial;
mod listener;
#[cfg(any(test, feature = "exchanges"))]
#[cfg_attr(not(test), expect(dead_code, reason = "tests need more of it than counting does"))]
pub(crate) mod memory;
mod plain;
mod proxy_header;
mod through;

pub(crate) use conn::Conn;
pub(crate) use dial::{Connector, dial};
pub(crate) use listener::{
    Accepting, Arrival, Arrived, Begun, ListenerState, Peer, Resends, Socket,
};
pub use listener::{Listener, ListenerSettings};
#[cfg(any(test, feature = "exchanges"))]
pub(crate) use memory::Memory;
pub(crate) use plain::Plain;
pub(crate) use proxy_header::proxy_header;

use crate::http2::{Incoming, Outgoing};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to a client or to an endpoint.
///
/// Bytes that were written may wait in it until it is flushed; a plain socket has nothing to flush.
#[derive(Debug)]
pub(crate) enum Stream {
    /// All of a connection.
    Conn(Conn),
    /// One request of an HTTP/2 client.
    Incoming(Box<Incoming>),
    /// One request to an HTTP/2 endpoint.
    Outgoing(Box<Outgoing>),
}

impl Stream {
    /// Returns whether nothing is left to say on either side; never of a connection.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Incoming(incoming) if incoming.is_over())
    }

    /// Makes the close that follows look like the failure it is, also to a peer that takes a clean
    /// close for the end of a body. An HTTP/2 exchange that is dropped early is reset anyway.
    pub(crate) fn reset_on_close(&self) {
        if let Self::Conn(conn) = self {
            conn.reset_on_close();
        }
    }

    /// Returns whether the endpoint has certainly not begun with the request.
    pub(crate) fn is_unprocessed(&self) -> bool {
        matches!(self, Self::Outgoing(outgoing) if outgoing.is_unprocessed())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Conn(conn) => Pin::new(conn).poll_read(cx, buffer),
            Self::Incoming(incoming) => incoming.poll_read(cx, buffer),
            Self::Outgoing(outgoing) => outgoing.poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Conn(conn) => Pin::new(conn).poll_write(cx, bytes),
            Self::Incoming(incoming) => incoming.poll_write(cx, bytes),
            Self::Outgoing(outgoing) => outgoing.poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = |slices: &'_ [IoSlice<'_>]| slices.iter().position(|slice| !slice.is_empty());
        match (self.get_mut(), first(slices)) {
            (Self::Conn(conn), _) => Pin::new(conn).poll_write_vectored(cx, slices),
            (_, None) => Poll::Ready(Ok(0)),
            (Self::Incoming(incoming), Some(at)) => incoming.poll_write(cx, &slices[at]),
            (Self::Outgoing(outgoing), Some(at)) => outgoing.poll_write(cx, &slices[at]),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Conn(conn) => Pin::new(conn).poll_flush(cx),
            // HTTP/2 holds no more than its windows and sends by itself.
            Self::Incoming(_) | Self::Outgoing(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Conn(conn) => Pin::new(conn).poll_shutdown(cx),
            Self::Incoming(incoming) => Poll::Ready(incoming.finish()),
            Self::Outgoing(outgoing) => Poll::Ready(outgoing.finish()),
        }
    }
}
