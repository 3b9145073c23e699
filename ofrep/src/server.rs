//! The listeners, on a thread of their own.

use crate::access::Access;
use crate::files::{self, Look};
use crate::in_force::Flags;
use crate::routes::{App, router};
use crate::rpc;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use stagegate_listener::{End, HEAD_TIMEOUT, Limits, Server, serve};
use stagegate_settings as settings;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tower::ServiceExt;

/// Most connections of each listener at a time.
const LIMITS: Limits = Limits { connections: 8192, of: "a flag client" };
/// Pause between two signs of life of an HTTP/2 connection.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// Calls of one HTTP/2 connection at a time.
const STREAMS: u32 = 100;
/// Time between two looks at the files. A change is taken up once two looks saw the same, so that a
/// file is not read while it is being written.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The settings as they are now; none if the section was removed.
pub type SettingsNow = Box<dyn Fn() -> Option<settings::Flags> + Send>;

/// Where flags are served.
#[derive(Debug)]
pub struct Listeners {
    /// OFREP.
    pub ofrep: TcpListener,
    /// The services of flagd over gRPC.
    pub grpc: Option<TcpListener>,
}

/// Serves `flags` on `listeners`, and watches their files. `now` is asked again and again for the
/// settings.
///
/// # Errors
/// When the system refuses a thread, a runtime or randomness.
pub fn start(listeners: Listeners, flags: Arc<Flags>, now: SettingsNow) -> io::Result<Server> {
    let access = Access::new().map_err(io::Error::other)?;
    let app = App::new(Arc::clone(&flags), access);
    Server::start("flags", move |end| run(listeners, app, flags, now, end))
}

async fn run(listeners: Listeners, app: App, flags: Arc<Flags>, now: SettingsNow, end: End) {
    let settling = flags.questions().map(|questions| tokio::spawn(settle(questions)));
    let watching = tokio::spawn(watch(flags, now));
    let calls = async {
        match listeners.grpc {
            Some(listener) => calls(listener, app.clone(), end.clone()).await,
            None => Ok(()),
        }
    };
    let (requests, calls) =
        tokio::join!(requests(listeners.ofrep, app.clone(), end.clone()), calls);
    for error in [requests, calls].into_iter().filter_map(Result::err) {
        tracing::error!(%error, "a server of flags has ended");
    }
    watching.abort();
    settling.inspect(tokio::task::JoinHandle::abort);
}

/// OFREP, over HTTP/1.1.
async fn requests(listener: TcpListener, app: App, end: End) -> io::Result<()> {
    let router = router(app);
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let service = service_fn(move |request: http::Request<Incoming>| {
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    serve(listener, http, LIMITS, service, end).await
}

/// The services of flagd, over HTTP/2.
async fn calls(listener: TcpListener, app: App, end: End) -> io::Result<()> {
    let mut http = auto::Builder::new(TokioExecutor::new()).http2_only();
    let mut h2 = http.http2();
    h2.timer(TokioTimer::new()).keep_alive_interval(ALIVE_EVERY);
    h2.max_concurrent_streams(STREAMS).max_header_list_size(32 << 10);
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(rpc::answer(&app, request).await) }
    });
    serve(listener, http, LIMITS, service, end).await
}

/// Answers questions between two other tasks of this thread: an evaluation and the beginning of its
/// answer are one task, so nothing older is on its way afterwards.
async fn settle(mut questions: mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
    while let Some(answer) = questions.recv().await {
        let _ = answer.send(());
    }
}

/// Reads the files again when they, or the settings, have changed; for ever.
async fn watch(flags: Arc<Flags>, now: SettingsNow) {
    let mut applied =
        (Some(flags.current().settings.clone()), files::look(&flags.current().settings));
    let mut before = applied.1.clone();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(settings) = now() else { continue };
        let look: Look = files::look(&settings);
        let steady = look == before;
        before.clone_from(&look);
        let seen = (Some(settings), look);
        if !steady || seen == applied {
            continue;
        }
        if let Some(settings) = seen.0.clone() {
            // Reading and compiling take a moment; evaluations go on.
            let flags = Arc::clone(&flags);
            let read = tokio::task::spawn_blocking(move || flags.reload(settings)).await;
            if let Ok(Err(error)) = read {
                tracing::error!("flags not reloaded, the former ones stay in force: {error}");
            }
        }
        applied = seen;
    }
}
