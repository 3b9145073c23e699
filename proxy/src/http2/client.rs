//! HTTP/2 connections to endpoints: many requests on each, all of one worker.

use super::{CONNECTION_WINDOW, MAX_STREAMS, Outgoing, SEND_BUFFER, STREAM_WINDOW, broken};
use crate::transport::Conn;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// A connection that requests can be opened on. It ends when this is dropped and its last request
/// is over.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    driver: Rc<Driver>,
    secure: bool,
}

impl Connection {
    /// Speaks HTTP/2 on a connection that is open; frames are moved by a task of this worker.
    pub(crate) async fn begin(conn: Conn) -> io::Result<Self> {
        let secure = matches!(conn, Conn::Tls(_));
        let mut builder = Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(64 * 1024)
            .enable_push(false);
        let (requests, mut connection) = builder.handshake(conn).await.map_err(broken)?;
        let driver = Rc::new(Driver {
            pings: RefCell::new(connection.ping_pong()),
            connection: RefCell::new(Some(connection)),
            task: RefCell::new(None),
            streams: Cell::new(0),
            asked: Cell::new(false),
            settled: Cell::new(false),
            used: Cell::new(false),
            retired: Cell::new(false),
        });
        let driving = Rc::clone(&driver);
        tokio::task::spawn_local(async move { poll_fn(|cx| driving.poll(cx)).await });
        Ok(Self { requests, driver, secure })
    }

    /// Returns whether a request can be opened on it now, without waiting inside.
    pub(crate) fn has_room(&self) -> bool {
        let most = self.requests.current_max_send_streams().min(MAX_STREAMS as usize);
        self.is_open() && self.driver.streams.get() < most
    }

    /// Returns whether it takes new requests at all.
    pub(crate) fn is_open(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let ready = self.requests.clone().poll_ready(&mut cx);
        !self.driver.has_ended()
            && !self.driver.retired.get()
            && !matches!(ready, Poll::Ready(Err(_)))
    }

    /// Returns whether no request is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.driver.streams.get() == 0
    }

    /// Returns whether it carried a request before, so that it may be dead by now.
    pub(crate) fn is_used(&self) -> bool {
        self.driver.used.get()
    }

    /// A request on it.
    pub(crate) fn open(&self) -> Outgoing {
        self.driver.streams.set(self.driver.streams.get() + 1);
        self.driver.used.set(true);
        Outgoing::new(self.requests.clone(), Rc::clone(&self.driver), self.secure)
    }
}

/// The task that moves a connection's frames.
#[derive(Debug)]
pub(crate) struct Driver {
    /// None once it has ended.
    connection: RefCell<Option<h2::client::Connection<Conn, Bytes>>>,
    pings: RefCell<Option<PingPong>>,
    task: RefCell<Option<Waker>>,
    streams: Cell<usize>,
    /// A ping was sent.
    asked: Cell<bool>,
    /// The ping was answered.
    settled: Cell<bool>,
    used: Cell<bool>,
    retired: Cell<bool>,
}

impl Driver {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
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

    fn has_ended(&self) -> bool {
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
