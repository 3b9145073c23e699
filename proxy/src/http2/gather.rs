//! The way out of an HTTP/2 connection: what many exchanges have to say leaves in one piece.

use super::meter::Meter;
use crate::transport::Conn;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The size from which the bytes are sent before more are taken.
const FULL: usize = 32 * 1024;
/// Memory that is kept while nothing waits.
const KEPT: usize = 4 * 1024;

/// A connection whose writes wait for [`Gather::poll_send`]. Otherwise each frame would be flushed
/// alone; with TLS that is a record and a system call for each.
#[derive(Clone, Debug)]
pub(crate) struct Gather(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    conn: Conn,
    waiting: Vec<u8>,
    at: usize,
    flushed: bool,
    meter: Meter,
}

impl Gather {
    pub(crate) fn new(conn: Conn) -> Self {
        let (waiting, meter) = (Vec::new(), Meter::new());
        Self(Rc::new(RefCell::new(Inner { conn, waiting, at: 0, flushed: true, meter })))
    }

    /// Returns whether the client has sent more frames that carry nothing than its budget allows, by the
    /// worker's time. Nothing more is read then.
    pub(crate) fn is_flooded(&self, now_ms: u64) -> bool {
        let meter = &mut self.0.borrow_mut().meter;
        meter.refill(now_ms);
        meter.is_over()
    }

    /// Sends what waits; the task is woken when the peer takes more.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }
}

impl Inner {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.at < self.waiting.len() {
            let written = Pin::new(&mut self.conn).poll_write(cx, &self.waiting[self.at..]);
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.at += count,
            }
        }
        if self.at > 0 {
            self.at = 0;
            self.waiting.clear();
            self.waiting.shrink_to(KEPT);
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.conn).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.len() >= FULL { self.poll_send(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncRead for Gather {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        if inner.meter.is_over() {
            // The connection is about to be told so, in its next turn.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut inner.conn).poll_read(cx, buffer);
        inner.meter.read(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Gather {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0.borrow_mut();
        ready!(inner.poll_room(cx))?;
        let before = inner.waiting.len();
        for slice in slices {
            inner.meter.written(slice);
            inner.waiting.extend_from_slice(slice);
        }
        inner.flushed = false;
        Poll::Ready(Ok(inner.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: [`Gather::poll_send`] is called when everybody has had a turn.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_room(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.borrow_mut();
        ready!(inner.poll_send(cx))?;
        Pin::new(&mut inner.conn).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{FULL, Gather};
    use crate::transport::{Conn, Plain};
    use std::future::poll_fn;
    use std::io::ErrorKind;
    use std::pin::Pin;
    use std::task::Poll;
    use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    fn pair() -> (Gather, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        (Gather::new(Conn::Plain(Plain::from(ours))), theirs)
    }

    #[tokio::test]
    async fn what_was_written_leaves_together_when_it_is_sent() {
        let (mut gather, mut peer) = pair();
        for part in ["one ", "two ", "three"] {
            gather.write_all(part.as_bytes()).await.expect("taken");
            gather.flush().await.expect("nothing to wait for");
        }
        let mut read = [0; 64];
        let nothing = peer.try_read(&mut read).expect_err("not yet");
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let sender = gather.clone();
        poll_fn(|cx| sender.poll_send(cx)).await.expect("sent");
        let count = peer.read(&mut read).await.expect("bytes");
        assert_eq!(&read[..count], b"one two three");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_written_no_more_than_that() {
        let (mut gather, mut peer) = pair();
        let chunk = [b'x'; 8 << 10];
        // Until neither the socket nor the gathered bytes have room.
        poll_fn(|cx| {
            while Pin::new(&mut gather).poll_write(cx, &chunk).is_ready() {}
            Poll::Ready(())
        })
        .await;
        let waiting = gather.0.borrow().waiting.len();
        assert!((FULL..FULL + chunk.len()).contains(&waiting), "{waiting}");
        let reading = tokio::spawn(async move { peer.read_to_end(&mut Vec::new()).await });
        gather.shutdown().await.expect("all of it, and the end");
        drop(gather);
        assert!(reading.await.expect("no panic").expect("read") > waiting);
    }
}
