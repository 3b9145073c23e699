//! Opening a connection to an endpoint.

use super::{Conn, Plain};
use crate::address::{Address, HttpVersion, Target};
use crate::tls::{ClientTls, H2};
use std::io;
use std::sync::Arc;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{TlsConnector, TlsStream};

/// Opens the connections that TLS and HTTP lie on.
#[derive(Debug, Default)]
pub(crate) enum Connector {
    /// Sockets of the system.
    #[default]
    System,
    /// Connections in memory, whose other ends a test has.
    #[cfg(any(test, feature = "exchanges"))]
    Memory(Arc<super::memory::Network>),
}

impl Connector {
    async fn connect(&self, address: &Address) -> io::Result<Plain> {
        match self {
            Self::System => Ok(match &address.target {
                Target::Ip(socket) => TcpStream::connect(socket).await?.into(),
                Target::Unix(path) => UnixStream::connect(path).await?.into(),
            }),
            #[cfg(any(test, feature = "exchanges"))]
            Self::Memory(network) => network.connect(&address.authority).await,
        }
    }
}

/// Connects to an endpoint, TLS handshake included. `upgrading`: the request wants to switch the
/// protocol, which only HTTP/1.1 can. Returns whether HTTP/2 is to be spoken.
pub(crate) async fn dial(
    connector: &Connector,
    address: &Address,
    upgrading: bool,
) -> io::Result<(Conn, bool)> {
    let plain = connector.connect(address).await?;
    let Some(tls) = &address.tls else {
        return Ok((Conn::Plain(plain), address.protocol == HttpVersion::Http2));
    };
    let conn = handshake(tls, address.protocol, upgrading, plain).await?;
    let http2 = match address.protocol {
        HttpVersion::Http1 => false,
        HttpVersion::Http2 => true,
        HttpVersion::Negotiate => conn.alpn() == Some(H2),
    };
    Ok((conn, http2))
}

async fn handshake(
    tls: &ClientTls,
    protocol: HttpVersion,
    upgrading: bool,
    plain: Plain,
) -> io::Result<Conn> {
    let config = match protocol {
        HttpVersion::Http1 => &tls.http1,
        HttpVersion::Negotiate if upgrading => &tls.http1,
        HttpVersion::Http2 => &tls.http2,
        HttpVersion::Negotiate => &tls.either,
    };
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(tls.name.clone(), plain).await?;
    Ok(Conn::Tls(Box::new(TlsStream::Client(stream))))
}
