//! The request's direction: from the client to the endpoint.

use super::parts::{End, Exchange};
use crate::problem::Problem;
use stagegate_rollout::Arm;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl Exchange<'_> {
    /// Sends what can be sent of the request; true on progress.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = false;
        loop {
            if self.sending.broken {
                return Ok(progress);
            }
            if self.sending.has_input() && !self.sending.share.is_spent() {
                self.sending.encode_input().map_err(|_| self.bad_body())?;
                self.check_body_limit()?;
            }
            if self.flush_request(cx, &mut progress) {
                return Ok(progress);
            }
            if self.sending.is_done() || self.sending.share.is_spent() {
                return Ok(progress);
            }
            if self.sending.has_input() {
                continue;
            }
            if !self.read_client(cx)? {
                return Ok(progress);
            }
            self.sending.share.reads();
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
