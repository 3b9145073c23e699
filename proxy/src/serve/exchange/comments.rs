//! Comments in the pauses of a stream of server-sent events, for the client alone.
//!
//! A line that begins with a colon is a comment, which every reader of such a stream drops (WHATWG
//! HTML, 9.2.6). It goes out as a chunk of its own, and only between two events and two chunks of
//! the backend.

use super::parts::{Coding, End, Exchange};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite as _;

/// A comment without an empty line behind it, which some readers would take for the end of an event.
const COMMENT: &[u8] = b"2\r\n:\n\r\n";

impl Exchange<'_> {
    /// The worker's time of the next comment.
    pub(super) fn next_comment_ms(&self) -> u64 {
        match self.timeouts.stream_keep_alive.filter(|_| self.may_comment()) {
            Some(pause) => self.watch.after(pause),
            None => u64::MAX,
        }
    }

    fn may_comment(&self) -> bool {
        let receiving = &self.receiving;
        let chunked = receiving
            .answer
            .as_ref()
            .is_some_and(|answer| matches!(answer.coding, Coding::Chunks | Coding::IntoChunks));
        chunked
            && self.call.observed.takes_comments()
            && receiving.gap.is_between()
            && !receiving.is_held_up()
    }

    /// Sends a comment, and sets the time of the next one. The pause itself goes on.
    pub(super) fn comment(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if self.may_comment() {
            self.tell(COMMENT, cx)?;
        }
        self.watch.set_at(self.late_ms.min(self.next_comment_ms()));
        Ok(())
    }

    /// Sends words of the proxy's own to the client, as far as they go out now.
    pub(super) fn tell(&mut self, words: &[u8], cx: &mut Context<'_>) -> Result<(), End> {
        let receiving = &mut self.receiving;
        receiving.out.extend_from_slice(words);
        while receiving.written < receiving.out.len() {
            let rest = &receiving.out[receiving.written..];
            match Pin::new(&mut *self.client).poll_write(cx, rest) {
                Poll::Ready(Ok(n)) if n > 0 => receiving.written += n,
                Poll::Ready(_) => return Err(End::ClientGone),
                Poll::Pending => return Ok(()),
            }
        }
        receiving.out.clear();
        receiving.written = 0;
        match Pin::new(&mut *self.client).poll_flush(cx) {
            Poll::Ready(Err(_)) => return Err(End::ClientGone),
            flushed => receiving.unflushed = flushed.is_pending(),
        }
        Ok(())
    }
}
