//! An HTTP/2 connection of a client: each request on it is served like a connection of its own.

use super::client::Client;
use super::conn_context::ConnContext;
use super::welcome::in_time;
use crate::http2::{
    CONNECTION_WINDOW, Gather, Incoming, MAX_STREAMS, SEND_BUFFER, STREAM_WINDOW, Tally,
    websocket_key,
};
use crate::transport::{Conn, Stream};
use crate::watch::Watched;
use crate::worker::{Live, Worker};
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Requests a client may take back within [`FORGIVEN_AFTER`]: far more than people do, far fewer
/// than a flood of resets needs.
const MAX_CANCELLED: u32 = 400;
/// Time after which they are forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);
/// The time that a connection has to end after GOAWAY.
const GOAWAY_GRACE: Duration = Duration::from_secs(5);
/// Turns of others within which the connection has one of its own.
const MAX_TURNS: u32 = 16;
/// Streams that the client reset before we looked at them.
const MAX_PENDING_RESETS: usize = 20;
/// Streams that we had to reset because the client broke the rules.
const MAX_BROKEN: usize = 64;

/// A connection in progress.
struct Multiplex {
    worker: Rc<Worker>,
    context: Rc<ConnContext>,
    watch: Watched,
    out: Gather,
    tally: Rc<Tally>,
    live: Rc<Live>,
    /// True if GOAWAY was sent.
    told: bool,
    /// Nothing is in progress.
    idle: bool,
    /// It was ended for a flood.
    calmed: bool,
    cancelled: u32,
    forgiven_ms: u64,
}

/// Serves the connection to its end.
pub(super) async fn connection(
    worker: Rc<Worker>,
    conn: Conn,
    watch: Watched,
    context: ConnContext,
    live: Live,
) {
    let (header_timeout, header_bytes) = {
        let settings = worker.shared.settings.load();
        (settings.limits.header_timeout, settings.limits.header_bytes)
    };
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(Some(MAX_BROKEN))
        .enable_connect_protocol();
    let pause = worker.flooders.pause(&context.forwarding.peer, worker.watches.now_ms());
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    watch.set(header_timeout);
    let out = Gather::new(conn);
    let mut handshake = pin!(builder.handshake(out.clone()));
    let handshake = poll_fn(|cx| {
        let shaken = handshake.as_mut().poll(cx).map_err(std::io::Error::other);
        // Our settings leave while the client's are awaited.
        let _ = out.poll_send(cx);
        shaken
    });
    let Some(mut connection) = in_time(&watch, handshake).await else {
        return worker.stats.borrow_mut().refuse(None, "http2_preface");
    };
    let mut multiplex = Multiplex {
        tally: Rc::default(),
        live: Rc::new(live),
        told: false,
        idle: false,
        calmed: false,
        cancelled: 0,
        forgiven_ms: 0,
        worker,
        context: Rc::new(context),
        watch,
        out,
    };
    while let Some((request, respond)) = multiplex.next(&mut connection).await {
        multiplex.begin(request, respond);
    }
    // Why it ends is said in its last frame.
    let last = poll_fn(|cx| multiplex.out.poll_send(cx));
    let _ = tokio::time::timeout(GOAWAY_GRACE, last).await;
}

