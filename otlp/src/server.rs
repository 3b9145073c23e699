//! The listener, on a thread of its own.

use crate::access::Sender;
use crate::book::{Book, Emit, Price};
use crate::receive::{Receiver, now_ms};
use crate::relay::{Forward, Relay};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use stagegate_listener::{End, HEAD_TIMEOUT, Limits, Server, serve};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// Most connections at a time.
const CONNECTIONS: usize = 4096;
/// Pause between two signs of life of an HTTP/2 connection.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// Exports of one HTTP/2 connection at a time.
const STREAMS: u32 = 32;
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
    let relay = settings.forward.map(Relay::new);
    let receiver = Receiver::new(Arc::clone(&book), senders, relay, settings.max_body);
    Server::start("otlp", move |end| {
        begin();
        run(listener, receiver, book, (price, emit), end)
    })
}

async fn run(
    listener: TcpListener,
    receiver: Receiver,
    book: Arc<Book>,
    (mut price, emit): (Price, Emit),
    end: End,
) {
    let receiver = Arc::new(receiver);
    let service = service_fn(move |request| {
        let receiver = Arc::clone(&receiver);
        async move { Ok::<_, Infallible>(receiver.answer(request).await) }
    });
    let limits = Limits { connections: CONNECTIONS, of: "a sender of traces" };
    let serving = serve(listener, http(), limits, service, end);
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

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let mut h2 = http.http2();
    h2.timer(TokioTimer::new()).keep_alive_interval(ALIVE_EVERY);
    h2.max_concurrent_streams(STREAMS).max_header_list_size(32 << 10);
    http
}
