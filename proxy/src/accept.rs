//! Accepts connections and hands them to workers.
//!
//! Every connection goes to the living worker with the fewest: an answer may stream for an hour, so
//! hashing connections onto workers would leave cores uneven.

use crate::problem::Problem;
use crate::problem_answer::answer_at_once;
use crate::shared::Shared;
use crate::transport::{Accepting, Arrival, Begun, ListenerState, Peer, Socket};
use crate::worker::Message;
use std::io::Write as _;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{mpsc, watch};

/// Time before accepting goes on after it failed.
const AFTER_A_FAILURE: Duration = Duration::from_millis(50);

/// Tells the queue of killed workloads that there is no room.
const NOT_SENT: &[u8] =
    b"HTTP/1.1 503 \r\nstagegate-queue: not-sent\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The acceptors' state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Accept connections.
    No,
    /// Accept the connections that the system has queued by now, and then stop.
    AfterTheQueue,
    /// Stop at once: another process accepts from the same queue.
    AtOnce,
}

/// Hands connections of one listener to the workers.
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    workers: Vec<mpsc::UnboundedSender<Message>>,
    listener: Arc<ListenerState>,
}

/// Accepts until it is told to stop. A panic is in the log; accepting goes on after it.
pub(crate) async fn supervised(
    acceptor: Acceptor,
    accepting: Accepting,
    stop: watch::Receiver<Stop>,
) {
    let both = Arc::new((acceptor, accepting));
    loop {
        let (task, stop) = (Arc::clone(&both), stop.clone());
        let run = tokio::spawn(async move { task.0.run(&task.1, stop).await });
        match run.await {
            Err(error) if error.is_panic() => {
                tracing::error!("accepting connections begins again after a panic");
                tokio::time::sleep(AFTER_A_FAILURE).await;
            }
            _ => return,
        }
    }
}

impl Acceptor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        workers: Vec<mpsc::UnboundedSender<Message>>,
        listener: Arc<ListenerState>,
    ) -> Self {
        Self { shared, workers, listener }
    }

    /// Accepts until it is stopped, and then accepts the connections that the system has queued by
    /// that time, so that a restart does not refuse a connected client. If another process has the
    /// queue too, the queue is left to that process.
    async fn run(&self, accepting: &Accepting, mut stop: watch::Receiver<Stop>) {
        loop {
            let accepted = tokio::select! {
                accepted = std::future::poll_fn(|cx| accepting.poll_accept(cx)) => accepted,
                _ = stop.wait_for(|stop| *stop != Stop::No) => break,
            };
            match accepted {
                Ok((socket, peer)) => self.hand_out(socket, peer, Begun::default()),
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to be closed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(AFTER_A_FAILURE).await;
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

    /// Gives a connection to the living worker with the fewest; without one the client is turned
    /// away.
    pub(crate) fn hand_out(&self, socket: Socket, peer: Peer, begun: Begun) {
        let roster = &self.shared.workers;
        if roster.total() >= self.shared.settings.load().limits.connections {
            return self.turn_away(socket);
        }
        let mut arrival = Arrival { socket, peer, listener: Arc::clone(&self.listener), begun };
        while let Some(index) = roster.join() {
            let Err(SendError(message)) = self.workers[index].send(Message::Serve(arrival)) else {
                return;
            };
            // Its thread has ended: it has drained, or it is about to be found dead.
            roster.close(index);
            let Message::Serve(returned) = message else { return };
            arrival = returned;
        }
        self.turn_away(arrival.socket);
    }

    /// Tells a client that there is no room. The answer fits the socket's buffer, so this never
    /// waits; to a client that expects a handshake the close alone has to say it.
    fn turn_away(&self, socket: Socket) {
        if self.listener.tls.is_some() {
            return;
        }
        let answer = match self.listener.resends {
            // The queue tries again.
            Some(_) => NOT_SENT.to_vec(),
            None => answer_at_once(Problem::Overloaded),
        };
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

#[cfg(test)]
mod tests {
    use super::Acceptor;
    use crate::fixtures::{clients, shared};
    use crate::transport::{Begun, ListenerSettings, ListenerState, Peer, Socket};
    use crate::worker::Message;
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    /// An acceptor for so many workers, and the workers' ends.
    fn acceptor(workers: usize) -> (Acceptor, Vec<UnboundedReceiver<Message>>) {
        let (senders, receivers) = (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
        let state = ListenerState::new(
            0,
            ListenerSettings { tls: None, proxy_protocol: false, http2: false },
        );
        let shared = Arc::new(shared(clients(), workers));
        (Acceptor::new(shared, senders, Arc::new(state)), receivers)
    }

    /// A client whose connection the acceptor has handed out.
    fn client(acceptor: &Acceptor) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let client = TcpStream::connect(address).expect("connected");
        let (socket, peer) = listener.accept().expect("accepted");
        acceptor.hand_out(Socket::Tcp(socket), Peer::Ip(peer.ip()), Begun::default());
        client
    }

    fn taken(receiver: &mut UnboundedReceiver<Message>) -> usize {
        std::iter::from_fn(|| receiver.try_recv().ok()).count()
    }

    #[test]
    fn a_worker_that_ended_gets_no_connections() {
        let (acceptor, mut receivers) = acceptor(3);
        let mut under_way = client(&acceptor);
        drop(receivers.remove(0));
        let closed = under_way.read(&mut [0]);
        assert!(matches!(closed, Ok(0) | Err(_)), "what it had not taken is closed: {closed:?}");
        let _clients: Vec<_> = (0..6).map(|_| client(&acceptor)).collect();
        assert_eq!([taken(&mut receivers[0]), taken(&mut receivers[1])], [3, 3]);
        assert_eq!(acceptor.shared.workers.connections(), [0, 3, 3]);
        assert_eq!(acceptor.shared.workers.total(), 6);
    }

    #[test]
    fn without_a_worker_clients_are_turned_away() {
        let (acceptor, receivers) = acceptor(2);
        drop(receivers);
        let mut answer = String::new();
        client(&acceptor).read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert_eq!(acceptor.shared.workers.total(), 0);
    }
}
