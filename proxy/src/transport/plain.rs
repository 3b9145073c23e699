//! A socket as the system gives it: TCP or Unix.

use super::through::writes_through;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A socket, and bytes that were read from it too early.
#[derive(Debug)]
pub(crate) struct Plain {
    socket: Socket,
    /// Handed out before anything is read from the socket.
    ahead: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// A test has the other end.
    #[cfg(any(test, feature = "exchanges"))]
    Memory(super::Memory),
}

impl From<TcpStream> for Plain {
    fn from(stream: TcpStream) -> Self {
        // Fails only for a socket that is dead already, which the next read tells.
        let _ = stream.set_nodelay(true);
        Self { socket: Socket::Tcp(stream), ahead: Vec::new() }
    }
}

impl From<UnixStream> for Plain {
    fn from(stream: UnixStream) -> Self {
        Self { socket: Socket::Unix(stream), ahead: Vec::new() }
    }
}

#[cfg(any(test, feature = "exchanges"))]
impl From<super::Memory> for Plain {
    fn from(memory: super::Memory) -> Self {
        Self { socket: Socket::Memory(memory), ahead: Vec::new() }
    }
}

impl Plain {
    /// Puts bytes back in front of what comes next.
    pub(crate) fn put_back(&mut self, mut bytes: Vec<u8>) {
        bytes.append(&mut self.ahead);
        self.ahead = bytes;
    }

    /// The bare socket, bound to no runtime, and what was read from it too early.
    pub(crate) fn into_parts(self) -> io::Result<(OwnedFd, Vec<u8>)> {
        let socket = match self.socket {
            Socket::Tcp(stream) => stream.into_std()?.into(),
            Socket::Unix(stream) => stream.into_std()?.into(),
            #[cfg(any(test, feature = "exchanges"))]
            Socket::Memory(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok((socket, self.ahead))
    }

    /// Resets the connection when it is closed, so that the peer does not take it for a proper end.
    pub(crate) fn reset_on_close(&self) {
        match &self.socket {
            Socket::Tcp(stream) => {
                let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            Socket::Unix(_) => {}
            #[cfg(any(test, feature = "exchanges"))]
            Socket::Memory(memory) => memory.reset_on_close(),
        }
    }
}

/// Runs one expression on whatever lies below.
macro_rules! on {
    ($plain:expr, $inner:ident => $then:expr) => {
        match &mut $plain.get_mut().socket {
            Socket::Tcp($inner) => $then,
            Socket::Unix($inner) => $then,
            #[cfg(any(test, feature = "exchanges"))]
            Socket::Memory($inner) => $then,
        }
    };
}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..count]);
            self.ahead.drain(..count);
            return Poll::Ready(Ok(()));
        }
        on!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

writes_through!(Plain, on);
