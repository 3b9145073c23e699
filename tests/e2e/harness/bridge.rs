//! Bridges between plain TCP, which the stories are told in, and what else bytes travel on. With one
//! before the proxy or before a backend, every story can be told over TLS or a Unix socket too.

use super::free_address;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A running bridge; it falls when dropped, connections that cross it do not.
pub(crate) struct Bridge {
    /// Where it begins, for those that begin on TCP.
    pub(crate) address: SocketAddr,
    refused: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bridge {
    /// From plain TCP to TLS at `to`, asking for `name`.
    pub(crate) async fn to_tls(to: SocketAddr, client: ClientConfig, name: &str) -> Self {
        let connector = TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        Self::from_tcp(move |stream| {
            let (connector, name) = (connector.clone(), name.clone());
            async move {
                let far = TcpStream::connect(to).await?;
                far.set_nodelay(true)?;
                cross(stream, connector.connect(name, far).await?).await
            }
        })
        .await
    }

    /// From TLS to plain TCP at `to`.
    pub(crate) async fn from_tls(server: ServerConfig, to: SocketAddr) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(server));
        Self::from_tcp(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let near = acceptor.accept(stream).await?;
                cross(near, TcpStream::connect(to).await?).await
            }
        })
        .await
    }

    /// From plain TCP to a Unix socket.
    pub(crate) async fn to_unix(path: &Path) -> Self {
        let path = path.to_owned();
        Self::from_tcp(move |stream| {
            let path = path.clone();
            async move { cross(stream, UnixStream::connect(path).await?).await }
        })
        .await
    }

    /// From a Unix socket to plain TCP.
    pub(crate) fn from_unix(path: &Path, to: SocketAddr) -> Self {
        let listener = UnixListener::bind(path).expect("bind a Unix socket");
        let task = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.expect("accept");
                tokio::spawn(async move { cross(near, TcpStream::connect(to).await?).await });
            }
        });
        Self { address: free_address(), refused: Arc::default(), task }
    }

    /// How many connections could not cross.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    async fn from_tcp<F, C>(carry: F) -> Self
    where
        F: Fn(TcpStream) -> C + Send + Sync + 'static,
        C: Future<Output = std::io::Result<()>> + Send,
    {
        let address = free_address();
        let listener = TcpListener::bind(address).await.expect("bind");
        let refused = Arc::new(AtomicUsize::new(0));
        let (carry, count) = (Arc::new(carry), Arc::clone(&refused));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                stream.set_nodelay(true).expect("set TCP_NODELAY");
                let (carry, count) = (Arc::clone(&carry), Arc::clone(&count));
                tokio::spawn(async move {
                    if carry(stream).await.is_err() {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { address, refused, task }
    }
}

async fn cross<A, B>(mut near: A, mut far: B) -> std::io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    copy_bidirectional(&mut near, &mut far).await.map(drop)
}
