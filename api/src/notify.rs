//! Channels for notifications.

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
    /// The owners whose notices it receives; empty means all.
    pub owners: Vec<String>,
    /// The lowest severity that it receives: `info`, `warning` or `critical`.
    pub severity: Severity,
    /// The workloads whose notices it receives; empty means all.
    pub workloads: Vec<String>,
    /// Messages that wait.
    pub pending: u64,
    /// When the oldest of them was made, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending_at_ms: Option<u64>,
    /// When a message last arrived, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at_ms: Option<u64>,
    /// When an attempt last failed, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_at_ms: Option<u64>,
    /// The error of that attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// The result of a channel test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelTested {
    /// The channel.
    pub channel: String,
    /// True if the receiver accepted the message.
    pub delivered: bool,
    /// The error, if it was not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Id of the notice that was sent.
    pub notice: String,
    /// Its duration in milliseconds.
    pub took_ms: u64,
}
