//! The request's direction: from the client to the endpoint.

use super::{End, Exchange};
use crate::http1::{BodyError, BodyLength, BodyReader, Piece};
use crate::problem::Problem;
use crate::shadow_copy::Shadow;
use crate::tap::Copied;
use stagegate_rollout::Arm;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The request's direction.
pub(in crate::serve) struct Sending<'a> {
    /// Bytes from the client; the body's first bytes begin at `at`.
    pub(super) input: &'a mut Vec<u8>,
    pub(super) at: usize,
    pub(super) body: BodyReader,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) written: usize,
    /// Written bytes have not all left yet.
    pub(super) unflushed: bool,
    /// A byte was written.
    pub(super) begun: bool,
    /// Bytes went on that are no longer in `input`, so the request cannot be sent again.
    pub(super) beyond_input: bool,
    /// The upstream takes no more; its answer may still come.
    pub(super) broken: bool,
    pub(super) body_bytes: u64,
    /// A copy of the body, where the exchange was picked for scoring.
    pub(in crate::serve) copy: Option<Copied>,
    /// A copy of the request, where another release is to have one.
    pub(in crate::serve) shadow: Option<Box<Shadow>>,
}

impl<'a> Sending<'a> {
    /// `out` holds the head to send; the body's first bytes are in `input` from `at` on.
    pub(in crate::serve) fn new(
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
            unflushed: false,
            begun: false,
            beyond_input: false,
            broken: false,
            body_bytes: 0,
            copy: None,
            shadow: None,
        }
    }

    /// The place in the input where the next request begins.
    pub(in crate::serve) fn consumed(&self) -> usize {
        self.at
    }

    /// Bytes of the request's body so far.
    pub(in crate::serve) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(in crate::serve) fn is_replayable(&self) -> bool {
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
                    if let Some(copy) = &mut self.copy {
                        copy.add(data);
                    }
                    if let Some(shadow) = &mut self.shadow {
                        shadow.add(data);
                    }
                }
                Piece::ChunkStart(size) => {
                    let _ = write!(self.out, "{size:x}\r\n");
                }
                Piece::ChunkEnd => self.out.extend_from_slice(b"\r\n"),
                Piece::Trailers => {
                    self.out.extend_from_slice(b"0\r\n");
                    self.out.extend_from_slice(self.body.trailers());
                    if let Some(shadow) = &mut self.shadow {
                        shadow.trailers(self.body.trailers());
                    }
                    self.out.extend_from_slice(b"\r\n");
                }
                Piece::End | Piece::More => break,
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Returns whether body bytes wait in the input.
    pub(super) fn has_input(&self) -> bool {
        !self.is_done() && self.at < self.input.len()
    }

    fn encode_input(&mut self) -> Result<(), BodyError> {
        let input = std::mem::take(self.input);
        let taken = self.encode(&input[self.at..]);
        *self.input = input;
        self.at += taken?;
        Ok(())
    }

    pub(super) fn is_done(&self) -> bool {
        self.body.is_done()
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.broken || (self.is_done() && !self.has_unsent())
    }

    /// Returns whether the upstream has not taken all that is ready for it.
    pub(super) fn has_unsent(&self) -> bool {
        self.unflushed || self.written < self.out.len()
    }
}

impl Exchange<'_> {
    /// Sends what can be sent of the request; true on progress.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
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

    /// Hands the copy on once the request is whole and on its way.
    pub(super) fn offer_shadow(&mut self) {
        if self.sending.begun
            && self.sending.is_done()
            && let Some(shadow) = self.sending.shadow.take()
        {
            self.call.shadowed = self.worker.offer_shadow(shadow);
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
        let flushed = Pin::new(&mut *self.upstream).poll_flush(cx);
        sending.unflushed = flushed.is_pending();
        sending.broken = matches!(flushed, Poll::Ready(Err(_)));
        sending.unflushed || sending.broken
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
}
