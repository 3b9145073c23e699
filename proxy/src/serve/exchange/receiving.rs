//! The answer's direction: from the endpoint to the client.

use super::parts::{Coding, End, Exchange};
use super::turn::Parts;
use crate::http1::{BodyLength, BodyReader, HeadLimits, Piece, Progress, ResponseHead, Status};
use crate::problem::Problem;
use std::io::{IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes up to which copying is cheaper than a vectored write.
const WORTH_COPYING: usize = 8 * 1024;

impl Exchange<'_> {
    /// Passes on what can be passed on of the answer; true on progress.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = std::mem::take(&mut self.receiving.held_back);
        loop {
            if !self.flush_answer(cx, &[], &mut progress)? {
                return Ok(progress);
            }
            if self.answer_is_over() {
                self.receiving.finished = true;
                return Ok(true);
            }
            if self.receiving.share.is_spent() {
                return Ok(progress);
            }
            let worker = self.worker;
            if !self.receiving.later.is_empty() {
                let bytes = std::mem::take(&mut self.receiving.later);
                self.take_body(cx, &bytes, &mut progress)?;
                continue;
            }
            let mut buffer = worker.read_buffer.borrow_mut();
            let mut read = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *self.upstream).poll_read(cx, &mut read) {
                Poll::Pending => return Ok(progress),
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    progress = true;
                    self.receiving.share.reads();
                    let before = self.call.bytes_out;
                    self.take_answer(cx, read.filled(), &mut progress)?;
                    if self.call.bytes_out > before {
                        self.call.chunk_came(worker, self.decision);
                    }
                    if self.receiving.is_gathered() {
                        self.receiving.held_back = true;
                        return Ok(true);
                    }
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
        if more.len() <= WORTH_COPYING && !receiving.out.is_empty() {
            receiving.out.extend_from_slice(std::mem::take(&mut more));
        }
        loop {
            let gathered = &receiving.out[receiving.written..];
            if gathered.is_empty() && more.is_empty() {
                receiving.out.clear();
                receiving.written = 0;
                // What lies on top of a socket may hold bytes back until it can write them.
                let flushed = Pin::new(&mut *self.client).poll_flush(cx);
                receiving.unflushed = flushed.is_pending();
                return match flushed {
                    Poll::Ready(Err(_)) => Err(End::ClientGone),
                    flushed => Ok(flushed.is_ready()),
                };
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
        joined.extend_from_slice(if joined.is_empty() { &[] } else { bytes });
        let mut rest = if joined.is_empty() { bytes } else { joined.as_slice() };
        while self.receiving.answer.is_none() {
            let settings = self.worker.shared.settings.load();
            let limits = HeadLimits {
                bytes: settings.limits.header_bytes.max(64 * 1024),
                fields: usize::MAX,
            };
            if !self.receiving.progress.is_worth_parsing(rest, limits.bytes) {
                let is_all = rest.len() == joined.len();
                self.receiving.partial = if is_all { joined } else { rest.to_vec() };
                return Ok(());
            }
            let malformed = |why| End::Refused(Problem::UpstreamMalformed(why));
            let fields = self.worker.answer_fields.take();
            match ResponseHead::parse(rest, self.request.is_head, limits, fields)
                .map_err(malformed)?
            {
                Status::Partial => {
                    self.receiving.partial = rest.to_vec();
                    return Ok(());
                }
                Status::Complete(head) => {
                    let (of_head, after) = rest.split_at(head.len);
                    self.take_head(of_head, &head)?;
                    self.receiving.progress = Progress::default();
                    self.worker.answer_fields.set(head.fields);
                    rest = after;
                }
            }
        }
        self.take_body(cx, rest, progress)
    }

    /// Counts and observes bytes of the body.
    fn note_data(&mut self, data: &[u8]) {
        self.call.bytes_out += data.len() as u64;
        let (decision, pins) = (self.decision, &self.worker.shared.pins);
        let now_s = self.call.steady_s(pins);
        self.call.observed.data(data, self.worker, |id| decision.pin(pins, &id, now_s));
        self.receiving.gap.passed(data);
        if let Some(tap) = &mut self.call.tap {
            tap.response.add(data);
        }
    }

    fn take_body(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        progress: &mut bool,
    ) -> Result<(), End> {
        let parts = self.receiving.answer.as_ref().map_or(Parts::None, |answer| answer.parts);
        let (mut rest, later) = self.receiving.share.takes(bytes, parts);
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
                    self.note_data(data);
                    let begun = self.receiving.begun;
                    let out = &mut *self.receiving.out;
                    match coding {
                        Coding::Chunks => out.extend_from_slice(data),
                        Coding::IntoChunks => {
                            let _ = write!(out, "{:x}\r\n", data.len());
                            out.extend_from_slice(data);
                            out.extend_from_slice(b"\r\n");
                        }
                        Coding::Plain if !begun && data.len() <= WORTH_COPYING => {
                            out.extend_from_slice(data);
                        }
                        // What the client does not take at once is gathered, at most one read's worth.
                        Coding::Plain | Coding::Tunnel => {
                            self.flush_answer(cx, data, progress)?;
                        }
                    }
                }
                (Piece::ChunkStart(size), Coding::Chunks) => {
                    let _ = write!(out, "{size:x}\r\n");
                    receiving.gap.in_chunk = true;
                }
                (Piece::ChunkEnd, Coding::Chunks) => {
                    out.extend_from_slice(b"\r\n");
                    receiving.gap.in_chunk = false;
                }
                (Piece::Trailers, Coding::Chunks) => {
                    self.call.observed.trailers(answer.body.trailers());
                    if let Some(tap) = &mut self.call.tap {
                        tap.trailers(answer.body.trailers());
                    }
                    out.extend_from_slice(b"0\r\n");
                    out.extend_from_slice(answer.body.trailers());
                    out.extend_from_slice(b"\r\n");
                }
                (Piece::ChunkStart(_) | Piece::ChunkEnd | Piece::Trailers, _) => {}
                (Piece::End, Coding::Tunnel) => {
                    out.extend_from_slice(rest);
                    out.extend_from_slice(later);
                    self.call.early = [rest, later].concat();
                    return Ok(());
                }
                (Piece::End, _) => {
                    // Bytes after the answer belong to nothing: do not use the connection again.
                    answer.keep_upstream &= rest.is_empty() && later.is_empty();
                    return Ok(());
                }
                (Piece::More, _) => {
                    receiving.later.extend_from_slice(later);
                    return Ok(());
                }
            }
        }
    }

    /// The upstream closed (cleanly or not) where it was to send something.
    fn upstream_ended(&mut self, clean: bool) -> Result<(), End> {
        let Some(answer) = &mut self.receiving.answer else {
            let nothing_came = self.receiving.partial.is_empty() && self.receiving.interim == 0;
            let resendable = self.reused || self.upstream.is_unprocessed();
            if nothing_came && resendable && self.sending.is_replayable() {
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
}
