//! Moves the frames of one HTTP/2 connection to an endpoint.

use super::broken;
use crate::transport::Conn;
use bytes::Bytes;
use h2::{Ping, PingPong};
use std::cell::{Cell, RefCell};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// The task that moves a connection's frames.
#[derive(Debug)]
pub(super) struct Driver {
    /// None once it has ended.
    connection: RefCell<Option<h2::client::Connection<Conn, Bytes>>>,
    pings: RefCell<Option<PingPong>>,
    task: RefCell<Option<Waker>>,
    pub(super) streams: Cell<usize>,
    /// A ping was sent.
    asked: Cell<bool>,
    /// The ping was answered.
    settled: Cell<bool>,
    pub(super) used: Cell<bool>,
    pub(super) retired: Cell<bool>,
}

impl Driver {
    /// Takes over a connection whose handshake is done.
    pub(super) fn new(mut connection: h2::client::Connection<Conn, Bytes>) -> Self {
        Self {
            pings: RefCell::new(connection.ping_pong()),
            connection: RefCell::new(Some(connection)),
            task: RefCell::new(None),
            streams: Cell::new(0),
            asked: Cell::new(false),
            settled: Cell::new(false),
            used: Cell::new(false),
            retired: Cell::new(false),
        }
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut slot = self.connection.borrow_mut();
        let Some(connection) = slot.as_mut() else { return Poll::Ready(()) };
        *self.task.borrow_mut() = Some(cx.waker().clone());
        let moved = Pin::new(connection).poll(cx).map(drop);
        if moved.is_ready() {
            // Whoever waits for an answer to a ping learns that none will come.
            *slot = None;
        }
        moved
    }

    /// Moves frames now: a request that was just decided leaves in the very step it was decided in,
    /// not some time after a rollback was acknowledged.
    pub(super) fn nudge(&self) {
        let task = self.task.borrow().clone();
        let task = task.as_ref().unwrap_or(Waker::noop());
        let Ok(mut slot) = self.connection.try_borrow_mut() else { return };
        let mut cx = Context::from_waker(task);
        let moved = slot.as_mut().map(|connection| Pin::new(connection).poll(&mut cx).is_ready());
        if moved == Some(true) {
            *slot = None;
        }
        if moved != Some(false) {
            task.wake_by_ref();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        // While it is borrowed it moves, so it has not.
        self.connection.try_borrow().is_ok_and(|connection| connection.is_none())
    }

    /// Waits until the endpoint's first settings are here: they come before its answer to a ping
    /// (RFC 9113 3.4). One task at a time may wait.
    pub(super) fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pings = self.pings.borrow_mut();
        let Some(pings) = pings.as_mut().filter(|_| !self.settled.get()) else {
            return Poll::Ready(Ok(()));
        };
        if !self.asked.replace(true) {
            pings.send_ping(Ping::opaque()).map_err(broken)?;
        }
        let answered = ready!(pings.poll_pong(cx)).map_err(broken);
        self.settled.set(answered.is_ok());
        Poll::Ready(answered.map(drop))
    }

    /// Keeps further requests off the connection: it does not answer, so it may be dead.
    pub(super) fn retire(&self) {
        self.retired.set(true);
    }

    pub(super) fn stream_ended(&self) {
        self.streams.set(self.streams.get().saturating_sub(1));
    }
}
