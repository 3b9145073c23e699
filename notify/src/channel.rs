//! Channels: a receiver, its credentials, and a filter of notices.

use crate::format::{alertmanager, pagerduty, slack, webhook};
use crate::{Hidden, Notice, Request, Severity};
use stagegate_store::NewMessage;

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name: the one of the configuration, of metrics and of the outbox.
    pub name: String,
    /// Its type.
    pub target: Target,
    /// The filter of its notices.
    pub filter: Filter,
}

/// A kind of receiver, with the whole URL that is posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Anything that takes our own JSON; see [`crate::signature()`].
    Webhook {
        /// The URL to post to.
        url: Hidden,
        /// The key of the signature, if messages are signed.
        secret: Option<Hidden>,
    },
    /// A Slack incoming webhook, or what takes the same.
    Slack {
        /// The URL to post to.
        url: Hidden,
    },
    /// PagerDuty's Events API v2.
    PagerDuty {
        /// The URL to post to.
        url: Hidden,
        /// The integration's routing key.
        key: Hidden,
    },
    /// Alertmanager's API v2.
    Alertmanager {
        /// The whole URL of `/api/v2/alerts`.
        url: Hidden,
    },
}

impl Target {
    /// The word used in the configuration.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }

    /// Every text that must not be shown.
    pub(crate) fn hidden(&self) -> Vec<&str> {
        let (url, key) = match self {
            Self::Webhook { url, secret } => (url, secret.as_ref()),
            Self::PagerDuty { url, key } => (url, Some(key)),
            Self::Slack { url } | Self::Alertmanager { url } => (url, None),
        };
        std::iter::once(url).chain(key).map(Hidden::expose).collect()
    }
}

/// The notices that a channel wants. All conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only those of these owners, and those without an owner; empty means all.
    pub owners: Vec<String>,
    /// Only those that matter at least so much.
    pub severity: Severity,
    /// Only those of these workloads; empty means all.
    pub workloads: Vec<String>,
}

impl Default for Filter {
    /// Everything.
    fn default() -> Self {
        Self { owners: Vec::new(), severity: Severity::Info, workloads: Vec::new() }
    }
}

impl Filter {
    /// True if a notice is wanted. What has no owner concerns everybody.
    #[must_use]
    pub fn wants(&self, notice: &Notice) -> bool {
        let owner = self.owners.is_empty()
            || notice.owner.as_ref().is_none_or(|owner| self.owners.contains(owner));
        let workload = self.workloads.is_empty() || self.workloads.contains(&notice.workload);
        owner && workload && notice.severity >= self.severity
    }
}

impl Channel {
    /// The request that tells the channel of a notice at `now_ms`. Its `Idempotency-Key` is the
    /// same for every try, so that a receiver who knows that header takes it once.
    #[must_use]
    pub fn request(&self, notice: &Notice, now_ms: u64) -> Request {
        let mut request = match &self.target {
            Target::Webhook { url, secret } => {
                webhook::request(notice, url, secret.as_ref(), now_ms)
            }
            Target::Slack { url } => slack::request(notice, url),
            Target::PagerDuty { url, key } => pagerduty::request(notice, url, key),
            Target::Alertmanager { url } => alertmanager::request(notice, url),
        };
        let visible = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
        };
        let key = format!("{}:{}", visible(&notice.id), visible(&self.name));
        request.headers.push(("idempotency-key", key));
        request
    }
}

/// The messages that tell every channel what it wants to hear, for the outbox.
#[must_use]
pub fn route(channels: &[Channel], notices: &[Notice]) -> Vec<NewMessage> {
    let pairs = notices.iter().flat_map(|notice| {
        let wanting = channels.iter().filter(|channel| channel.filter.wants(notice));
        wanting.map(move |channel| (channel, notice))
    });
    pairs
        .filter_map(|(channel, notice)| {
            Some(NewMessage {
                channel: channel.name.clone(),
                notice: notice.id.clone(),
                topic: notice.topic(),
                rank: notice.severity as u8,
                // A notice holds nothing that JSON cannot, so none is left out.
                body: serde_json::to_string(notice).ok()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use crate::{Notice, NoticeKind, Severity};

    #[test]
    fn a_channel_hears_what_it_wants_and_no_more() {
        let notice = |severity| {
            Notice::new("n", NoticeKind::GateAlert, severity, "agent", 0, "t").owned_by("finance")
        };
        let everything = Filter::default();
        assert!(everything.wants(&notice(Severity::Info)));
        let pager = Filter {
            owners: vec!["oncall".to_owned()],
            severity: Severity::Warning,
            workloads: vec!["agent".to_owned()],
        };
        assert!(!pager.wants(&notice(Severity::Critical)), "another owner's");
        let mut ours = notice(Severity::Critical).owned_by("oncall");
        assert!(pager.wants(&ours));
        ours.owner = None;
        assert!(pager.wants(&ours), "nobody's is everybody's");
        ours.severity = Severity::Info;
        assert!(!pager.wants(&ours), "too little");
        ours.severity = Severity::Warning;
        ours.workload = "other".to_owned();
        assert!(!pager.wants(&ours), "another workload");
    }
}
