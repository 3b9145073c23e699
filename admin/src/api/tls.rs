//! TLS of the admin listener, and the word for whoever speaks plain HTTP to it.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// First byte of a TLS connection: a handshake record (RFC 8446 5.1).
const HANDSHAKE: u8 = 22;
/// The answer to a request that came in the clear.
const IN_THE_CLEAR: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 50\r\n\r\nThis listener speaks TLS: the address is https://\n";

/// The request came over TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secure;

/// The TLS of the listener: replaced by a reload for new connections, plain HTTP when there is none.
#[derive(Clone, Default)]
pub struct Tls(Arc<RwLock<Option<TlsAcceptor>>>);

impl Tls {
    /// New connections use `config` from here on.
    pub fn set(&self, config: Option<Arc<ServerConfig>>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *held = config.map(TlsAcceptor::from);
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.acceptor().is_some())
    }
}

/// Does the handshake.
///
/// # Errors
/// When it fails, takes longer than `patience`, or the client does not speak TLS; it is told so.
pub(super) async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    patience: Duration,
) -> io::Result<TlsStream<TcpStream>> {
    let shaken = tokio::time::timeout(patience, async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            let mut stream = stream;
            stream.write_all(IN_THE_CLEAR).await?;
            // Closing before the request is read would reset the connection, and the word be lost.
            stream.shutdown().await?;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return Err(io::Error::other("plain HTTP on a TLS listener"));
        }
        acceptor.accept(stream).await
    });
    shaken.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
