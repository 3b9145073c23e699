//! The listener, on a thread of its own.

use crate::access::Access;
use crate::files::{self, Look};
use crate::in_force::Flags;
use crate::routes::{App, router};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use stagegate_settings as settings;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tower::ServiceExt;

/// Most connections at a time.
const CONNECTIONS: usize = 8192;
/// Longest time from a connection's first byte to the end of a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long running answers may finish after the end of the server. Event streams are cut then.
const DRAIN: Duration = Duration::from_secs(1);
/// Time between two looks at the files. A change is taken up once two looks saw the same, so that a
/// file is not read while it is being written.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The settings as they are now; none if the section was removed.
pub type SettingsNow = Box<dyn Fn() -> Option<settings::Flags> + Send>;

/// A running server.
#[derive(Debug)]
pub struct Server {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Ends it, with all connections.
    pub fn stop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves `flags` on `listener`, and watches their files. `now` is asked again and again for the
/// settings.
///
/// # Errors
/// When the system refuses a thread, a runtime or randomness.
pub fn start(listener: TcpListener, flags: Arc<Flags>, now: SettingsNow) -> io::Result<Server> {
    listener.set_nonblocking(true)?;
    let access = Access::new().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (end, ended) = oneshot::channel::<()>();
    let app = App::new(Arc::clone(&flags), access);
    let thread = std::thread::Builder::new().name("flags".to_owned()).spawn(move || {
        runtime.block_on(async {
            let settling = flags.questions().map(|questions| tokio::spawn(settle(questions)));
            let watching = tokio::spawn(watch(flags, now));
            if let Err(error) = serve(listener, app, ended).await {
                tracing::error!(%error, "the server of flags has ended");
            }
            watching.abort();
            settling.inspect(tokio::task::JoinHandle::abort);
        });
    })?;
    Ok(Server { end: Some(end), thread: Some(thread) })
}

async fn serve(
    listener: TcpListener,
    app: App,
    mut ended: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = router(app);
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            _ = &mut ended => break,
        };
        let Some((stream, slot)) = accepted else { continue };
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            router.clone().oneshot(request.map(axum::body::Body::new))
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of a flag client ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
    Ok(())
}

/// Answers questions between two other tasks of this thread: an evaluation and the beginning of its
/// answer are one task, so nothing older is on its way afterwards.
async fn settle(mut questions: mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
    while let Some(answer) = questions.recv().await {
        let _ = answer.send(());
    }
}

/// The next connection and its slot.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "connection of a flag client not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
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
