//! Connections in memory, for tests: the proxy has one end, the test the other. Neither a socket nor
//! a clock takes part, so that a test decides when bytes come, stall, end or are lost.

use super::Plain;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The proxy's end of a connection.
#[derive(Debug)]
pub(crate) struct Memory(Arc<Mutex<State>>);

/// The test's end of a connection. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Remote(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// For the proxy: one read takes at most one of these.
    incoming: VecDeque<Vec<u8>>,
    /// No more follows.
    ended: bool,
    /// Reads and writes fail.
    reset: bool,
    /// From the proxy, not yet looked at by the test.
    outgoing: Vec<u8>,
    /// Bytes the proxy can write before it has to wait.
    room: usize,
    proxy: ProxyEnd,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The state of the proxy's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyEnd {
    /// Not at all.
    Open,
    /// It sends no more.
    Ended,
    /// It was dropped.
    Closed,
    /// It was dropped with a reset.
    Reset,
}

/// A connection's two ends.
pub(crate) fn pair() -> (Memory, Remote) {
    let state = State {
        incoming: VecDeque::new(),
        ended: false,
        reset: false,
        outgoing: Vec::new(),
        room: usize::MAX,
        proxy: ProxyEnd::Open,
        reader: None,
        writer: None,
    };
    let state = Arc::new(Mutex::new(state));
    (Memory(Arc::clone(&state)), Remote(state))
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn wake(&mut self) {
        [&mut self.reader, &mut self.writer]
            .into_iter()
            .filter_map(Option::take)
            .for_each(Waker::wake);
    }
}

impl Remote {
    /// Sends bytes, which the proxy gets in a read of their own.
    pub(crate) fn send(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut state = lock(&self.0);
            state.incoming.push_back(bytes.to_vec());
            state.wake();
        }
    }

    /// Closes the sending side, and still reads.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.0);
        state.ended = true;
        state.wake();
    }

    /// Resets the connection: what the proxy has not read is lost.
    pub(crate) fn reset(&self) {
        let mut state = lock(&self.0);
        state.incoming.clear();
        state.reset = true;
        state.wake();
    }

    /// Makes room for this many more bytes of the proxy's.
    pub(crate) fn set_room(&self, room: usize) {
        let mut state = lock(&self.0);
        state.room = room;
        state.wake();
    }

    /// Everything the proxy sent that was not taken yet.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.0).outgoing)
    }

    /// Puts bytes back in front of what is taken next.
    pub(crate) fn put_back(&self, mut bytes: Vec<u8>) {
        let mut state = lock(&self.0);
        bytes.append(&mut state.outgoing);
        state.outgoing = bytes;
    }

    /// Bytes the proxy has not read.
    pub(crate) fn unread(&self) -> usize {
        lock(&self.0).incoming.iter().map(Vec::len).sum()
    }

    pub(crate) fn proxy_end(&self) -> ProxyEnd {
        lock(&self.0).proxy
    }
}

impl Memory {
    /// Makes the drop that follows a reset.
    pub(super) fn reset_on_close(&self) {
        lock(&self.0).proxy = ProxyEnd::Reset;
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if let Some(mut bytes) = state.incoming.pop_front() {
            let rest = bytes.split_off(bytes.len().min(buffer.remaining()));
            buffer.put_slice(&bytes);
            if !rest.is_empty() {
                state.incoming.push_front(rest);
            }
            return Poll::Ready(Ok(()));
        }
        if state.ended {
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.0);
        if state.reset {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = bytes.len().min(state.room);
        state.room -= if state.room == usize::MAX { 0 } else { count };
        state.outgoing.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).proxy = ProxyEnd::Ended;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if state.proxy != ProxyEnd::Reset {
            state.proxy = ProxyEnd::Closed;
        }
    }
}

/// An endpoint's reaction to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// They are accepted.
    #[default]
    Accepts,
    /// They are refused.
    Refuses,
    /// No response, until that changes.
    Silent,
}

/// The endpoints that the proxy can connect to, by their authority.
#[derive(Debug, Default)]
pub(crate) struct Network(Mutex<HashMap<Box<str>, Listener>>);

#[derive(Debug, Default)]
struct Listener {
    reach: Reach,
    accepted: VecDeque<Remote>,
    waiting: Vec<Waker>,
}

impl Network {
    /// Sets what happens to connections to the endpoint.
    pub(crate) fn set_reach(&self, authority: &str, reach: Reach) {
        let mut endpoints = lock(&self.0);
        let listener = endpoints.entry(authority.into()).or_default();
        listener.reach = reach;
        listener.waiting.drain(..).for_each(Waker::wake);
    }

    /// The oldest connection to the endpoint that was not taken yet.
    pub(crate) fn accept(&self, authority: &str) -> Option<Remote> {
        lock(&self.0).get_mut(authority)?.accepted.pop_front()
    }

    /// Connects to the endpoint.
    pub(super) async fn connect(&self, authority: &str) -> io::Result<Plain> {
        std::future::poll_fn(|cx| {
            let mut endpoints = lock(&self.0);
            let listener = endpoints.entry(authority.into()).or_default();
            match listener.reach {
                Reach::Accepts => {
                    let (memory, remote) = pair();
                    listener.accepted.push_back(remote);
                    Poll::Ready(Ok(memory.into()))
                }
                Reach::Refuses => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
                Reach::Silent => {
                    listener.waiting.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
