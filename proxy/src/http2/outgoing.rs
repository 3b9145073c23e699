//! One request to an HTTP/2 endpoint, as a connection that carries one HTTP/1.1 request.

use super::broken;
use super::driver::Driver;
use super::head::{Framing, has_body, request, response_text};
use super::inlet::Inlet;
use super::outlet::Outlet;
use super::websocket::{accept, opened_text};
use crate::http1::{BodyLength, HeadLimits, RequestHead, Status};
use bytes::Bytes;
use h2::Reason;
use h2::client::{ResponseFuture, SendRequest};
use http::Response;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    request: Sent,
    answer: ResponseState,
    to_head: bool,
    secure: bool,
    /// The `Sec-WebSocket-Accept` for a client whose WebSocket opens.
    accept: Option<String>,
    /// The endpoint said that it has not looked at the request.
    unprocessed: bool,
    driver: Rc<Driver>,
}

#[derive(Debug)]
enum Sent {
    /// Bytes of a head that is not complete.
    Head(SendRequest<Bytes>, Vec<u8>),
    Body(Outlet),
    /// Bytes of a WebSocket, or of one that may open.
    Tunnel(Outlet),
    Done,
}

#[derive(Debug)]
enum ResponseState {
    /// No request yet.
    None,
    Waiting(ResponseFuture),
    /// An interim answer's text, to be read before anything else.
    Interim(Vec<u8>, ResponseFuture),
    Coming(Inlet),
}

impl Outgoing {
    pub(super) fn new(requests: SendRequest<Bytes>, driver: Rc<Driver>, secure: bool) -> Self {
        Self {
            request: Sent::Head(requests, Vec::new()),
            answer: ResponseState::None,
            to_head: false,
            secure,
            accept: None,
            unprocessed: false,
            driver,
        }
    }

    /// Returns whether the endpoint has certainly not begun with the request, so that it can be
    /// sent again whatever it is (RFC 9113 8.7).
    pub(crate) fn is_unprocessed(&self) -> bool {
        self.unprocessed
    }

    /// Returns whether the endpoint takes WebSockets (RFC 8441 3). One task at a time may ask.
    pub(crate) async fn takes_websockets(&self) -> io::Result<bool> {
        let Sent::Head(requests, _) = &self.request else { return Ok(false) };
        if !requests.is_extended_connect_protocol_enabled() {
            poll_fn(|cx| self.driver.poll_settled(cx)).await?;
        }
        Ok(requests.is_extended_connect_protocol_enabled())
    }

    /// Keeps further requests off the connection.
    pub(crate) fn retire(&self) {
        self.driver.retire();
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        if let Sent::Head(..) = self.request {
            taken = self.write_head(bytes)?;
            self.driver.nudge();
            if taken == bytes.len() {
                return Poll::Ready(Ok(taken));
            }
        }
        let written = match &mut self.request {
            Sent::Body(outlet) => outlet.poll_write(cx, &bytes[taken..]),
            Sent::Tunnel(outlet) => outlet.poll_write_raw(cx, &bytes[taken..]),
            Sent::Head(..) | Sent::Done => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        match written {
            Poll::Ready(Ok(more)) => Poll::Ready(Ok(taken + more)),
            _ if taken > 0 => Poll::Ready(Ok(taken)),
            other => other,
        }
    }

    /// Ends what has no end of its own.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Sent::Tunnel(outlet) = &mut self.request {
            outlet.finish_raw()?;
            self.request = Sent::Done;
        }
        Ok(())
    }

    /// Takes the head off the front of `bytes`; says how many bytes that were.
    fn write_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Sent::Head(requests, partial) = &mut self.request else { return Ok(0) };
        let before = partial.len();
        partial.extend_from_slice(bytes);
        let limits = HeadLimits { bytes: usize::MAX, fields: usize::MAX };
        let mut head = RequestHead::default();
        let parsed = head.parse(partial, limits);
        let parsed = parsed.map_err(|problem| io::Error::other(problem.reason()))?;
        if let Status::Partial = parsed {
            return Ok(bytes.len());
        }
        let asked = request(partial, &head, self.secure).map_err(io::Error::other)?;
        let key =
            head.field(partial, "sec-websocket-key").filter(|_| head.wants_websocket(partial));
        self.accept = key.map(accept);
        let ends = self.accept.is_none() && !has_body(&head);
        let sent = requests.send_request(asked, ends);
        let (answer, stream) = sent.map_err(|error| {
            // It never left this process.
            self.unprocessed = true;
            broken(error)
        })?;
        let taken = head.len - before;
        self.to_head = head.is_head;
        self.answer = ResponseState::Waiting(answer);
        self.request = match head.body.filter(|_| has_body(&head)) {
            _ if self.accept.is_some() => Sent::Tunnel(Outlet::new(stream, BodyLength::UntilClose)),
            Some(length) => Sent::Body(Outlet::new(stream, length)),
            None => Sent::Done,
        };
        debug_assert!(head.body != Some(BodyLength::UntilClose));
        Ok(taken)
    }

    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut self.answer {
                ResponseState::None if self.unprocessed => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                ResponseState::None => return Poll::Pending,
                ResponseState::Coming(inlet) => return inlet.poll_read(cx, buffer),
                ResponseState::Interim(text, _) => {
                    let count = text.len().min(buffer.remaining());
                    buffer.put_slice(&text[..count]);
                    text.drain(..count);
                    if text.is_empty() {
                        self.answer = match std::mem::replace(&mut self.answer, ResponseState::None)
                        {
                            ResponseState::Interim(_, future) => ResponseState::Waiting(future),
                            other => other,
                        };
                    }
                    return Poll::Ready(Ok(()));
                }
                ResponseState::Waiting(_) => ready!(self.poll_head(cx))?,
            }
        }
    }

    /// Takes the answer's head in, or an interim one.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ResponseState::Waiting(future) = &mut self.answer else { return Poll::Ready(Ok(())) };
        if let Poll::Ready(Some(Ok(interim))) = future.poll_informational(cx) {
            let (text, _) = response_text(&interim, true, false).map_err(io::Error::other)?;
            self.answer = match std::mem::replace(&mut self.answer, ResponseState::None) {
                ResponseState::Waiting(future) => ResponseState::Interim(text, future),
                other => other,
            };
            return Poll::Ready(Ok(()));
        }
        let answer = ready!(Pin::new(future).poll(cx)).map_err(|error| {
            let said_no = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
            let gone = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
            self.unprocessed |= error.is_remote() && (said_no || gone);
            broken(error)
        })?;
        let (parts, body) = answer.into_parts();
        let head = Response::from_parts(parts, ());
        let ends = body.is_end_stream();
        let accept = self.accept.as_deref().filter(|_| head.status().is_success());
        let (text, framing) = match accept {
            Some(accept) => opened_text(&head, accept).map(|text| (text, Framing::Tunnel)),
            None => response_text(&head, ends, self.to_head),
        }
        .map_err(io::Error::other)?;
        if framing != Framing::Tunnel {
            // One that does not open a WebSocket gets nothing more; it may be past hearing that.
            let _ = self.finish();
        }
        self.answer = ResponseState::Coming(Inlet::new(text, body, framing));
        Poll::Ready(Ok(()))
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // Dropping the halves of an exchange that is not over resets it.
        self.request = Sent::Done;
        self.answer = ResponseState::None;
        self.driver.stream_ended();
        self.driver.nudge();
    }
}
