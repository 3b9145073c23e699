//! What is queued, and what became of it.

use serde::{Deserialize, Serialize};

/// A request as it is sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Request line and fields, each line ended by CRLF, without the empty line, and without fields that belong to
    /// the connection or frame the body.
    #[serde(with = "crate::text")]
    pub head: Vec<u8>,
    /// The body, without its transfer coding.
    #[serde(with = "crate::text")]
    pub body: Vec<u8>,
    /// The client's IP address; none over a Unix socket.
    pub peer: Option<std::net::IpAddr>,
    /// The client spoke TLS.
    pub secure: bool,
    /// The id under which it came.
    pub request_id: String,
}

impl Request {
    /// Head and body, ready for a connection.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let length = format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len());
        [&self.head, length.as_bytes(), &self.body].concat()
    }
}

/// A request that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The workload.
    pub workload: String,
    /// Method and path, without the query.
    pub line: String,
    /// Names the caller's key: a second request with the same one is the first.
    pub caller: Option<[u8; 32]>,
    /// Digest of the request, by which a key that is used for another one is found.
    pub digest: [u8; 32],
    /// Sending it twice does no harm: an idempotent method, or an idempotency key.
    pub repeatable: bool,
    /// The request.
    pub request: Request,
}

/// What became of a request that was to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk, under this id; also if it was before, by its key.
    Yes(String),
    /// There is no room.
    Full,
    /// The key belongs to another request.
    KeyReused,
    /// The disk, or the configuration, does not let it be kept.
    Failed,
}

/// The answer of a backend, or of the proxy in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Fields, each line ended by CRLF, without those that belong to the connection or frame the body.
    #[serde(with = "crate::text")]
    pub fields: Vec<u8>,
    /// The body.
    #[serde(with = "crate::text")]
    pub body: Vec<u8>,
}

/// The state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for the workload.
    Waiting,
    /// It is being sent.
    Sending,
    /// Its answer is there.
    Answered,
    /// The process died while it was sent: nobody knows what the backend did.
    Unknown,
    /// A person took it out.
    Dropped,
    /// It waited too long.
    Expired,
}

impl State {
    /// Every state; the position is the form in the file.
    pub(crate) const ALL: [Self; 6] =
        [Self::Waiting, Self::Sending, Self::Answered, Self::Unknown, Self::Dropped, Self::Expired];

    /// The word used in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Answered => "answered",
            Self::Unknown => "unknown",
            Self::Dropped => "dropped",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn from_file(number: i64) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::ALL.get(at))
            .copied()
            .unwrap_or(Self::Unknown)
    }
}

/// An entry for people: without bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order.
    pub seq: i64,
    /// Its id.
    pub id: String,
    /// The workload.
    pub workload: String,
    /// Its state.
    pub state: State,
    /// Method and path.
    pub line: String,
    /// When it came, in Unix milliseconds.
    pub created_ms: u64,
    /// When its state changed last.
    pub changed_ms: u64,
    /// When it is given up, or forgotten.
    pub expires_ms: u64,
    /// How often it was begun to be sent.
    pub tries: u64,
    /// Status of its answer.
    pub status: Option<u16>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What a caller gets who asks for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// There is no such entry, or not any more.
    Nothing,
    /// Not yet.
    Waiting,
    /// The answer.
    Answered(Answer),
    /// It never will be answered.
    Over(State),
}
