//! A client connection with its buffers: reading, writing and closing.

use super::conn_context::ConnContext;
use crate::buffers::{Buffers, shrink};
use crate::http1::RequestHead;
use crate::transport::Stream;
use crate::watch::Watched;
use crate::worker::Worker;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read and dropped after the last answer, so that a reset does not destroy the
/// answer on its way.
const LINGER_BYTES: usize = 512 * 1024;
/// Time spent on reading them.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Time for the first request of a client that was accepted during a drain.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
/// Time for the client to take an answer of the proxy's own.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Closed connections whose buffers are kept.
const KEEP_CLIENTS: usize = 64;

/// A client connection and its buffers, used again for every request.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) stream: Stream,
    /// Bytes from the client that belong to the present request's head, its body or a later one.
    pub(super) input: Vec<u8>,
    pub(super) head: RequestHead,
    pub(super) watch: Watched,
    pub(super) context: Rc<ConnContext>,
    /// The first bytes may be HTTP/2's preface.
    pub(super) may_be_http2: bool,
    /// Another process can take the connection over.
    pub(super) portable: bool,
    pub(super) up: Vec<u8>,
    pub(super) down: Vec<u8>,
}

/// The fate of the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The next request.
    KeepAlive,
    /// Closed once the client has the answer.
    Close,
    /// Closed at once: the answer is incomplete and must look so.
    Abort,
}

/// The outcome of waiting for bytes.
pub(super) enum More {
    /// Bytes came.
    Bytes,
    /// The client closed, or a drain ends the wait.
    End,
    /// The deadline passed.
    Late,
}

impl Client {
    pub(super) fn new(
        worker: Rc<Worker>,
        stream: Stream,
        watch: Watched,
        context: Rc<ConnContext>,
    ) -> Self {
        let Buffers { input, head, up, down } =
            worker.buffers.borrow_mut().pop().unwrap_or_default();
        Self {
            stream,
            input,
            head,
            watch,
            context,
            may_be_http2: false,
            portable: false,
            up,
            down,
            worker,
        }
    }

    /// Closes the connection and keeps its buffers for another one.
    pub(super) fn put_away(mut self) {
        self.shrink();
        let Self { worker, mut input, head, mut up, mut down, .. } = self;
        let mut kept = worker.buffers.borrow_mut();
        if kept.len() < KEEP_CLIENTS {
            [&mut input, &mut up, &mut down].into_iter().for_each(Vec::clear);
            kept.push(Buffers { input, head, up, down });
        }
    }

    /// Gives the memory of an unusually large request back.
    pub(super) fn shrink(&mut self) {
        shrink([&mut self.input, &mut self.up, &mut self.down]);
    }

    /// Returns whether another process takes the connection over as soon as no request is in
    /// progress.
    pub(super) fn is_handed_over(&self) -> bool {
        self.portable && self.worker.draining.get() && self.worker.shared.handover.get().is_some()
    }

    /// Reads once. A drain ends the wait unless a request is `promised`: the client has begun to
    /// send one, or was just accepted.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>, promised: bool) -> Poll<More> {
        if self.worker.draining.get() && promised && self.input.is_empty() && !self.is_handed_over()
        {
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
        let over = self.worker.draining.get() && !promised && !self.is_handed_over();
        if over { Poll::Ready(More::End) } else { Poll::Pending }
    }

    /// Writes all of `bytes`; false when the client is gone or does not read.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> bool {
        self.watch.set(WRITE_TIME);
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

    /// Closes the sending side, and reads and drops for a while what the client still sends.
    pub(super) async fn linger(&mut self) {
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
}
