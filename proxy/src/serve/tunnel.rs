//! The tunnel after a protocol upgrade, until both sides have closed, the idle timeout passes, or a
//! rollback takes its release away.

use super::client::Client;
use super::exchange::give_way;
use super::leave::{Departure, Leaving};
use super::socket::Watcher;
use crate::transport::Stream;
use stagegate_signals::Side;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads of one direction in one turn, 64 KiB each at most. Then everybody else has a turn: a read may hold
/// thousands of frames.
const READS: u8 = 2;

/// One direction of a tunnel.
#[derive(Default)]
struct Way {
    pending: Vec<u8>,
    written: usize,
    /// The source has closed.
    ended: bool,
    /// The end was passed on.
    closed: bool,
    moved: u64,
    /// More may be there to be read, in the next turn.
    goes_on: bool,
}

/// The end of a way that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Source,
    Target,
}

impl Way {
    /// Moves what can be moved; true on progress. `seen` gets what was read.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        buffer: &mut [u8],
        seen: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, Lost> {
        let mut progress = false;
        let mut reads = READS;
        self.goes_on = false;
        loop {
            while self.written < self.pending.len() {
                match Pin::new(&mut *to).poll_write(cx, &self.pending[self.written..]) {
                    Poll::Ready(Ok(n)) if n > 0 => {
                        self.written += n;
                        progress = true;
                    }
                    Poll::Ready(_) => return Err(Lost::Target),
                    Poll::Pending => return Ok(progress),
                }
            }
            match Pin::new(&mut *to).poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(Lost::Target),
                Poll::Pending => return Ok(progress),
            }
            self.moved += self.pending.len() as u64;
            self.pending.clear();
            self.written = 0;
            if self.ended {
                if !self.closed && Pin::new(&mut *to).poll_shutdown(cx).is_ready() {
                    self.closed = true;
                    progress = true;
                }
                return Ok(progress);
            }
            if reads == 0 {
                self.goes_on = true;
                return Ok(progress);
            }
            reads -= 1;
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut *from).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => self.ended = true,
                Poll::Ready(Ok(())) => {
                    seen(read.filled());
                    self.pending.extend_from_slice(read.filled());
                }
                Poll::Ready(Err(_)) => return Err(Lost::Source),
                Poll::Pending => return Ok(progress),
            }
            progress = true;
        }
    }

    /// Returns whether everything that came went on.
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && !self.ended
    }
}

/// How a tunnel ended.
pub(super) struct Passage {
    /// Bytes that went to the client.
    pub(super) moved: u64,
    /// The side that ended it; none when time or a rollback did.
    pub(super) left: Option<Side>,
}

/// What is passed through a tunnel beside its two streams.
pub(super) struct Through<'a, 'b> {
    /// What the client sent before it saw the switch.
    pub(super) ahead: Vec<u8>,
    /// Longest pause.
    pub(super) idle: Duration,
    /// Looks at what passes.
    pub(super) watcher: &'a mut Watcher<'b>,
    /// Whether and when a rollback ends it.
    pub(super) leaving: Leaving<'b>,
}

impl Client {
    /// Runs the tunnel.
    pub(super) async fn tunnel(
        &mut self,
        upstream: &mut Stream,
        through: Through<'_, '_>,
    ) -> Passage {
        let Through { ahead, idle, watcher, mut leaving } = through;
        watcher.client_sent(&ahead);
        let mut up = Way { pending: ahead, ..Way::default() };
        let mut down = Way::default();
        let mut left = None;
        let mut silent_ms = self.watch.after(idle);
        self.watch.tunnels(true);
        let departure = poll_fn(|cx| {
            let worker = &self.worker;
            let mut buffer = worker.read_buffer.borrow_mut();
            let stream = &mut self.stream;
            let seen = &mut |bytes: &[u8]| watcher.client_sent(bytes);
            let went_up = up.poll(cx, stream, upstream, &mut buffer, seen);
            let seen = &mut |bytes: &[u8]| watcher.backend_sent(bytes);
            let went_down = match went_up {
                Ok(_) => down.poll(cx, upstream, stream, &mut buffer, seen),
                Err(_) => Ok(false),
            };
            left = left.or(match (went_up, went_down) {
                (Err(Lost::Source), _) | (_, Err(Lost::Target)) => Some(Side::Client),
                (Err(Lost::Target), _) | (_, Err(Lost::Source)) => Some(Side::Backend),
                _ if up.ended => Some(Side::Client),
                _ if down.ended => Some(Side::Backend),
                _ => None,
            });
            match (went_up, went_down) {
                (Err(_), _) | (_, Err(_)) => return Poll::Ready(None),
                (Ok(false), Ok(false)) => {}
                _ => silent_ms = self.watch.after(idle),
            }
            let may_close = up.is_empty() && down.is_empty() && watcher.is_between_messages();
            let departure = leaving.poll(worker, &self.watch, may_close);
            self.watch.set_at(silent_ms.min(leaving.due_ms()));
            let over = (up.closed && down.closed)
                || self.watch.poll_due(cx) && worker.watches.now_ms() >= silent_ms
                || self.watch.is_cut();
            match departure {
                Some(departure) => Poll::Ready(Some(departure)),
                None if over => Poll::Ready(None),
                None => {
                    if up.goes_on || down.goes_on {
                        give_way(cx);
                    }
                    Poll::Pending
                }
            }
        })
        .await;
        self.watch.tunnels(false);
        if departure == Some(Departure::Closes) {
            self.say_goodbye(upstream).await;
        }
        Passage { moved: down.moved, left: left.filter(|_| departure.is_none()) }
    }
}
