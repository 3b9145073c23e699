//! The way of one client connection: its first bytes, then HTTP/1.1, HTTP/2 or another process.

use super::client::Client;
use super::multiplex;
use super::requests::Served;
use super::welcome::{Http2, Welcomed, welcome};
use crate::handover::IdleConnection;
use crate::transport::{Arrival, Conn, Stream};
use crate::watch::Watched;
use crate::worker::{Live, Worker};
use std::rc::Rc;
use std::sync::Arc;

/// Serves one client connection to its end.
pub(crate) async fn connection(worker: Rc<Worker>, arrival: Arrival, live: Live) {
    let watch = worker.watches.add();
    let (listener, used) = (Arc::clone(&arrival.listener), arrival.begun.used);
    let welcomed = match welcome(&worker, arrival, &watch).await {
        Ok(welcomed) => welcomed,
        Err(reason) => {
            if let Some(reason) = reason {
                worker.stats.borrow_mut().refuse(None, reason);
            }
            return;
        }
    };
    let from = Accepted { listener: listener.place, portable: listener.is_portable(), used };
    serve(worker, welcomed, from, watch, live).await;
}

/// The origin of an accepted connection.
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
    let Welcomed { conn, mut context, http2 } = welcomed;
    if http2 == Http2::Agreed {
        context.forwarding.http2 = true;
        return multiplex::connection(worker, conn, watch, context, live).await;
    }
    let mut client = Client::new(worker, Stream::Conn(conn), watch, Rc::new(context));
    client.may_be_http2 = http2 == Http2::Allowed;
    client.portable = from.portable;
    match client.serve(!from.used).await {
        Served::Over => client.put_away(),
        Served::HandedOver { used } => client.hand_over(from.listener, used),
        Served::Http2 => {
            let Client { worker, stream, input, watch, context, .. } = client;
            let (Stream::Conn(mut conn), Ok(mut context)) = (stream, Rc::try_unwrap(context))
            else {
                return;
            };
            conn.put_back(input);
            context.forwarding.http2 = true;
            return multiplex::connection(worker, conn, watch, context, live).await;
        }
    }
    drop(live);
}

impl Client {
    /// Gives the connection to the process that takes over.
    fn hand_over(self, listener: usize, used: bool) {
        let Self { stream: Stream::Conn(Conn::Plain(plain)), mut input, worker, .. } = self else {
            return;
        };
        let (Some(sink), Ok((socket, ahead))) = (worker.shared.handover.get(), plain.into_parts())
        else {
            return;
        };
        input.extend(ahead);
        sink(IdleConnection { listener, socket, used, read: input });
    }
}
