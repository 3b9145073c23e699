//! The doors of the admin API: a TCP listener, and a Unix socket for programs of the same user.
//!
//! Bounded where strangers can reach it: so many connections, so much time for a request's head.
//! Both doors have places of their own, so whoever fills the one does not close the other.

use super::patient::Patient;
use super::slots::{Seat, Slot, Slots};
use super::tls::{Secure, Tls, handshake};
use super::{App, router};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tower::ServiceExt;

/// Longest wait for the end of a request's head, the first one and every later one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that running responses have after the shutdown signal.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failure to accept: trying again at once would spin.
const PAUSE: Duration = Duration::from_millis(20);

/// The places where the API is asked.
#[derive(Debug)]
pub struct Doors {
    /// Other machines, and this one.
    pub tcp: TcpListener,
    /// The TLS of `tcp`.
    pub tls: Tls,
    /// Programs of the same user.
    pub local: Option<UnixListener>,
}

/// One of them.
#[derive(Debug)]
enum Door {
    Tcp(TcpListener, Tls),
    Unix(UnixListener),
}

/// Serves the API on `listener` until `shutdown` resolves; then running answers may finish.
///
/// # Errors
/// Never by itself: failures to accept are waited out.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let doors = Doors { tcp: listener, tls: Tls::default(), local: None };
    serve_doors(doors, router(app), shutdown).await
}

/// Serves `router`, the API or what is around it, at these doors until `shutdown` resolves.
///
/// # Errors
/// Never by itself.
pub async fn serve_doors(
    doors: Doors,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let Doors { tcp, tls, local } = doors;
    {
        let tcp = accept(Door::Tcp(tcp, tls), router.clone(), &graceful);
        let unix = async {
            match local {
                Some(local) => accept(Door::Unix(local), router, &graceful).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tcp => {}
            () = unix => {}
            () = shutdown => {}
        }
    }
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    Ok(())
}

/// Accepts connections for ever.
async fn accept(door: Door, router: Router, graceful: &GracefulShutdown) {
    let slots = Arc::new(Slots::default());
    loop {
        let accepted = match &door {
            Door::Tcp(listener, tls) => listener.accept().await.map(|(stream, peer)| {
                // Answers are small and each is written whole.
                let _ = stream.set_nodelay(true);
                let slot = slots.enter();
                let (router, watcher) = (router.clone(), graceful.watcher());
                match tls.acceptor() {
                    None => spawn(slot, move |seat| {
                        serve_one(stream, service(router, seat, from(peer, false)), watcher)
                    }),
                    Some(acceptor) => spawn(slot, move |seat| async move {
                        match handshake(&acceptor, stream, HEAD_TIMEOUT).await {
                            Ok(stream) => {
                                let service = service(router, seat, from(peer, true));
                                serve_one(stream, service, watcher).await;
                            }
                            Err(error) => tracing::debug!(%peer, %error, "no TLS with a client"),
                        }
                    }),
                }
            }),
            Door::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                let (router, watcher) = (router.clone(), graceful.watcher());
                let mark = |request: &mut Request<Incoming>| {
                    request.extensions_mut().insert(super::guard::SameUser);
                };
                spawn(slots.enter(), move |seat| {
                    serve_one(stream, service(router, seat, mark), watcher)
                });
            }),
        };
        if let Err(error) = accepted {
            // Out of file descriptors, most likely: whoever has waited longest gives one back.
            tracing::warn!(%error, "admin connection not accepted");
            slots.make_room();
            tokio::time::sleep(PAUSE).await;
        }
        // The connection's task reads what has come before the next connection is taken.
        tokio::task::yield_now().await;
    }
}

/// Notes where a request came from.
fn from(peer: SocketAddr, secure: bool) -> impl Fn(&mut Request<Incoming>) + Clone + Send {
    move |request| {
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
        if secure {
            request.extensions_mut().insert(Secure);
        }
    }
}

/// Serves one connection's requests. A stranger that was answered is not heard again.
fn service(
    router: Router,
    seat: Seat,
    mark: impl Fn(&mut Request<Incoming>) + Clone + Send + 'static,
) -> impl Fn(Request<Incoming>) -> Answering + Clone + Send + 'static {
    move |mut request| {
        mark(&mut request);
        request.extensions_mut().insert(seat.clone());
        let (router, seat) = (router.clone(), seat.clone());
        Box::pin(async move {
            let mut response = router.oneshot(request.map(axum::body::Body::new)).await?;
            if !seat.is_known() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response)
        })
    }
}

type Answering = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Serves a connection in a task of its own, until it ends or must give its place to another one.
fn spawn<F: Future<Output = ()> + Send + 'static>(slot: Slot, serve: impl FnOnce(Seat) -> F) {
    let serving = serve(slot.seat());
    tokio::spawn(async move {
        tokio::select! {
            () = serving => {}
            () = slot.ended() => {}
        }
        drop(slot);
    });
}

async fn serve_one<S, F>(stream: S, service: F, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> Answering + Clone + Send + 'static,
{
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let service = hyper::service::service_fn(service);
    let connection = http.serve_connection(TokioIo::new(Patient::new(stream)), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "admin connection ended");
    }
}
