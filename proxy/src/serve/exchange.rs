//! One request and its answer between two connections, both directions at once.
//!
//! Nothing is buffered beyond one read: bytes go out when they come in, and a side that does not
//! take them stops the other from being read.

use super::MAX_AHEAD;
use super::call::{Call, Decision};
use crate::http1::{
    AnswerAs, BodyError, BodyLength, BodyReader, HeadLimits, Piece, RequestHead, ResponseHead,
    Status, client_head,
};
use crate::identity::{Learner, learns_from};
use crate::plan::Timeouts;
use crate::problem::Problem;
use crate::watch::Watched;
use crate::worker::Worker;
use stagegate_rollout::Arm;
use std::io::{IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The whole answer reached the client.
    Done {
        /// The client may send another request.
        keep_client: bool,
        /// The upstream connection may carry another request.
        keep_upstream: bool,
    },
    /// Nothing was sent, and the plan has changed: decide again.
    Outdated,
    /// The connection was dead: no byte of an answer came, and the request can be sent again.
    Stale,
    /// No byte of an answer reached the client; this is the answer instead.
    Refused(Problem),
    /// The client left, or does not read.
    ClientGone,
    /// The answer broke off after it had begun.
    Broken,
    /// A rollback ended the answer.
    Cut,
    /// The protocol was switched.
    Upgraded,
}

/// An exchange under way.
pub(super) struct Exchange<'a> {
    pub(super) worker: &'a Worker,
    pub(super) watch: &'a Watched,
    pub(super) client: &'a mut TcpStream,
    pub(super) upstream: &'a mut TcpStream,
    pub(super) request: &'a RequestHead,
    pub(super) call: &'a mut Call,
    pub(super) decision: &'a Decision,
    pub(super) timeouts: Timeouts,
    pub(super) body_limit: u64,
    /// The connection carried a request before, so it may be dead.
    pub(super) reused: bool,
    /// The worker's time at which the whole request is over.
    pub(super) over_ms: u64,
    pub(super) sending: Sending<'a>,
    pub(super) receiving: Receiving<'a>,
}

/// The way of the request.
pub(super) struct Sending<'a> {
    /// What the client sent; the body's first bytes begin at `at`.
    input: &'a mut Vec<u8>,
    at: usize,
    body: BodyReader,
    out: &'a mut Vec<u8>,
    written: usize,
    /// A byte was written.
    begun: bool,
    /// Bytes went on that are no longer in `input`, so the request cannot be sent again.
    beyond_input: bool,
    /// The upstream takes no more; its answer may still come.
    broken: bool,
    body_bytes: u64,
}

/// The way of the answer.
pub(super) struct Receiving<'a> {
    out: &'a mut Vec<u8>,
    written: usize,
    /// A byte of the answer was written to the client.
    begun: bool,
    /// A head that came in pieces.
    partial: Vec<u8>,
    answer: Option<Answer>,
    /// An interim answer came.
    interim: bool,
    finished: bool,
    pub(super) learner: Option<Learner>,
    pub(super) learned: Option<String>,
}

/// An answer whose head has come.
struct Answer {
    body: BodyReader,
    coding: Coding,
    keep_upstream: bool,
    keep_client: bool,
}

/// How the answer's body goes to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// As it is.
    Plain,
    /// Chunked, as it came.
    Chunks,
    /// Chunked, though it came until close.
    IntoChunks,
    /// Upgraded: no body, but a tunnel.
    Tunnel,
}

impl<'a> Sending<'a> {
    /// `out` holds the head to send; the body's first bytes are in `input` from `at` on.
    pub(super) fn new(
        input: &'a mut Vec<u8>,
        at: usize,
        length: BodyLength,
        out: &'a mut Vec<u8>,
    ) -> Self {
        Self {
            input,
            at,
            body: BodyReader::new(length),
            out,
            written: 0,
            begun: false,
            beyond_input: false,
            broken: false,
            body_bytes: 0,
        }
    }

