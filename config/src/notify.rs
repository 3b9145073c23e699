//! Checked settings of the channels through which people are told.

use crate::Secret;
use stagegate_rollout::{Severity, WorkloadName};

/// One receiver of notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name: the one of metrics, of the API and of `stagegate notify test`.
    pub name: String,
    /// What it is and how it is reached.
    pub target: ChannelTarget,
    /// Only notices of these owners and those without an owner; empty means all.
    pub owners: Vec<String>,
    /// Only notices that matter at least so much.
    pub severity: Severity,
    /// Only notices about these workloads; empty means all.
    pub workloads: Vec<WorkloadName>,
}

/// How a receiver is reached. Each URL is whole: it is posted to as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelTarget {
    /// Stagegate's own JSON.
    Webhook {
        /// Where to post.
        url: Secret,
        /// What messages are signed with; without it they are not.
        secret: Option<Secret>,
    },
    /// A Slack-compatible incoming webhook.
    Slack {
        /// Where to post.
        url: Secret,
    },
    /// PagerDuty, Events API v2.
    PagerDuty {
        /// Where to post.
        url: Secret,
        /// The integration's routing key.
        key: Secret,
    },
    /// Alertmanager, API v2.
    Alertmanager {
        /// Where to post, `/api/v2/alerts` included.
        url: Secret,
    },
}

/// What kind of receiver a channel is.
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
