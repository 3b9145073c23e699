//! A connection for a request: one that is kept, one that is shared, or a new one.

use super::call::Call;
use super::client::Client;
use super::decision::Decision;
use super::resilience;
use crate::address::HttpVersion;
use crate::endpoint::{Endpoint, Picked};
use crate::http2::{Connection, Outgoing};
use crate::lease::Place;
use crate::problem::Problem;
use crate::transport::{Stream, dial};
use crate::worker::Worker;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::Poll;

/// A connection to one of the release's endpoints.
pub(super) struct Connected {
    pub(super) stream: Stream,
    /// Its endpoint, in the release's set.
    pub(super) endpoint: Picked,
    pub(super) reused: bool,
    /// The endpoint's turn, where turns are limited.
    pub(super) turn: Option<Place>,
}

impl Client {
    /// A pooled connection, or a new one within the deadline; or else the endpoint, if there is one,
    /// and what went wrong.
    pub(super) async fn connect(
        &mut self,
        call: &Call,
        decision: &Decision,
        tried: &[usize],
        fresh: bool,
        over_ms: u64,
    ) -> Result<Connected, (Option<Picked>, Problem)> {
        let worker = Rc::clone(&self.worker);
        let load = |endpoint: &Endpoint| worker.pools.borrow().in_flight(endpoint.id);
        let affinity = call.found.conversation.as_deref();
        let Some(release) = decision.release() else { return Err((None, Problem::StableDown)) };
        // All tried or ill by now: the first is as good as any to say so.
        let (now_ms, trial) =
            (worker.watches.now_ms(), Some(resilience::trial(decision.workload())));
        let pick = |affinity, tried| release.endpoints.pick(affinity, tried, now_ms, trial, load);
        let picked = pick(affinity, tried)
            .or_else(|| pick(None, &[]))
            .unwrap_or_else(|| release.endpoints.picked(0));
        let endpoint = &release.endpoints.all()[picked.at];
        let timeouts = decision.workload().prepared.settings.timeouts;
        let due_ms = self.watch.after(timeouts.connect).min(over_ms);
        let turn = self.turn(decision, endpoint, due_ms).await;
        let turn = turn.map_err(|problem| (Some(picked), problem))?;
        let pooled = if fresh {
            None
        } else {
            worker.pools.borrow_mut().take(endpoint.id, worker.watches.now_ms())
        };
        if let Some(stream) = pooled {
            return Ok(Connected { stream, endpoint: picked, reused: true, turn });
        }
        self.watch.set_at(due_ms);
        let expires_ms = self.watch.after(timeouts.pool_idle);
        let opened = self.in_time(self.open(endpoint, fresh, expires_ms)).await;
        match opened {
            Some(Ok((stream, reused))) => Ok(Connected { stream, endpoint: picked, reused, turn }),
            Some(Err(problem)) => Err((Some(picked), problem)),
            None => Err((Some(picked), Problem::ConnectTimeout)),
        }
    }

    /// A stream to the endpoint that can carry the request, and whether what it is on carried one
    /// before.
    async fn open(
        &self,
        endpoint: &Endpoint,
        fresh: bool,
        expires_ms: u64,
    ) -> Result<(Stream, bool), Problem> {
        let (mut fresh, upgrading) = (fresh, self.head.upgrade.is_some());
        loop {
            let opened = open_any(&self.worker, endpoint, upgrading, fresh, expires_ms).await;
            let (stream, used) = opened.map_err(|_| Problem::UpstreamConnect)?;
            let Stream::Outgoing(outgoing) = &stream else { return Ok((stream, used)) };
            if !self.head.wants_websocket(&self.input) {
                return Ok((stream, used));
            }
            match self.takes_websockets(endpoint, outgoing).await {
                Ok(true) => return Ok((stream, used)),
                Ok(false) => return Err(Problem::NoWebSockets),
                // It was dead, and nobody had noticed.
                Err(_) if used && !fresh => fresh = true,
                Err(_) => return Err(Problem::UpstreamConnect),
            }
        }
    }

    /// Returns whether a WebSocket may be opened there. One request at a time asks.
    async fn takes_websockets(&self, endpoint: &Endpoint, on: &Outgoing) -> io::Result<bool> {
        let opening = self.worker.pools.borrow_mut().opening(endpoint.id);
        let _turn = match &opening {
            Some(opening) => Some(opening.lock().await),
            None => None,
        };
        on.takes_websockets().await
    }

    async fn in_time<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        let mut what = std::pin::pin!(what);
        poll_fn(|cx| match what.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.watch.poll_due(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Keeps a connection that may carry another request. What is shared is kept already.
    pub(super) fn keep(&self, decision: &Decision, endpoint: usize, stream: Stream) {
        let Some(release) = decision.release() else { return };
        let Stream::Conn(_) = stream else { return };
        let endpoint = &release.endpoints.all()[endpoint];
        let idle = decision.workload().prepared.settings.timeouts.pool_idle;
        self.worker.pools.borrow_mut().keep(endpoint.id, stream, self.watch.after(idle));
    }
}

/// A stream to the endpoint, whatever it is to carry, and whether what it is on carried a request
/// before.
pub(super) async fn open_any(
    worker: &Worker,
    endpoint: &Endpoint,
    upgrading: bool,
    fresh: bool,
    expires_ms: u64,
) -> io::Result<(Stream, bool)> {
    let (pools, id, address) = (&worker.pools, endpoint.id, &endpoint.address);
    let sharing = match address.protocol {
        HttpVersion::Http1 => false,
        HttpVersion::Negotiate => !upgrading,
        HttpVersion::Http2 => true,
    };
    if !sharing {
        let (conn, _) = dial(&worker.connector, address, upgrading).await?;
        return Ok((Stream::Conn(conn), false));
    }
    let share = || {
        let (outgoing, used) = pools.borrow_mut().share(id, expires_ms)?;
        Some((Stream::Outgoing(Box::new(outgoing)), used))
    };
    if !fresh && let Some(shared) = share() {
        return Ok(shared);
    }
    let opening = pools.borrow_mut().opening(id);
    let _turn = match &opening {
        Some(opening) => Some(opening.lock().await),
        None => None,
    };
    // Whoever had the turn before may have opened just what is wanted.
    if !fresh && let Some(shared) = share() {
        return Ok(shared);
    }
    let (conn, http2) = dial(&worker.connector, address, false).await?;
    pools.borrow_mut().note_choice(id, http2);
    if !http2 {
        return Ok((Stream::Conn(conn), false));
    }
    let connection = Connection::begin(conn).await?;
    let outgoing = connection.open();
    pools.borrow_mut().add_shared(id, connection, expires_ms);
    Ok((Stream::Outgoing(Box::new(outgoing)), false))
}
