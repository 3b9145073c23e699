//! The way of one client connection: its first bytes, then HTTP/1.1, HTTP/2 or another process.

use super::client::Client;
use super::multiplex;
use super::requests::Served;
use super::welcome::{Http2, Welcomed, welcome};
use crate::heir::Leaving;
use crate::transport::{Arrival, Stream, Wire};
use crate::watch::Watched;
use crate::worker::{Live, Worker};
use std::rc::Rc;
use std::sync::Arc;

/// Serves one client connection to its end.
pub(crate) async fn connection(worker: Rc<Worker>, arrival: Arrival, live: Live) {
    let watch = worker.watches.add();
    let (door, used) = (Arc::clone(&arrival.door), arrival.begun.used);
    let welcomed = match welcome(&worker, arrival, &watch).await {
        Ok(welcomed) => welcomed,
        Err(reason) => {
            if let Some(reason) = reason {
                worker.stats.borrow_mut().refuse(None, reason);
            }
            return;
        }
    };
    let from = Accepted { listener: door.place, portable: door.is_portable(), used };
    serve(worker, welcomed, from, watch, live).await;
}

/// How a connection was accepted.
pub(super) struct Accepted {
    /// Its listener's place in the order in which listeners were added.
    pub(super) listener: usize,
    /// Another process can take it over.
    pub(super) portable: bool,
    /// Another process served requests on it.
    pub(super) used: bool,
}

/// Serves a connection whose first bytes were dealt with.
pub(super) async fn serve(
    worker: Rc<Worker>,
    welcomed: Welcomed,
    from: Accepted,
    watch: Watched,
    live: Live,
) {
    let Welcomed { wire, mut context, http2 } = welcomed;
    if http2 == Http2::Agreed {
        context.forwarding.http2 = true;
        return multiplex::connection(worker, wire, watch, context, live).await;
    }
    let mut client = Client::new(worker, Stream::Wire(wire), watch, Rc::new(context));
    client.may_be_http2 = http2 == Http2::Allowed;
    client.portable = from.portable;
    match client.serve(!from.used).await {
        Served::Over => client.put_away(),
        Served::Leaving { used } => client.leave(from.listener, used),
        Served::Http2 => {
            let Client { worker, stream, input, watch, context, .. } = client;
            let (Stream::Wire(mut wire), Ok(mut context)) = (stream, Rc::try_unwrap(context))
            else {
                return;
            };
            wire.put_back(input);
            context.forwarding.http2 = true;
            return multiplex::connection(worker, wire, watch, context, live).await;
        }
    }
    drop(live);
}

impl Client {
    /// Gives the connection to the process that takes over.
    fn leave(self, listener: usize, used: bool) {
        let Self { stream: Stream::Wire(Wire::Plain(plain)), mut input, worker, .. } = self else {
            return;
        };
        let (Some(heir), Ok((socket, ahead))) = (worker.shared.heir.get(), plain.into_parts())
        else {
            return;
        };
        input.extend(ahead);
        heir(Leaving { listener, socket, used, read: input });
    }
}
