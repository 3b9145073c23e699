//! Requests of a killed workload on their way into the queue, and answers on their way out of it. The queue itself is
//! behind [`QueueSink`], which must not block: it runs on the workers' threads.

use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Path below which callers find the answers to queued requests.
pub(crate) const PLACE: &str = "/stagegate/retry/";

/// A request that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The workload.
    pub workload: Arc<str>,
    /// Method and path, without the query.
    pub line: String,
    /// Request line and fields, without those that belong to the connection or frame the body, and without the
    /// empty line.
    pub head: Vec<u8>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// The client's IP address; none over a Unix socket.
    pub peer: Option<IpAddr>,
    /// The client spoke TLS.
    pub secure: bool,
    /// The id of the request.
    pub request_id: String,
    /// Sending it twice does no harm: an idempotent method, or an idempotency key.
    pub repeatable: bool,
    /// The caller's `Idempotency-Key`.
    pub key: Option<Vec<u8>>,
    /// What names the caller: `Authorization`, `Cookie` and other fields by which keys of different callers are told
    /// apart.
    pub caller: Vec<u8>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueReply {
    /// It is on disk under this id.
    Kept(String),
    /// There is no room, or it cannot be stored.
    NotKept,
    /// The idempotency key belongs to another request.
    KeyReused,
}

/// The answer to a queued request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAnswer {
    /// There is no such request, or not any more.
    Nothing,
    /// Not yet.
    Waiting,
    /// It is here.
    Answered {
        /// HTTP status.
        status: u16,
        /// Fields, each ended by CRLF.
        fields: Vec<u8>,
        /// The body.
        body: Vec<u8>,
    },
    /// It never will be answered; why, in a word.
    Over(&'static str),
}

/// A question to the queue.
#[derive(Debug)]
pub enum QueueAsk {
    /// Keep this.
    Keep(Box<Queued>, oneshot::Sender<QueueReply>),
    /// The answer to the request with this id.
    Answer(String, oneshot::Sender<QueueAnswer>),
}

/// The way to the queue.
pub type QueueSink = Arc<dyn Fn(QueueAsk) + Send + Sync>;
