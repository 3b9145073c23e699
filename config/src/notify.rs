//! Checked settings of the notification channels.

use crate::Secret;
use stagegate_rollout::{Severity, WorkloadName};

/// One receiver of notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name: the one of metrics, of the API and of `stagegate notify test`.
    pub name: String,
    /// The kind of receiver and its address.
    pub target: ChannelTarget,
    /// Only notices of these owners and those without an owner; empty means all.
    pub owners: Vec<String>,
    /// Only notices that matter at least so much.
    pub severity: Severity,
    /// Only notices about these workloads; empty means all.
    pub workloads: Vec<WorkloadName>,
}

/// The address of a receiver. Each URL is complete: messages are posted to it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelTarget {
    /// Stagegate's own JSON.
    Webhook {
        /// The URL to post to.
        url: Secret,
        /// The key that signs the messages; without it they are not signed.
        secret: Option<Secret>,
    },
    /// A Slack-compatible incoming webhook.
    Slack {
        /// The URL to post to.
        url: Secret,
    },
    /// PagerDuty, Events API v2.
    PagerDuty {
        /// The URL to post to.
        url: Secret,
        /// The integration's routing key.
        key: Secret,
    },
    /// Alertmanager, API v2.
    Alertmanager {
        /// The URL to post to, `/api/v2/alerts` included.
        url: Secret,
    },
}

/// The kind of a channel's receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelKind {
    Webhook,
    Slack,
    PagerDuty,
    Alertmanager,
}

impl ChannelKind {
    /// The word used in the configuration.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
            Self::Alertmanager => "alertmanager",
        }
    }
}
