//! One request of an HTTP/2 client, as a connection that carries one HTTP/1.1 request.

use super::broken;
use super::head::{Framing, Malformed, request_text, response};
use super::inlet::Inlet;
use super::outlet::Outlet;
use crate::http1::{BodyLength, HeadLimits, ResponseHead, Status};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Method, Request, Response, StatusCode};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::ReadBuf;

/// A connection's counts of its requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    active: Cell<usize>,
    cancelled: Cell<u32>,
    turns: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

impl Tally {
    /// Requests in progress.
    pub(crate) fn active(&self) -> usize {
        self.active.get()
    }

    /// The connection has sent what there was.
    pub(crate) fn turned(&self) {
        self.turns.set(self.turns.get().wrapping_add(1));
    }

    /// Returns the number of turns of the connection.
    pub(crate) fn turns(&self) -> u32 {
        self.turns.get()
    }

    /// Returns the number of requests that the client cancelled since the last call.
    pub(crate) fn take_cancelled(&self) -> u32 {
        self.cancelled.take()
    }

    /// Wakes the task of `cx` when a request ends.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Incoming {
    request: Inlet,
    answer: ResponseState,
    to_head: bool,
    websocket: bool,
    taken_back: bool,
    tally: Rc<Tally>,
}

#[derive(Debug)]
enum ResponseState {
    /// Bytes of a head that is not complete.
    Head(SendResponse<Bytes>, Vec<u8>),
    Body(Outlet),
    Tunnel(Outlet),
    Done,
}

impl Incoming {
    /// # Errors
    /// When the request cannot be expressed; its stream must be reset.
    pub(crate) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        key: impl FnOnce() -> String,
        tally: Rc<Tally>,
    ) -> Result<Self, (Malformed, SendResponse<Bytes>)> {
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let (text, framing) = match request_text(&head, body.is_end_stream(), key) {
            Ok(translated) => translated,
            Err(malformed) => return Err((malformed, respond)),
        };
        tally.active.set(tally.active.get() + 1);
        Ok(Self {
            to_head: head.method() == Method::HEAD,
            websocket: framing == Framing::Tunnel,
            request: Inlet::new(text, body, framing),
            answer: ResponseState::Head(respond, Vec::new()),
            taken_back: false,
            tally,
        })
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(self.answer, ResponseState::Done) {
            return Poll::Ready(Ok(()));
        }
        if !self.request.is_over() {
            let before = buffer.filled().len();
            let read = self.request.poll_read(cx, buffer);
            self.taken_back |= matches!(read, Poll::Ready(Err(_)));
            if read.is_pending() || buffer.filled().len() > before || self.taken_back {
                return read;
            }
        }
        if matches!(self.answer, ResponseState::Tunnel(_)) {
            return Poll::Ready(Ok(()));
        }
        // The whole request is here. Its client still waits, or takes it back.
        let reset = match &mut self.answer {
            ResponseState::Head(respond, _) => respond.poll_reset(cx),
            ResponseState::Body(outlet) | ResponseState::Tunnel(outlet) => {
                outlet.stream().poll_reset(cx)
            }
            ResponseState::Done => return Poll::Ready(Ok(())),
        };
        match reset {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                self.taken_back = true;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        if let ResponseState::Head(..) = self.answer {
            taken = self.write_head(bytes)?;
            if taken == bytes.len() {
                return Poll::Ready(Ok(taken));
            }
        }
        let written = match &mut self.answer {
            ResponseState::Body(outlet) => outlet.poll_write(cx, &bytes[taken..]),
            ResponseState::Tunnel(outlet) => outlet.poll_write_raw(cx, &bytes[taken..]),
            // Nothing can follow a complete answer.
            ResponseState::Head(..) | ResponseState::Done => {
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
        };
        if matches!(&self.answer, ResponseState::Body(outlet) if outlet.is_over()) {
            self.answer = ResponseState::Done;
        }
        match written {
            Poll::Ready(Ok(more)) => Poll::Ready(Ok(taken + more)),
            Poll::Pending if taken > 0 => Poll::Ready(Ok(taken)),
            other => other,
        }
    }

    /// Returns whether the whole request was read and the whole answer written: nothing is reset
    /// when this is dropped.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.answer, ResponseState::Done) && self.request.is_over()
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let ResponseState::Tunnel(outlet) = &mut self.answer {
            outlet.finish_raw()?;
            self.answer = ResponseState::Done;
        }
        Ok(())
    }

    /// Takes heads off the front of `bytes`; says how many bytes that were.
    fn write_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let ResponseState::Head(respond, partial) = &mut self.answer else { return Ok(0) };
        let mut joined = std::mem::take(partial);
        let mut rest = bytes;
        if !joined.is_empty() {
            joined.extend_from_slice(bytes);
            rest = joined.as_slice();
        }
        let limits = HeadLimits { bytes: usize::MAX, fields: usize::MAX };
        loop {
            let parsed = ResponseHead::parse(rest, self.to_head, limits, Vec::new());
            let Status::Complete(head) = parsed.map_err(io::Error::other)? else {
                *partial = rest.to_vec();
                return Ok(bytes.len());
            };
            let (of_head, after) = rest.split_at(head.len);
            let answer = response(of_head, &head, self.websocket).map_err(io::Error::other)?;
            rest = after;
            if head.is_interim() {
                respond.send_informational(answer).map_err(broken)?;
                continue;
            }
            let left = rest.len();
            self.answer = begin(respond, answer, &head, &mut rest, self.websocket)?;
            let ended_with = left - rest.len();
            return Ok(bytes.len() - left + ended_with);
        }
    }
}

/// Sends the final head. An answer whose whole body is its end goes out as one frame, as some
/// clients want it (gRPC's trailers-only answers).
fn begin(
    respond: &mut SendResponse<Bytes>,
    answer: Response<()>,
    head: &ResponseHead,
    rest: &mut &[u8],
    websocket: bool,
) -> io::Result<ResponseState> {
    const END: &[u8] = b"0\r\n\r\n";
    let opened = websocket && head.status == 101 && answer.status() == StatusCode::OK;
    let empty = head.body == BodyLength::Chunked && *rest == END;
    if empty {
        *rest = &[];
    }
    let ends = !opened && (empty || head.body == BodyLength::None);
    let stream = respond.send_response(answer, ends).map_err(broken)?;
    Ok(match (opened, ends) {
        (true, _) => ResponseState::Tunnel(Outlet::new(stream, BodyLength::UntilClose)),
        (false, true) => ResponseState::Done,
        (false, false) => ResponseState::Body(Outlet::new(stream, head.body)),
    })
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // An answer that is not complete must not look as if it were.
        match &mut self.answer {
            ResponseState::Head(respond, _) => respond.send_reset(Reason::INTERNAL_ERROR),
            ResponseState::Body(outlet) | ResponseState::Tunnel(outlet) => {
                outlet.stream().send_reset(Reason::INTERNAL_ERROR);
            }
            ResponseState::Done => {}
        }
        let tally = &self.tally;
        tally.active.set(tally.active.get() - 1);
        tally.cancelled.set(tally.cancelled.get() + u32::from(self.taken_back));
        if let Some(waker) = tally.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}
