//! Answers of JetStream's API, as far as they are read.
//!
//! The forms are those of the NATS documentation, "JetStream wire API reference".

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Wrong last sequence, as the leader of the stream says.
pub(crate) const WRONG_LAST_SEQUENCE: u64 = 10071;
/// The same, found when the write was applied.
pub(crate) const WRONG_LAST_SEQUENCE_LATE: u64 = 10164;
/// There is no such message.
pub(crate) const NO_MESSAGE: u64 = 10037;
/// There is no such stream.
pub(crate) const NO_STREAM: u64 = 10059;

/// An error of the API.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Failure {
    #[serde(default)]
    pub(crate) err_code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

/// The answer to a write.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) seq: u64,
}

/// The answer to the removal of messages.
#[derive(Debug, Deserialize)]
pub(crate) struct Purged {
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) purged: u64,
}

/// The answer to a question for a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Got {
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) message: Option<Raw>,
}

/// A message of the stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Raw {
    pub(crate) seq: u64,
    /// Base64.
    #[serde(default)]
    pub(crate) data: String,
}

impl Raw {
    /// The contents.
    pub(crate) fn bytes(&self) -> Result<Bytes, String> {
        let decoded = base64::engine::general_purpose::STANDARD.decode(&self.data);
        decoded.map(Bytes::from).map_err(|error| error.to_string())
    }
}

/// The answer to a question for a stream, or to its creation.
#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) config: Option<Config>,
    #[serde(default)]
    pub(crate) state: Option<State>,
    #[serde(default)]
    pub(crate) cluster: Option<Cluster>,
}

/// Settings of a stream.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) num_replicas: u64,
    #[serde(default)]
    pub(crate) storage: String,
}

/// State of a stream.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct State {
    #[serde(default)]
    pub(crate) last_seq: u64,
    #[serde(default)]
    pub(crate) subjects: BTreeMap<String, u64>,
}

/// The servers that keep a stream.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Cluster {
    #[serde(default)]
    pub(crate) leader: String,
    #[serde(default)]
    pub(crate) replicas: Vec<Peer>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Peer {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) current: bool,
    #[serde(default)]
    pub(crate) offline: bool,
}
