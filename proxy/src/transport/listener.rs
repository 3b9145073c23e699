//! Listening sockets and their settings.

use super::Plain;
use crate::tls::ServerTls;
use arc_swap::ArcSwap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A socket that listens.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    Unix(std::os::unix::net::UnixListener),
}

/// Settings of a listener.
#[derive(Clone, Debug, Default)]
pub struct ListenerSettings {
    /// Speaks TLS.
    pub tls: Option<ServerTls>,
    /// Every connection begins with a PROXY header; peers that are not trusted are turned away.
    pub proxy_protocol: bool,
    /// Takes HTTP/2: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
}

/// A listener as the workers see it.
#[derive(Debug)]
pub(crate) struct ListenerState {
    /// Its place in the order in which listeners were added.
    pub(crate) place: usize,
    pub(crate) tls: Option<ArcSwap<ServerTls>>,
    pub(crate) proxy_protocol: bool,
    pub(crate) http2: bool,
    /// Set where the queue of killed workloads comes in, which has no socket that listens.
    pub(crate) resends: Option<Resends>,
}

/// How the client spoke whose request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resends {
    Plain,
    Secure,
}

impl ListenerState {
    /// Where the queue comes in.
    pub(crate) fn of_queue(secure: bool) -> Self {
        let resends = if secure { Resends::Secure } else { Resends::Plain };
        let settings = ListenerSettings::default();
        Self { resends: Some(resends), http2: false, ..Self::new(usize::MAX, settings) }
    }

    pub(crate) fn new(place: usize, settings: ListenerSettings) -> Self {
        Self {
            place,
            tls: settings.tls.map(ArcSwap::from_pointee),
            proxy_protocol: settings.proxy_protocol,
            http2: settings.http2,
            resends: None,
        }
    }

    /// Returns true if another process can take over its connections. The state of TLS and of a
    /// PROXY header belongs to the process that read it.
    pub(crate) fn is_portable(&self) -> bool {
        self.tls.is_none() && !self.proxy_protocol && self.resends.is_none()
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A peer with an IP address.
    Ip(IpAddr),
    /// A process on this machine, over a Unix socket, let in by the file's permissions.
    Local,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address.ip().to_canonical())
    }
}

/// A connection on its way to a worker, bound to no runtime.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    /// Binds it to the runtime of this thread.
    pub(crate) fn into_plain(self) -> io::Result<Plain> {
        Ok(match self {
            Self::Tcp(stream) => TcpStream::from_std(stream)?.into(),
            Self::Unix(stream) => UnixStream::from_std(stream)?.into(),
        })
    }
}

/// A listening socket on a runtime.
#[derive(Debug)]
pub(crate) enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    /// Takes a listener into the runtime of this thread; gives its TCP address too.
    pub(crate) fn new(listener: Listener) -> io::Result<(Self, Option<SocketAddr>)> {
        match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                Ok((Self::Tcp(TcpListener::from_std(listener)?), Some(address)))
            }
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Ok((Self::Unix(UnixListener::from_std(listener)?), None))
            }
        }
    }

    /// The next connection.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Peer)>> {
        Poll::Ready(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                Ok((Socket::Tcp(stream.into_std()?), peer.into()))
            }
            Self::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Ok((Socket::Unix(stream.into_std()?), Peer::Local))
            }
        })
    }
}

impl TryFrom<OwnedFd> for Arrived {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        let socket = socket2::Socket::from(fd);
        socket.set_nonblocking(true)?;
        Ok(match socket.peer_addr()?.as_socket() {
            Some(peer) => Self(Socket::Tcp(socket.into()), peer.into()),
            None => Self(Socket::Unix(OwnedFd::from(socket).into()), Peer::Local),
        })
    }
}

/// A connection that another process passed on.
pub(crate) struct Arrived(pub(crate) Socket, pub(crate) Peer);

/// An accepted connection and its listener.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    pub(crate) listener: Arc<ListenerState>,
    pub(crate) begun: Begun,
}

/// The state of a connection when it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begun {
    /// It has had a request before.
    pub(crate) used: bool,
    /// Bytes that were read of the next one.
    pub(crate) read: Vec<u8>,
}
