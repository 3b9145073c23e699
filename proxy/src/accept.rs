//! Accepts connections and hands them to workers.
//!
//! Every connection goes to the worker with the fewest: an answer may stream for an hour, so
//! hashing connections onto workers would leave cores uneven.

use crate::problem::Problem;
use crate::shared::Shared;
use crate::transport::{Accepting, Arrival, Begun, ListenerState, Peer, Socket};
use crate::worker::Message;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The acceptors' state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Go on.
    No,
    /// Take what the system has queued up by now, and nothing more.
    AfterTheQueue,
    /// At once: another process takes from the same queue.
    AtOnce,
}

/// Hands connections of one listener to the workers.
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    workers: Vec<mpsc::UnboundedSender<Message>>,
    listener: Arc<ListenerState>,
}

impl Acceptor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        workers: Vec<mpsc::UnboundedSender<Message>>,
        listener: Arc<ListenerState>,
    ) -> Self {
        Self { shared, workers, listener }
    }

    /// Accepts until it is told to stop, and then what the system has queued up by that time: a
    /// client that was let in is not turned away by a restart. Where another process has the
    /// queue too, it is left to that one.
    pub(crate) async fn run(self, accepting: Accepting, mut stop: watch::Receiver<Stop>) {
        loop {
            let accepted = tokio::select! {
                accepted = std::future::poll_fn(|cx| accepting.poll_accept(cx)) => accepted,
                _ = stop.wait_for(|stop| *stop != Stop::No) => break,
            };
            match accepted {
                Ok((socket, peer)) => self.hand_out(socket, peer, Begun::default()),
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to be closed.
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        if *stop.borrow() == Stop::AtOnce {
            return;
        }
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Ok((socket, peer))) = accepting.poll_accept(&mut cx) {
            self.hand_out(socket, peer, Begun::default());
        }
    }

    /// Gives a connection to a worker.
    pub(crate) fn hand_out(&self, socket: Socket, peer: Peer, begun: Begun) {
        let live = &self.shared.live;
        let counts = live.iter().map(|live| live.load(Ordering::Relaxed));
        if counts.clone().sum::<usize>() >= self.shared.settings.load().limits.connections {
            return self.turn_away(socket);
        }
        let Some((index, _)) = counts.enumerate().min_by_key(|(_, count)| *count) else { return };
        live[index].fetch_add(1, Ordering::Relaxed);
        let arrival = Arrival { socket, peer, listener: Arc::clone(&self.listener), begun };
        let _ = self.workers[index].send(Message::Serve(arrival));
    }

    /// Tells a client that there is no room. The answer fits the socket's buffer, so this never
    /// waits; to a client that expects a handshake the close alone has to say it.
    fn turn_away(&self, socket: Socket) {
        if self.listener.tls.is_some() {
            return;
        }
        let answer = Problem::Overloaded.answer("", true, true);
        match socket {
            Socket::Tcp(mut stream) => {
                let _ = stream.write_all(&answer);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
            Socket::Unix(mut stream) => {
                let _ = stream.write_all(&answer);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
        }
    }
}
