//! One client connection: heads in, requests on, answers back, until one side has enough.

mod answer;
mod call;
mod connect;
mod exchange;
mod inspect;
mod multiplex;
mod observe;
mod request;
mod resilience;
mod shadow;
mod traced;
mod tunnel;
mod welcome;

pub(crate) use shadow::{Shadow, shadows};

use crate::heir::Leaving;
use crate::http1::{Forwarding, HeadLimits, RequestHead, Status};
use crate::http2::PREFACE;
use crate::problem::Problem;
use crate::tls::Names;
use crate::transport::{Arrival, Stream, Wire};
use crate::watch::Watched;
use crate::worker::{Live, Worker};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use welcome::{Http2, Welcomed, welcome};

/// Bytes of later requests that are read while one is under way.
const MAX_AHEAD: usize = 64 * 1024;
/// Bytes and time spent on what a client still sends after its last answer, so that a reset does
/// not take the answer back.
const LINGER_BYTES: usize = 512 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Time a client that was let in during a drain has to say what it wants.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// Buffers larger than this are given back between requests.
const KEEP_BUFFER: usize = 16 * 1024;
/// Clients whose buffers are kept for those who come.
const KEEP_CLIENTS: usize = 64;

/// What happens to the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The next request.
    KeepAlive,
    /// Closed once the client has the answer.
    Close,
    /// Closed at once: the answer is incomplete and must look so.
    Abort,
}

/// A client connection and its buffers, used again for every request.
struct Client {
    worker: Rc<Worker>,
    stream: Stream,
    /// Bytes from the client that belong to the present request's head, its body or a later one.
    input: Vec<u8>,
    head: RequestHead,
    watch: Watched,
    guest: Rc<Guest>,
    /// The first bytes may turn out to be HTTP/2's preface.
    may_be_http2: bool,
    /// Another process could go on with it.
    portable: bool,
    up: Vec<u8>,
    down: Vec<u8>,
}

/// A client's buffers, for the next one.
#[derive(Default)]
pub(crate) struct Buffers {
    input: Vec<u8>,
    head: RequestHead,
    up: Vec<u8>,
    down: Vec<u8>,
}

/// What holds for every request of one connection.
struct Guest {
    /// What is passed on of who the client is.
    forwarding: Forwarding,
    /// The names of its certificate, which was verified.
    names: Option<Names>,
}

/// Serves one client connection to its end.
pub(crate) async fn connection(worker: Rc<Worker>, arrival: Arrival, live: Live) {
    let watch = worker.watches.add();
    let (door, used) = (Arc::clone(&arrival.door), arrival.begun.used);
    let Welcomed { wire, mut guest, http2 } = match welcome(&worker, arrival, &watch).await {
        Ok(welcomed) => welcomed,
        Err(reason) => {
            if let Some(reason) = reason {
                worker.stats.borrow_mut().refuse(None, reason);
            }
            return;
        }
    };
    if http2 == Http2::Agreed {
        guest.forwarding.http2 = true;
        return multiplex::connection(worker, wire, watch, guest, live).await;
    }
    let mut client = Client::new(Rc::clone(&worker), Stream::Wire(wire), watch, Rc::new(guest));
    client.may_be_http2 = http2 == Http2::Allowed;
    client.portable = door.is_portable();
    let served = client.serve(!used).await;
    if let Served::Leaving { used } = served {
        client.leave(door.place, used);
    } else if served == Served::Http2 {
        let Client { stream, input, watch, guest, .. } = client;
        let (Stream::Wire(mut wire), Ok(mut guest)) = (stream, Rc::try_unwrap(guest)) else {
            return;
        };
        wire.put_back(input);
        guest.forwarding.http2 = true;
        return multiplex::connection(worker, wire, watch, guest, live).await;
    } else {
        client.put_away();
    }
    drop(live);
}

/// How serving a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    /// It is over.
    Over,
    /// It begins with HTTP/2's preface, and nothing was done yet.
    Http2,
    /// Another process goes on with it.
    Leaving {
        /// It has had a request.
        used: bool,
    },
}

impl Client {
    fn new(worker: Rc<Worker>, stream: Stream, watch: Watched, guest: Rc<Guest>) -> Self {
        let Buffers { input, head, up, down } =
            worker.buffers.borrow_mut().pop().unwrap_or_default();
        Self {
            stream,
            input,
            head,
            watch,
            guest,
            may_be_http2: false,
            portable: false,
            up,
            down,
            worker,
        }
    }

    /// Ends it, and keeps its buffers for the next one.
    fn put_away(mut self) {
        self.shrink();
        let Self { worker, mut input, head, mut up, mut down, .. } = self;
        let mut kept = worker.buffers.borrow_mut();
        if kept.len() < KEEP_CLIENTS {
            [&mut input, &mut up, &mut down].into_iter().for_each(Vec::clear);
            kept.push(Buffers { input, head, up, down });
        }
    }
}

impl Client {
    async fn serve(&mut self, mut first: bool) -> Served {
        loop {
            match self.read_head(first).await {
                Ok(Head::Whole) => {}
                Ok(Head::None) => return Served::Over,
                Ok(Head::Preface) => return Served::Http2,
                Ok(Head::Elsewhere) => return Served::Leaving { used: !first },
                Err(problem) => {
                    self.worker.stats.borrow_mut().refuse(None, problem.reason());
                    if self.write(&problem.answer("", true, true)).await {
                        self.linger().await;
                    }
                    return Served::Over;
                }
            }
            first = false;
            match self.request().await {
                // One request of an HTTP/2 client is all there is: bytes after it are no request.
                After::KeepAlive if matches!(self.stream, Stream::Incoming(_)) => {
                    return Served::Over;
                }
                After::KeepAlive => self.shrink(),
                After::Close => {
                    self.linger().await;
                    return Served::Over;
                }
                After::Abort => return Served::Over,
            }
        }
    }

