//! What is asked of a connection.

use super::protocol::Message;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A request or publication that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// There is no connection, or it was lost before the answer came.
    #[error("there is no connection to a server{}", if .0.is_empty() { String::new() } else { format!(": {}", .0) })]
    Disconnected(String),
    /// Nobody answered in time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// Nobody listens to the subject: JetStream is off, or its leader is being elected.
    #[error("nobody answers: JetStream is off or has no leader")]
    Unheard,
    /// The message is larger than the server takes.
    #[error("a message of {size} bytes is more than the server takes ({most})")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit of the server.
        most: usize,
    },
}

/// What is written.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) subject: String,
    pub(crate) reply: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Bytes,
}

pub(crate) type Answered = oneshot::Sender<Result<Message, ClientError>>;

pub(crate) enum Command {
    Publish(Outgoing),
    Request(Outgoing, Answered),
    Subscribe(String, mpsc::Sender<Message>),
}
