//! One request and its answer between two connections, both directions at once.
//!
//! Nothing is buffered beyond one read: bytes go out when they come in, and a side that does not
//! take them stops the other from being read.

mod comments;
mod expectation;
mod gap;
mod parts;
mod receiving;
mod response;
mod sending;
mod turn;

pub(super) use parts::{End, Exchange, Receiving, Sending};
pub(super) use turn::give_way;

use crate::problem::Problem;
use parts::Coding;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use turn::{Share, go_last};

/// Bytes of later requests that are read while one is in progress.
const MAX_AHEAD: usize = 64 * 1024;

impl Exchange<'_> {
    /// Drives the exchange.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.poll_end(cx).map(|end| match end {
            // Half of an interim answer is out: another answer would only continue it.
            End::Refused(_) if self.receiving.written > 0 => End::Broken,
            end => end,
        })
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if !std::mem::replace(&mut self.has_waited, true) {
            go_last(cx);
            return Poll::Pending;
        }
        if !self.sending.begun && !self.worker.is_current(&self.decision.plan) {
            return Poll::Ready(End::Outdated);
        }
        self.sending.share = Share::WHOLE;
        self.receiving.share = Share::WHOLE;
        match self.step(cx) {
            Ok(()) => {}
            Err(end) => return Poll::Ready(end),
        }
        if self.receiving.held_back {
            go_last(cx);
            return Poll::Pending;
        }
        if self.watch.is_cut() {
            return Poll::Ready(if self.receiving.has_answered() {
                End::Cut
            } else {
                End::Refused(Problem::UpstreamReset)
            });
        }
        if !self.watch.poll_due(cx) {
            return Poll::Pending;
        }
        if self.worker.watches.now_ms() >= self.late_ms {
            return Poll::Ready(self.late());
        }
        let done = if self.worker.watches.now_ms() >= self.asks_ms() {
            self.ask_for_body(cx)
        } else {
            self.comment(cx)
        };
        match done {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Moves everything that can be moved.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            let sent = self.send(cx)?;
            if self.sending.shadow.is_some() {
                self.offer_shadow();
            }
            let received = self.receive(cx)?;
            if self.receiving.held_back {
                self.set_deadline();
                return Ok(());
            }
            if self.receiving.finished {
                return Err(self.end());
            }
            if self.sending.share.is_spent() || self.receiving.share.is_spent() {
                self.set_deadline();
                self.call.gave_way = self.call.gave_way.saturating_add(1);
                give_way(cx);
                return Ok(());
            }
            if !sent && !received {
                return self.watch_client(cx);
            }
            self.set_deadline();
        }
    }

    /// Sets the deadline of the step that is waited for.
    pub(super) fn set_deadline(&mut self) {
        let sending = &self.sending;
        let is_long = self.call.observed.is_long() && !self.receiving.is_held_up();
        let step = self.watch.after(match (self.receiving.has_answered(), sending.is_flushed()) {
            (false, true) => self.timeouts.first_byte,
            // Everything that came went on: the client has the word.
            (false, false) if !sending.has_unsent() => {
                self.worker.shared.settings.load().limits.body_idle
            }
            (true, _) if is_long => self.timeouts.within_streams(),
            _ => self.timeouts.idle,
        });
        self.late_ms = step.min(self.over_ms);
        self.watch.set_at(self.late_ms.min(self.next_comment_ms()).min(self.asks_ms()));
    }

    /// The end that a passed deadline stands for.
    fn late(&self) -> End {
        let receiving = &self.receiving;
        let client_is_slow = receiving.is_held_up();
        let total = self.worker.watches.now_ms() >= self.over_ms;
        match (self.receiving.has_answered(), self.sending.is_flushed()) {
            _ if client_is_slow && !total => End::ClientGone,
            (true, _) => End::Broken,
            (false, _) if total => End::Refused(Problem::TotalTimeout),
            (false, true) => End::Refused(Problem::FirstByteTimeout),
            // The upstream does not take the request, or the client does not send it.
            (false, false) if self.sending.has_unsent() => End::Refused(Problem::FirstByteTimeout),
            (false, false) => End::Refused(Problem::RequestTimeout),
        }
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