/// Lets the connection send what was written last, before a reset takes back what has not left; not
/// for long, should the client not read.
async fn sent(tally: &Tally) {
    let before = tally.turns();
    for _ in 0..MAX_TURNS {
        if tally.turns() != before {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until the task is woken.
async fn woken() {
    let mut waits = true;
    poll_fn(|_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) }).await;
}

impl Multiplex {
    /// The next request; none at the end of the connection. Once woken, it lets everybody else have
    /// a turn first: what several exchanges have to say then leaves in one write, and the requests
    /// that follow come in one read.
    async fn next(
        &mut self,
        connection: &mut Connection<Gather, Bytes>,
    ) -> Option<(Request<RecvStream>, SendResponse<Bytes>)> {
        loop {
            let polled = poll_fn(|cx| Poll::Ready(self.poll(connection, cx))).await;
            if let Poll::Ready(next) = polled {
                return next;
            }
            woken().await;
            tokio::task::yield_now().await;
        }
    }

    /// The next request, if there is one now; none at the end of the connection.
    fn poll(
        &mut self,
        connection: &mut Connection<Gather, Bytes>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Request<RecvStream>, SendResponse<Bytes>)>> {
        self.tally.register(cx);
        if !self.calmed && self.is_flooded() {
            self.calmed = true;
            self.worker.stats.borrow_mut().refuse(None, "http2_flood");
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            self.remember_flood();
            self.tell();
        }
        if self.worker.draining.get() && !self.told {
            connection.graceful_shutdown();
            self.tell();
        }
        match connection.poll_accept(cx) {
            Poll::Ready(Some(Ok(request))) => return Poll::Ready(Some(request)),
            Poll::Ready(Some(Err(error))) => {
                // Limits of the library: resets before we look, headers without end and the like.
                let flood = error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
                if !self.calmed && flood && error.is_go_away() && error.is_library() {
                    self.remember_flood();
                }
                return Poll::Ready(None);
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if let Poll::Ready(Err(_)) = self.out.poll_send(cx) {
            return Poll::Ready(None);
        }
        self.tally.turned();
        let idle = self.tally.active() == 0;
        if idle && !self.idle {
            let keep_alive = self.worker.shared.settings.load().limits.keep_alive;
            self.watch.set(if self.told { GOAWAY_GRACE } else { keep_alive });
        } else if !idle {
            self.watch.set_at(u64::MAX);
        }
        self.idle = idle;
        if !self.watch.poll_due(cx) {
            return Poll::Pending;
        }
        if self.told {
            return Poll::Ready(None);
        }
        connection.graceful_shutdown();
        self.tell();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The client's next connections wait. Behind a trusted proxy are many clients.
    fn remember_flood(&self) {
        let from = &self.context.forwarding;
        if !from.trusted {
            self.worker.flooders.note(&from.peer, self.worker.watches.now_ms());
        }
    }

    fn tell(&mut self) {
        self.told = true;
        self.watch.set(GOAWAY_GRACE);
    }

    /// Returns whether the client takes back more requests than anyone who wants answers, or sends more
    /// frames that carry nothing.
    fn is_flooded(&mut self) -> bool {
        let now_ms = self.worker.watches.now_ms();
        if self.out.is_flooded(now_ms) {
            return true;
        }
        if now_ms >= self.forgiven_ms {
            self.cancelled = 0;
            self.forgiven_ms = self.watch.after(FORGIVEN_AFTER);
        }
        self.cancelled += self.tally.take_cancelled();
        let flooded = self.cancelled > MAX_CANCELLED;
        if flooded {
            self.cancelled = 0;
        }
        flooded
    }

    /// Serves one request in a task of its own.
    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let worker = Rc::clone(&self.worker);
        let key = || websocket_key(|| worker.ids.borrow_mut().random());
        let incoming = match Incoming::new(request, respond, key, Rc::clone(&self.tally)) {
            Ok(incoming) => Stream::Incoming(Box::new(incoming)),
            Err((_, mut respond)) => {
                respond.send_reset(Reason::PROTOCOL_ERROR);
                return worker.stats.borrow_mut().refuse(None, "bad_request");
            }
        };
        let watch = worker.watches.add();
        let mut client = Client::new(worker, incoming, watch, Rc::clone(&self.context));
        let (live, tally) = (Rc::clone(&self.live), Rc::clone(&self.tally));
        // Boxed before it is a task: its state is large, and a task is moved some times.
        tokio::task::spawn_local(Box::pin(async move {
            client.serve(true).await;
            if !client.stream.is_over() {
                sent(&tally).await;
            }
            client.put_away();
            drop(live);
        }));
    }
}