    /// Reads until a whole head is in `input`.
    async fn read_head(&mut self, first: bool) -> Result<Head, Problem> {
        let settings = self.worker.shared.settings.load();
        let limits = HeadLimits { bytes: settings.header_bytes, fields: settings.headers };
        let (header_timeout, keep_alive) = (settings.header_timeout, settings.keep_alive);
        drop(settings);
        let mut started = false;
        self.watch.set(if first { header_timeout } else { keep_alive });
        loop {
            if self.leaves() {
                return Ok(Head::Elsewhere);
            }
            // Empty lines before a request are ignored (RFC 9112 2.2).
            let empty = self.input.chunks_exact(2).take_while(|line| *line == b"\r\n").count() * 2;
            self.input.drain(..empty);
            if !self.input.is_empty() {
                match self.preface().filter(|_| first) {
                    Some(true) => return Ok(Head::Preface),
                    Some(false) => {}
                    None => {
                        if let Status::Complete(()) = self.head.parse(&self.input, limits)? {
                            self.watch.set_at(u64::MAX);
                            return Ok(Head::Whole);
                        }
                    }
                }
                if !started {
                    started = true;
                    self.watch.set(header_timeout);
                }
            }
            let more = poll_fn(|cx| match self.poll_more(cx, started || first) {
                Poll::Pending if self.leaves() => Poll::Ready(None),
                polled => polled.map(Some),
            });
            let Some(more) = more.await else { return Ok(Head::Elsewhere) };
            match more {
                More::Bytes => {}
                More::End => return Ok(Head::None),
                More::Late if started => return Err(Problem::RequestTimeout),
                More::Late => return Ok(Head::None),
            }
        }
    }

    /// Whether another process goes on with the connection as soon as no request is under way.
    fn leaves(&self) -> bool {
        self.portable && self.worker.draining.get() && self.worker.shared.heir.get().is_some()
    }

    /// Gives the connection to the process that comes after this one.
    fn leave(self, listener: usize, used: bool) {
        let Self { stream: Stream::Wire(Wire::Plain(plain)), mut input, worker, .. } = self else {
            return;
        };
        let (Some(heir), Ok((socket, ahead))) = (worker.shared.heir.get(), plain.into_parts())
        else {
            return;
        };
        input.extend(ahead);
        heir(Leaving { listener, socket, used, read: input });
    }

    /// Whether the input is HTTP/2's preface (true) or may become it (false).
    fn preface(&self) -> Option<bool> {
        let length = self.input.len().min(PREFACE.len());
        let begins = self.may_be_http2 && self.input[..length] == PREFACE[..length];
        begins.then_some(length == PREFACE.len())
    }

    /// Reads once. A drain ends the wait only where nothing was `promised`: neither by a client
    /// that has begun to speak nor to one that has just been let in.
    fn poll_more(&mut self, cx: &mut Context<'_>, promised: bool) -> Poll<More> {
        if self.worker.draining.get() && promised && self.input.is_empty() && !self.leaves() {
            self.watch.at_most(DRAIN_GRACE);
        }
        let mut buffer = self.worker.read_buffer.borrow_mut();
        let mut buffer = ReadBuf::new(&mut buffer);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.input.extend_from_slice(buffer.filled());
                return Poll::Ready(More::Bytes);
            }
            Poll::Ready(_) => return Poll::Ready(More::End),
            Poll::Pending => {}
        }
        if self.watch.poll_due(cx) {
            return Poll::Ready(More::Late);
        }
        let over = self.worker.draining.get() && !promised && !self.leaves();
        if over { Poll::Ready(More::End) } else { Poll::Pending }
    }

    /// Writes all of `bytes`; false when the client has left or does not read.
    async fn write(&mut self, mut bytes: &[u8]) -> bool {
        self.watch.set(Duration::from_secs(10));
        let written = poll_fn(|cx| {
            while !bytes.is_empty() {
                if self.watch.poll_due(cx) {
                    return Poll::Ready(false);
                }
                match ready!(Pin::new(&mut self.stream).poll_write(cx, bytes)) {
                    Ok(n) if n > 0 => bytes = &bytes[n..],
                    _ => return Poll::Ready(false),
                }
            }
            if self.watch.poll_due(cx) {
                return Poll::Ready(false);
            }
            Poll::Ready(ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_ok())
        })
        .await;
        self.watch.set_at(u64::MAX);
        written
    }

    /// Says that nothing more will come, and reads a while what the client still has to say.
    async fn linger(&mut self) {
        self.watch.set(LINGER_TIME);
        let mut left = LINGER_BYTES;
        let _ = poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await;
        while left > 0 {
            self.input.clear();
            match poll_fn(|cx| self.poll_more(cx, true)).await {
                More::Bytes => left = left.saturating_sub(self.input.len()),
                More::End | More::Late => return,
            }
        }
    }

    fn shrink(&mut self) {
        for buffer in [&mut self.input, &mut self.up, &mut self.down] {
            if buffer.capacity() > KEEP_BUFFER {
                buffer.shrink_to(KEEP_BUFFER / 4);
            }
        }
    }
}

/// What came of waiting for a head.
enum Head {
    /// It is in the input.
    Whole,
    /// The client has left, or there is no next request to wait for.
    None,
    /// The input is the beginning of an HTTP/2 connection.
    Preface,
    /// Another process reads it.
    Elsewhere,
}

/// What came of waiting for bytes.
enum More {
    Bytes,
    End,
    Late,
}
