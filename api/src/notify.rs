//! Channels through which people are told.

use super::{ChannelKind, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/notify`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Channels {
    /// In the order of the configuration.
    pub channels: Vec<ChannelStatus>,
}

/// One channel and how it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelStatus {
    /// Its name.
    pub name: String,
    /// `webhook`, `slack`, `pagerduty` or `alertmanager`.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// Whose notices it gets; empty means everybody's.
    pub owners: Vec<String>,
    /// How much a notice must matter: `info`, `warning` or `critical`.
    pub severity: Severity,
    /// The workloads it is told about; empty means all.
    pub workloads: Vec<String>,
    /// Messages that wait.
    pub pending: u64,
    /// When the oldest of them was made, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending_at_ms: Option<u64>,
    /// When a message last arrived, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at_ms: Option<u64>,
    /// When a try last failed, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_at_ms: Option<u64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// How the test of a channel went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelTested {
    /// The channel.
    pub channel: String,
    /// Whether the receiver took the message.
    pub delivered: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Id of the notice that was sent.
    pub notice: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}
