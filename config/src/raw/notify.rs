//! Keys for the receivers of messages.

use crate::notify::ChannelKind;
use crate::read::{At, raw, words};
use crate::scalar::{ChannelKey, ChannelName, ChannelSecret, ChannelUrl, Line};
use stagegate_rollout::{Severity, WorkloadName};

raw! {
    /// A receiver of notices: of verdicts, rollbacks, promotions, alerts and their end.
    pub(crate) struct RawChannel {
        /// Its name, for `stagegate notify test`.
        name: ChannelName = required,
        /// The kind of receiver.
        r#type: ChannelKind = required,
        /// The URL to post to, `http://…` or `https://…`; never shown. Required except for
        /// `pagerduty`, which has its own. For `alertmanager` the address before `/api/v2/alerts`.
        url: ChannelUrl = optional,
        /// Routing key of a PagerDuty integration; `pagerduty` needs it, the others have none.
        key: ChannelKey = optional,
        /// The key with which a `webhook` signs its messages, at least 16 characters. Without it
        /// they are not signed.
        secret: ChannelSecret = optional,
        /// Only notices of gates with these owners, and those that have no owner. By default all.
        owners: Vec<At<Line>> = default("[]"),
        /// Only notices that matter at least so much. By default `warning` for `pagerduty` and
        /// `alertmanager`, `info` for the others.
        severity: Severity = optional,
        /// Only notices about these workloads. By default all.
        workloads: Vec<At<WorkloadName>> = default("[]"),
    }
}

words! {
    /// The severity of a notice.
    Severity, |severity| severity.label(), {
        /// Good to know.
        Info,
        /// Worth a look today.
        Warning,
        /// Worth a look now.
        Critical,
    }
}

words! {
    /// The kind of a channel's receiver.
    ChannelKind, |kind| kind.label(), {
        /// Anything that takes Stagegate's own JSON, signed.
        Webhook,
        /// A Slack incoming webhook, or what takes the same.
        Slack,
        /// PagerDuty's Events API v2: one incident a problem, resolved when it is over.
        PagerDuty,
        /// Alertmanager's API v2.
        Alertmanager,
    }
}
