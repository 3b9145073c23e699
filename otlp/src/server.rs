//! The listener, on a thread of its own.

use crate::access::Sender;
use crate::book::{Book, Emit, Price};
use crate::receive::{Receiver, now_ms};
use crate::relay::{Forward, Relay};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Most connections at a time.
const CONNECTIONS: usize = 4096;
/// Longest time from a connection's start to the end of a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two signs of life of an HTTP/2 connection.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// Exports of one HTTP/2 connection at a time.
const STREAMS: u32 = 32;
/// How long running exports may finish after the end of the server.
const DRAIN: Duration = Duration::from_secs(1);
/// Time between two looks for requests whose time has come.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The senders as they are now; anyone on this machine, if there are none.
pub type SendersNow = Box<dyn Fn() -> Vec<Sender> + Send + Sync>;

/// What does not change while the server runs.
#[derive(Debug)]
pub struct Settings {
    /// Most bytes of one export.
    pub max_body: usize,
    /// Where everything is passed on to.
    pub forward: Option<Forward>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Ends it: running exports may finish, and everything that waits is concluded. Blocks.
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

/// Receives on `listener` into `book`. Requests that are done are priced by `price` and handed to
/// `emit`. `begin` is called on the thread first.
///
/// # Errors
/// When the system refuses a thread or a runtime.
pub fn start(
    listener: TcpListener,
    book: Arc<Book>,
    settings: Settings,
    senders: SendersNow,
    (price, emit): (Price, Emit),
    begin: fn(),
) -> io::Result<Server> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (end, ended) = oneshot::channel::<()>();
    let relay = settings.forward.map(Relay::new);
    let receiver = Receiver::new(Arc::clone(&book), senders, relay, settings.max_body);
    let thread = std::thread::Builder::new().name("otlp".to_owned()).spawn(move || {
        begin();
        runtime.block_on(run(listener, receiver, book, (price, emit), ended));
    })?;
    Ok(Server { end: Some(end), thread: Some(thread) })
}

async fn run(
    listener: TcpListener,
    receiver: Receiver,
    book: Arc<Book>,
    (mut price, emit): (Price, Emit),
    ended: oneshot::Receiver<()>,
) {
    let serving = serve(listener, Arc::new(receiver), ended);
    tokio::pin!(serving);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            served = &mut serving => {
                if let Err(error) = served {
                    tracing::error!(%error, "the receiver of traces has ended");
                }
                break;
            }
            _ = looks.tick() => book.look(now_ms(), &mut price, &emit),
        }
    }
    book.finish(now_ms(), &mut price, &emit);
}

async fn serve(
    listener: TcpListener,
    receiver: Arc<Receiver>,
    mut ended: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut h2 = http.http2();
    h2.timer(TokioTimer::new()).keep_alive_interval(ALIVE_EVERY);
    h2.max_concurrent_streams(STREAMS).max_header_list_size(32 << 10);
    let http = Arc::new(http);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            _ = &mut ended => break,
        };
        let Some((stream, slot)) = accepted else { continue };
        let (http, receiver, watcher) =
            (Arc::clone(&http), Arc::clone(&receiver), graceful.watcher());
        tokio::spawn(async move {
            // Who says nothing at all is not waited for.
            let spoke = tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut [0])).await;
            if !matches!(spoke, Ok(Ok(1))) {
                return;
            }
            let service = service_fn(move |request| {
                let receiver = Arc::clone(&receiver);
                async move { Ok::<_, Infallible>(receiver.answer(request).await) }
            });
            let connection = http.serve_connection(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection of a sender of traces ended");
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
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "connection of a sender of traces not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
