//! Upstream connections of one worker: no lock, no channel, no task of their own.

use crate::http2::{Connection, Outgoing};
use crate::lease::{Budget, Lease};
use crate::retry::RetryBudget;
use crate::transport::Stream;
use foldhash::fast::FixedState;
use stagegate_settings::Retry;
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Mutex;

/// Unused connections kept for one endpoint.
const MAX_IDLE: usize = 1024;

/// One worker's connections by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    endpoints: HashMap<u64, Pool, FixedState>,
}

#[derive(Debug, Default)]
struct Pool {
    /// The latest used one last.
    idle: Vec<Idle>,
    /// HTTP/2 connections, each for many requests.
    shared: Vec<Shared>,
    /// Held while a connection that others can share is opened, so that they wait for it.
    opening: Rc<Mutex<()>>,
    /// The endpoint was given the choice and speaks HTTP/1.1.
    chose_http1: bool,
    /// Requests in progress, for choosing the least loaded endpoint.
    in_flight: u64,
    /// The worker's part of the endpoint's limit.
    lease: Option<Rc<Lease>>,
    retries: RetryBudget,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
    expires_ms: u64,
}

#[derive(Debug)]
struct Idle {
    stream: Stream,
    expires_ms: u64,
}

impl Pools {
    /// The latest used connection that is still open.
    pub(crate) fn take(&mut self, endpoint: u64, now_ms: u64) -> Option<Stream> {
        let pool = self.endpoints.get_mut(&endpoint)?;
        while let Some(mut idle) = pool.idle.pop() {
            if now_ms < idle.expires_ms && is_open(&mut idle.stream) {
                return Some(idle.stream);
            }
        }
        None
    }

    /// Keeps a connection that is free for another request.
    pub(crate) fn keep(&mut self, endpoint: u64, stream: Stream, expires_ms: u64) {
        let pool = self.endpoints.entry(endpoint).or_default();
        if pool.idle.len() < MAX_IDLE {
            pool.idle.push(Idle { stream, expires_ms });
        }
    }

    /// A request on a connection that others use too, and whether it carried one before. Its time
    /// unused begins anew.
    pub(crate) fn share(&mut self, endpoint: u64, expires_ms: u64) -> Option<(Outgoing, bool)> {
        let pool = self.endpoints.get_mut(&endpoint)?;
        let shared = pool.shared.iter_mut().find(|shared| shared.connection.has_room())?;
        shared.expires_ms = expires_ms;
        let used = shared.connection.is_used();
        Some((shared.connection.open(), used))
    }

    /// Adds a connection that requests can share.
    pub(crate) fn add_shared(&mut self, endpoint: u64, connection: Connection, expires_ms: u64) {
        let pool = self.endpoints.entry(endpoint).or_default();
        pool.shared.push(Shared { connection, expires_ms });
    }

    /// The lock that is held while a shared connection is opened; none where the endpoint does not
    /// share.
    pub(crate) fn opening(&mut self, endpoint: u64) -> Option<Rc<Mutex<()>>> {
        let pool = self.endpoints.entry(endpoint).or_default();
        (!pool.chose_http1).then(|| Rc::clone(&pool.opening))
    }

    /// Notes the protocol that the endpoint chose.
    pub(crate) fn note_choice(&mut self, endpoint: u64, http2: bool) {
        self.endpoints.entry(endpoint).or_default().chose_http1 = !http2;
    }

    pub(crate) fn in_flight(&self, endpoint: u64) -> u64 {
        self.endpoints.get(&endpoint).map_or(0, |pool| pool.in_flight)
    }

    pub(crate) fn all_in_flight(&self) -> u64 {
        self.endpoints.values().map(|pool| pool.in_flight).sum()
    }

    /// A request goes to the endpoint; when it is not itself a retry, it pays for others.
    pub(crate) fn begin(&mut self, endpoint: u64, pays: Option<&Retry>) {
        let pool = self.endpoints.entry(endpoint).or_default();
        pool.in_flight += 1;
        if let Some(retry) = pays {
            pool.retries.pay(retry);
        }
    }

    /// Returns whether a request to the endpoint may be sent again, which uses up a retry.
    pub(crate) fn may_retry(&mut self, endpoint: u64, retry: &Retry) -> bool {
        self.endpoints.entry(endpoint).or_default().retries.take(retry)
    }

    /// The worker's part of the limit of an endpoint whose requests are counted by `budget`.
    pub(crate) fn lease(&mut self, endpoint: u64, budget: &Arc<Budget>) -> Rc<Lease> {
        let pool = self.endpoints.entry(endpoint).or_default();
        let lease = || Rc::new(Lease::new(Arc::clone(budget)));
        Rc::clone(pool.lease.get_or_insert_with(lease))
    }

    /// Gives places of endpoints back that are not in use.
    pub(crate) fn settle(&self) {
        self.endpoints.values().filter_map(|pool| pool.lease.as_ref()).for_each(|it| it.settle());
    }

    pub(crate) fn end(&mut self, endpoint: u64) {
        if let Some(pool) = self.endpoints.get_mut(&endpoint) {
            pool.in_flight = pool.in_flight.saturating_sub(1);
        }
    }

    /// Closes connections that were unused for too long, and forgets endpoints without users.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        self.endpoints.retain(|_, pool| {
            pool.idle.retain_mut(|idle| now_ms < idle.expires_ms && is_open(&mut idle.stream));
            pool.shared.retain(|shared| {
                let connection = &shared.connection;
                connection.is_open() && (now_ms < shared.expires_ms || !connection.is_idle())
            });
            let used = pool.in_flight > 0 || pool.lease.as_ref().is_some_and(|it| it.is_used());
            used || !pool.idle.is_empty() || !pool.shared.is_empty()
        });
    }
}

/// Returns whether the peer has neither closed nor said anything: a connection that speaks without
/// being asked is as useless as a closed one.
fn is_open(stream: &mut Stream) -> bool {
    let mut byte = [0];
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
}
