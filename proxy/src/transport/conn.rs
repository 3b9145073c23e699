//! One real connection: a socket, with or without TLS on it.

use super::Plain;
use super::through::writes_through;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

/// A connection to a client or to an endpoint.
#[derive(Debug)]
pub(crate) enum Conn {
    /// A socket.
    Plain(Plain),
    /// TLS on a socket. Its state is large, and rare enough to be boxed.
    Tls(Box<TlsStream<Plain>>),
}

impl Conn {
    /// See [`Plain::reset_on_close`].
    pub(crate) fn reset_on_close(&self) {
        match self {
            Self::Plain(plain) => plain.reset_on_close(),
            Self::Tls(tls) => tls.get_ref().0.reset_on_close(),
        }
    }

    /// Puts bytes back in front of what comes next; only a plain connection may begin twice.
    pub(crate) fn put_back(&mut self, bytes: Vec<u8>) {
        if let Self::Plain(plain) = self {
            plain.put_back(bytes);
        }
    }

    /// The protocol that was agreed on in the handshake.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol(),
        }
    }
}

/// Runs one expression on whatever lies below.
macro_rules! on {
    ($conn:expr, $inner:ident => $then:expr) => {
        match $conn.get_mut() {
            Conn::Plain($inner) => $then,
            Conn::Tls($inner) => $then,
        }
    };
}

impl AsyncRead for Conn {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

writes_through!(Conn, on);
