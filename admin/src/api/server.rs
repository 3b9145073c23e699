//! The doors of the admin API: a TCP listener, and a Unix socket for programs of the same user.
//!
//! Bounded where strangers can reach it: so many connections, so much time for a request's head.
//! Both doors have places of their own, so whoever fills the one does not close the other.

use super::slots::{Seat, Slot, Slots};
use super::{App, router};
use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
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

/// A place where the API is asked.
#[derive(Debug)]
enum Door {
    Tcp(TcpListener),
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
    serve_doors(listener, None, router(app), shutdown).await
}

/// Serves `router`, the API or what is around it, as [`serve`] does, and on a Unix socket too.
///
/// # Errors
/// Never by itself.
pub async fn serve_doors(
    listener: TcpListener,
    local: Option<UnixListener>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    {
        let tcp = accept(Door::Tcp(listener), router.clone(), &graceful);
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
            Door::Tcp(listener) => listener.accept().await.map(|(stream, peer)| {
                // Answers are small and each is written whole.
                let _ = stream.set_nodelay(true);
                let slot = slots.enter();
                let seat = slot.seat();
                let mark = move |request: &mut Request<Incoming>| {
                    request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
                };
                spawn(stream, slot, service(router.clone(), seat, mark), graceful);
            }),
            Door::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                let slot = slots.enter();
                let seat = slot.seat();
                let mark = |request: &mut Request<Incoming>| {
                    request.extensions_mut().insert(super::guard::SameUser);
                };
                spawn(stream, slot, service(router.clone(), seat, mark), graceful);
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

fn spawn<S, F>(stream: S, slot: Slot, service: F, graceful: &GracefulShutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> Answering + Clone + Send + 'static,
{
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let service = hyper::service::service_fn(service);
    let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        tokio::select! {
            served = connection => {
                if let Err(error) = served {
                    tracing::debug!(%error, "admin connection ended");
                }
            }
            () = slot.ended() => {}
        }
        drop(slot);
    });
}
