//! The tunnel after a protocol upgrade, until both sides have closed or the idle timeout passes.

use super::client::Client;
use crate::transport::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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
}

impl Way {
    /// Moves what can be moved; true on progress, an error when the way is broken.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        buffer: &mut [u8],
    ) -> Result<bool, ()> {
        let mut progress = false;
        loop {
            while self.written < self.pending.len() {
                match Pin::new(&mut *to).poll_write(cx, &self.pending[self.written..]) {
                    Poll::Ready(Ok(n)) if n > 0 => {
                        self.written += n;
                        progress = true;
                    }
                    Poll::Ready(_) => return Err(()),
                    Poll::Pending => return Ok(progress),
                }
            }
            match Pin::new(&mut *to).poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(()),
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
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut *from).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => self.ended = true,
                Poll::Ready(Ok(())) => self.pending.extend_from_slice(read.filled()),
                Poll::Ready(Err(_)) => return Err(()),
                Poll::Pending => return Ok(progress),
            }
            progress = true;
        }
    }
}

impl Client {
    /// Runs the tunnel; gives the bytes that went to the client. `ahead` is what the client sent
    /// before it saw the switch.
    pub(super) async fn tunnel(
        &mut self,
        upstream: &mut Stream,
        ahead: Vec<u8>,
        idle: Duration,
    ) -> u64 {
        let mut up = Way { pending: ahead, ..Way::default() };
        let mut down = Way::default();
        self.watch.set(idle);
        poll_fn(|cx| {
            let worker = &self.worker;
            let mut buffer = worker.read_buffer.borrow_mut();
            let moved = up.poll(cx, &mut self.stream, upstream, &mut buffer).and_then(|progress| {
                down.poll(cx, upstream, &mut self.stream, &mut buffer).map(|more| progress || more)
            });
            match moved {
                Err(()) => return Poll::Ready(()),
                Ok(true) => self.watch.set(idle),
                Ok(false) => {}
            }
            let over = (up.closed && down.closed) || self.watch.poll_due(cx) || self.watch.is_cut();
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        down.moved
    }
}
