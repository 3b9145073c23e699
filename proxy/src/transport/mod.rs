//! What bytes travel on: sockets, and what may lie on top of them.
//!
//! A request path works on [`Stream`] and never asks what it is. It is an enum rather than a boxed
//! trait, so that the plain path pays a branch and nothing else.

mod dial;
mod door;
mod plain;
mod proxy_header;
mod wire;

pub(crate) use dial::dial;
pub(crate) use door::{Accepting, Arrival, Door, Peer, Socket};
pub use door::{Listener, ListenerSettings};
pub(crate) use plain::Plain;
pub(crate) use proxy_header::proxy_header;
pub(crate) use wire::Wire;

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
    Wire(Wire),
}

/// Runs one expression on whatever the stream is.
macro_rules! on {
    ($stream:expr, $inner:ident => $then:expr) => {
        match $stream.get_mut() {
            Stream::Wire($inner) => $then,
        }
    };
}

impl Stream {
    /// Makes the close that follows look like the failure it is, also to a peer that takes a clean
    /// close for the end of a body.
    pub(crate) fn reset_on_close(&self) {
        match self {
            Self::Wire(wire) => wire.reset_on_close(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
