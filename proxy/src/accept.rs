//! Accepting connections and handing them to workers.
//!
//! Every connection goes to the worker with the fewest: an answer may stream for an hour, so
//! hashing connections onto workers would leave cores uneven.

use crate::problem::Problem;
use crate::shared::Shared;
use crate::worker::Message;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// Hands connections of one listener to the workers.
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    workers: Vec<mpsc::UnboundedSender<Message>>,
}

impl Acceptor {
    pub(crate) fn new(shared: Arc<Shared>, workers: Vec<mpsc::UnboundedSender<Message>>) -> Self {
        Self { shared, workers }
    }

    /// Accepts until it is told to stop, and then what the system has queued up by that time: a
    /// client that was let in is not turned away by a restart.
    pub(crate) async fn run(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => self.hand_out(stream, peer),
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to be closed.
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Ok((stream, peer))) = listener.poll_accept(&mut cx) {
            self.hand_out(stream, peer);
        }
    }

    fn hand_out(&self, stream: TcpStream, peer: SocketAddr) {
        let Ok(stream) = stream.into_std() else { return };
        let live = &self.shared.live;
        let counts = live.iter().map(|live| live.load(Ordering::Relaxed));
        if counts.clone().sum::<usize>() >= self.shared.settings.load().connections {
            return turn_away(stream);
        }
        let Some((index, _)) = counts.enumerate().min_by_key(|(_, count)| *count) else { return };
        live[index].fetch_add(1, Ordering::Relaxed);
        let _ = stream.set_nodelay(true);
        let _ = self.workers[index].send(Message::Serve(stream, peer));
    }
}

/// Tells a client that there is no room. The answer fits the socket's buffer, so this never waits.
fn turn_away(mut stream: StdStream) {
    let _ = stream.write_all(&Problem::Overloaded.answer("", true, true));
    let _ = stream.shutdown(std::net::Shutdown::Write);
}
