//! A worker whose connections are in memory: for tests, and to count the instructions of exchanges.

use super::conn_context::ConnContext;
use super::connection::{Accepted, serve};
use super::welcome::{Http2, Welcomed, forwarding};
use crate::fixtures::shared;
use crate::transport::memory::{self, Network, Remote};
use crate::transport::{Conn, Connector, Peer, Plain};
use crate::worker::{Live, Worker};
use stagegate_settings::Clients;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The proxy's side of a client connection, until it ends.
pub(super) type Serving = Pin<Box<dyn Future<Output = ()>>>;

/// A worker that connects to this network.
pub(super) fn worker(settings: Clients, network: &Arc<Network>) -> Rc<Worker> {
    let mut worker = Worker::new(Arc::new(shared(settings, 1)), Some(0));
    worker.connector = Connector::Memory(Arc::clone(network));
    Rc::new(worker)
}

/// A client that has just connected: what serves it, and its own end.
pub(super) fn client(worker: &Rc<Worker>) -> (Serving, Remote) {
    client_with(worker, false)
}

/// The same; `resent`: it is the queue of killed workloads.
pub(super) fn client_with(worker: &Rc<Worker>, resent: bool) -> (Serving, Remote) {
    let (memory, remote) = memory::pair();
    let mut forwarding = forwarding(worker, Peer::Ip([192, 0, 2, 1].into()), false);
    forwarding.resent = resent;
    let welcomed = Welcomed {
        conn: Conn::Plain(Plain::from(memory)),
        context: ConnContext { forwarding, names: None },
        http2: Http2::Off,
    };
    let from = Accepted { listener: 0, portable: false, used: false };
    worker.shared.workers.join();
    let (watch, live) = (worker.watches.add(), Live::new(worker));
    (Box::pin(serve(Rc::clone(worker), welcomed, from, watch, live)), remote)
}

/// A name of the configuration.
pub(super) fn name<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}

/// The output of a future that waits for nothing.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
