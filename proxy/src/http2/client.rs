//! HTTP/2 connections to endpoints: many requests on each, all of one worker.

use super::driver::Driver;
use super::{CONNECTION_WINDOW, MAX_STREAMS, Outgoing, SEND_BUFFER, STREAM_WINDOW, broken};
use crate::transport::Conn;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

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
        let (requests, connection) = builder.handshake(conn).await.map_err(broken)?;
        let driver = Rc::new(Driver::new(connection));
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

    /// Returns whether no request is in progress.
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