    /// Where in the input the next request begins.
    pub(super) fn consumed(&self) -> usize {
        self.at
    }

    pub(super) fn is_replayable(&self) -> bool {
        !self.beyond_input
    }

    /// Takes body bytes off `bytes`, appends what goes out, and says how many were taken.
    fn encode(&mut self, bytes: &[u8]) -> Result<usize, BodyError> {
        let mut rest = bytes;
        loop {
            match self.body.read(&mut rest)? {
                Piece::Data(data) => {
                    self.body_bytes += data.len() as u64;
                    self.out.extend_from_slice(data);
                }
                Piece::ChunkStart(size) => {
                    let _ = write!(self.out, "{size:x}\r\n");
                }
                Piece::ChunkEnd => self.out.extend_from_slice(b"\r\n"),
                Piece::Trailers => {
                    self.out.extend_from_slice(b"0\r\n");
                    self.out.extend_from_slice(self.body.trailers());
                    self.out.extend_from_slice(b"\r\n");
                }
                Piece::End | Piece::More => break,
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Whether body bytes wait in the input.
    fn has_input(&self) -> bool {
        !self.is_done() && self.at < self.input.len()
    }

    fn encode_input(&mut self) -> Result<(), BodyError> {
        let input = std::mem::take(self.input);
        let taken = self.encode(&input[self.at..]);
        *self.input = input;
        self.at += taken?;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.body.is_done()
    }

    fn is_flushed(&self) -> bool {
        self.broken || (self.is_done() && self.written == self.out.len())
    }
}

impl<'a> Receiving<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, learner: Option<Learner>) -> Self {
        out.clear();
        Self {
            out,
            written: 0,
            begun: false,
            partial: Vec::new(),
            answer: None,
            interim: false,
            finished: false,
            learner,
            learned: None,
        }
    }

    /// Whether the client has seen anything of an answer.
    fn has_answered(&self) -> bool {
        self.answer.is_some()
    }
}

impl Exchange<'_> {
    /// Drives the exchange.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if !self.sending.begun && !self.worker.is_current(&self.decision.plan) {
            return Poll::Ready(End::Outdated);
        }
        match self.step(cx) {
            Ok(()) => {}
            Err(end) => return Poll::Ready(end),
        }
        if self.watch.is_cut() {
            return Poll::Ready(if self.receiving.has_answered() {
                End::Cut
            } else {
                End::Refused(Problem::UpstreamReset)
            });
        }
        if self.watch.poll_due(cx) { Poll::Ready(self.late()) } else { Poll::Pending }
    }

    /// Moves everything that can be moved.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            let sent = self.send(cx)?;
            let received = self.receive(cx)?;
            if self.receiving.finished {
                return Err(self.end());
            }
            if !sent && !received {
                return self.watch_client(cx);
            }
            self.set_deadline();
        }
    }

    /// Sets the deadline of the step that is waited for.
    pub(super) fn set_deadline(&self) {
        let sending = &self.sending;
        let step = self.watch.after(match (self.receiving.has_answered(), sending.is_flushed()) {
            (false, true) => self.timeouts.first_byte,
            // Everything that came went on: the client has the word.
            (false, false) if sending.written == sending.out.len() => {
                self.worker.shared.settings.body_idle
            }
            _ => self.timeouts.idle,
        });
        self.watch.set_at(step.min(self.over_ms));
    }

    /// What a passed deadline means.
    fn late(&self) -> End {
        let client_is_slow = self.receiving.written < self.receiving.out.len();
        let total = self.worker.watches.now_ms() >= self.over_ms;
        match (self.receiving.has_answered(), self.sending.is_flushed()) {
            _ if client_is_slow && !total => End::ClientGone,
            (true, _) => End::Broken,
            (false, _) if total => End::Refused(Problem::TotalTimeout),
            (false, true) => End::Refused(Problem::FirstByteTimeout),
            // The upstream does not take the request, or the client does not send it.
            (false, false) if self.sending.written < self.sending.out.len() => {
                End::Refused(Problem::FirstByteTimeout)
            }
            (false, false) => End::Refused(Problem::RequestTimeout),
        }
    }

    /// Sends what can be sent of the request; true on progress.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = false;
        loop {
            if self.sending.broken {
                return Ok(progress);
            }
            if self.sending.has_input() {
                self.sending.encode_input().map_err(|_| self.bad_body())?;
                self.check_body_limit()?;
            }
            if self.flush_request(cx, &mut progress) {
                return Ok(progress);
            }
            if self.sending.has_input() {
                continue;
            }
            if self.sending.is_done() || !self.read_client(cx)? {
                return Ok(progress);
            }
            progress = true;
        }
    }

    /// Writes gathered request bytes; true when the upstream takes no more for now.
    fn flush_request(&mut self, cx: &mut Context<'_>, progress: &mut bool) -> bool {
        let sending = &mut self.sending;
        while sending.written < sending.out.len() {
            match Pin::new(&mut *self.upstream).poll_write(cx, &sending.out[sending.written..]) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    if !sending.begun && self.decision.arm == Arm::Candidate {
                        self.worker.sent_to_candidate(&self.decision.workload().prepared.name);
                    }
                    sending.begun = true;
                    sending.written += n;
                    *progress = true;
                }
                // An answer may have been sent before the connection was closed: read on.
                Poll::Ready(_) => {
                    sending.broken = true;
                    return true;
                }
                Poll::Pending => return true,
            }
        }
        sending.out.clear();
        sending.written = 0;
        false
    }

    /// Reads more of the body from the client; false when there is none now.
    fn read_client(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let worker = self.worker;
        let mut buffer = worker.read_buffer.borrow_mut();
        let mut read = ReadBuf::new(&mut buffer);
        match Pin::new(&mut *self.client).poll_read(cx, &mut read) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
            Poll::Ready(_) => return Err(End::ClientGone),
        }
        let bytes = read.filled();
        self.sending.beyond_input = true;
        let taken = self.sending.encode(bytes).map_err(|_| self.bad_body())?;
        // Input was used up, or nothing would have been read: what is left is the next request.
        self.sending.input.extend_from_slice(&bytes[taken..]);
        self.check_body_limit()?;
        Ok(true)
    }

    fn check_body_limit(&self) -> Result<(), End> {
        if self.sending.body_bytes <= self.body_limit {
            return Ok(());
        }
        Err(if self.receiving.has_answered() {
            End::Broken
        } else {
            End::Refused(Problem::BodyTooLarge)
        })
    }

    fn bad_body(&self) -> End {
        if self.receiving.has_answered() {
            return End::Broken;
        }
        End::Refused(Problem::BadRequest("body breaks its framing"))
    }

    /// While nothing else moves: notices that the client leaves, and reads ahead a little.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let sending = &mut self.sending;
        while (sending.is_done() || sending.broken) && sending.input.len() - sending.at < MAX_AHEAD
        {
            let mut buffer = self.worker.read_buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *self.client).poll_read(cx, &mut read) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    sending.input.extend_from_slice(read.filled());
                }
                Poll::Ready(_) => return Err(End::ClientGone),
            }
        }
        Ok(())
    }

    /// Passes on what can be passed on of the answer; true on progress.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = false;
        loop {
            if !self.flush_answer(cx, &[], &mut progress)? {
                return Ok(progress);
            }
            if self.answer_is_over() {
                self.receiving.finished = true;
                return Ok(true);
            }
            let worker = self.worker;
            let mut buffer = worker.read_buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *self.upstream).poll_read(cx, &mut read) {
                Poll::Pending => return Ok(progress),
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    progress = true;
                    self.take_answer(cx, read.filled(), &mut progress)?;
                }
                Poll::Ready(ended) => {
                    self.upstream_ended(ended.is_ok())?;
                    progress = true;
                }
            }
        }
    }

    fn answer_is_over(&self) -> bool {
        self.receiving
            .answer
            .as_ref()
            .is_some_and(|answer| answer.body.is_done() || answer.coding == Coding::Tunnel)
    }

    /// Writes gathered answer bytes and then `more`, what cannot be written of it is gathered.
    /// False when the client takes no more for now.
    fn flush_answer(
        &mut self,
        cx: &mut Context<'_>,
        mut more: &[u8],
        progress: &mut bool,
    ) -> Result<bool, End> {
        let receiving = &mut self.receiving;
        loop {
            let gathered = &receiving.out[receiving.written..];
            if gathered.is_empty() && more.is_empty() {
                receiving.out.clear();
                receiving.written = 0;
                return Ok(true);
            }
            let client = Pin::new(&mut *self.client);
            let written = match (gathered.is_empty(), more.is_empty()) {
                (false, true) => client.poll_write(cx, gathered),
                (true, _) => client.poll_write(cx, more),
                (false, false) => {
                    client.poll_write_vectored(cx, &[IoSlice::new(gathered), IoSlice::new(more)])
                }
            };
            match written {
                Poll::Ready(Ok(n)) if n > 0 => {
                    let of_gathered = n.min(gathered.len());
                    receiving.written += of_gathered;
                    receiving.begun |= receiving.answer.is_some();
                    more = &more[n - of_gathered..];
                    *progress = true;
                }
                Poll::Ready(_) => return Err(End::ClientGone),
                Poll::Pending => {
                    receiving.out.extend_from_slice(more);
                    return Ok(false);
                }
            }
        }
    }

    /// Takes bytes from the upstream: heads first, then the body.
    fn take_answer(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        progress: &mut bool,
    ) -> Result<(), End> {
        let mut joined = std::mem::take(&mut self.receiving.partial);
        let mut rest = bytes;
        if !joined.is_empty() {
            joined.extend_from_slice(bytes);
            rest = &joined;
        }
        while self.receiving.answer.is_none() {
            let settings = &self.worker.shared.settings;
            let limits =
                HeadLimits { bytes: settings.header_bytes.max(64 * 1024), fields: usize::MAX };
            let malformed = |why| End::Refused(Problem::UpstreamMalformed(why));
            match ResponseHead::parse(rest, self.request.is_head, limits, Vec::new())
                .map_err(malformed)?
            {
                Status::Partial => {
                    self.receiving.partial = rest.to_vec();
                    return Ok(());
                }
                Status::Complete(head) => {
                    let (of_head, after) = rest.split_at(head.len);
                    self.take_head(of_head, &head)?;
                    rest = after;
                }
            }
        }
        self.take_body(cx, rest, progress)
    }

    fn take_head(&mut self, bytes: &[u8], head: &ResponseHead) -> Result<(), End> {
        let receiving = &mut self.receiving;
        if head.is_interim() {
            // HTTP/1.0 knows no interim answers.
            if self.request.http_11 {
                client_head(receiving.out, bytes, head, None);
            }
            receiving.interim = true;
            return Ok(());
        }
        let upgrade = head.status == 101;
        if upgrade && self.request.upgrade.is_none() {
            return Err(End::Refused(Problem::UpstreamMalformed(
                "switches protocols without being asked",
            )));
        }
        let until_close = head.body == BodyLength::UntilClose;
        let http_11 = self.request.http_11;
        let coding = match head.body {
            _ if upgrade => Coding::Tunnel,
            BodyLength::Chunked if http_11 => Coding::Chunks,
            BodyLength::UntilClose if http_11 => Coding::IntoChunks,
            _ => Coding::Plain,
        };
        // An HTTP/1.0 client learns of the end of a body of unknown length only by the close.
        let ends_by_close = !http_11 && (until_close || head.body == BodyLength::Chunked);
        let keep_client = self.request.keep_alive && !ends_by_close && !self.worker.draining.get();
        let answer = AnswerAs {
            request_id: &self.call.id,
            chunked: matches!(coding, Coding::Chunks | Coding::IntoChunks),
            close: !keep_client,
            http_11,
            upgrade,
        };
        client_head(receiving.out, bytes, head, Some(&answer));
        self.call.first_byte_us = self.call.elapsed_us().max(1);
        self.call.status = head.status;
        if receiving.learner.is_some() {
            receiving.learned = Learner::from_head(bytes, head);
            if receiving.learned.is_some() || !learns_from(bytes, head) {
                receiving.learner = None;
            }
        }
        let body = BodyReader::new(if upgrade { BodyLength::None } else { head.body });
        receiving.answer = Some(Answer {
            body,
            coding,
            keep_upstream: head.keep_alive && !until_close,
            keep_client,
        });
        Ok(())
    }

    fn take_body(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        progress: &mut bool,
    ) -> Result<(), End> {
        let mut rest = bytes;
        loop {
            let receiving = &mut self.receiving;
            let Some(answer) = &mut receiving.answer else { return Ok(()) };
            let out = &mut *receiving.out;
            // Once a byte is out, all that is left of a broken body is to break off.
            let broken = if receiving.begun {
                End::Broken
            } else {
                End::Refused(Problem::UpstreamMalformed("body breaks its framing"))
            };
            match (answer.body.read(&mut rest).map_err(|_| broken)?, answer.coding) {
                (Piece::Data(data), coding) => {
                    self.call.bytes_out += data.len() as u64;
                    if let Some(id) =
                        receiving.learner.as_mut().and_then(|learner| learner.feed(data))
                    {
                        receiving.learned = Some(id);
                    }
                    match coding {
                        Coding::Chunks => out.extend_from_slice(data),
                        Coding::IntoChunks => {
                            let _ = write!(out, "{:x}\r\n", data.len());
                            out.extend_from_slice(data);
                            out.extend_from_slice(b"\r\n");
                        }
                        // What the client does not take at once is gathered, at most one read's worth.
                        Coding::Plain | Coding::Tunnel => {
                            self.flush_answer(cx, data, progress)?;
                        }
                    }
                }
                (Piece::ChunkStart(size), Coding::Chunks) => {
                    let _ = write!(out, "{size:x}\r\n");
                }
                (Piece::ChunkEnd, Coding::Chunks) => out.extend_from_slice(b"\r\n"),
                (Piece::Trailers, Coding::Chunks) => {
                    out.extend_from_slice(b"0\r\n");
                    out.extend_from_slice(answer.body.trailers());
                    out.extend_from_slice(b"\r\n");
                }
                (Piece::ChunkStart(_) | Piece::ChunkEnd | Piece::Trailers, _) => {}
                (Piece::End, Coding::Tunnel) => {
                    out.extend_from_slice(rest);
                    return Ok(());
                }
                (Piece::End, _) => {
                    // Bytes after the answer belong to nothing: do not use the connection again.
                    answer.keep_upstream &= rest.is_empty();
                    return Ok(());
                }
                (Piece::More, _) => return Ok(()),
            }
        }
    }

    /// The upstream closed (cleanly or not) where it was to send something.
    fn upstream_ended(&mut self, clean: bool) -> Result<(), End> {
        let Some(answer) = &mut self.receiving.answer else {
            let nothing_came = self.receiving.partial.is_empty() && !self.receiving.interim;
            if nothing_came && self.reused && self.sending.is_replayable() {
                return Err(End::Stale);
            }
            return Err(End::Refused(Problem::UpstreamReset));
        };
        if !answer.body.ends_with_connection() || !clean {
            return Err(End::Broken);
        }
        answer.body = BodyReader::new(BodyLength::None);
        if answer.coding == Coding::IntoChunks {
            self.receiving.out.extend_from_slice(b"0\r\n\r\n");
        }
        Ok(())
    }

    fn end(&self) -> End {
        let Some(answer) = &self.receiving.answer else { return End::Broken };
        if answer.coding == Coding::Tunnel {
            return End::Upgraded;
        }
        let sent = self.sending.is_done() && self.sending.is_flushed() && !self.sending.broken;
        End::Done {
            keep_client: answer.keep_client && sent,
            keep_upstream: answer.keep_upstream && sent,
        }
    }
}
