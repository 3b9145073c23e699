//! The loop that accepts connections.

use crate::server::End;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::{Builder, HttpServerConnExec};
use hyper_util::server::graceful::GracefulShutdown;
use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest time from a connection's start to its first byte, and to the end of a request's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long running answers may finish after the end of the server. Streams are cut then.
const DRAIN: Duration = Duration::from_secs(1);
/// Pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What a listener takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at a time.
    pub connections: usize,
    /// Who connects, for the log: `a flag client`.
    pub of: &'static str,
}

/// Serves connections until the end comes.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve<S, B>(
    listener: TcpListener,
    http: Builder<TokioExecutor>,
    limits: Limits,
    service: S,
    mut end: End,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    TokioExecutor: HttpServerConnExec<S::Future, B>,
{
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let http = Arc::new(http);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots, limits.of) => accepted,
            () = end.come() => break,
        };
        let Some((stream, slot)) = accepted else { continue };
        let (http, service, watcher) = (Arc::clone(&http), service.clone(), graceful.watcher());
        tokio::spawn(async move {
            // Who says nothing at all is not waited for.
            let spoke = tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut [0])).await;
            if !matches!(spoke, Ok(Ok(1))) {
                return;
            }
            let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, of = limits.of, "a connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    Ok(())
}

/// The next connection and its slot.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
    of: &str,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, of, "connection not accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}
