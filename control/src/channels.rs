//! Delivery as the control plane uses it: channels of the configuration made into channels of
//! `stagegate-notify`.

use stagegate_config as config;
use stagegate_notify::{Channel, Filter, Hidden, Target};
use stagegate_rollout::WorkloadName;

/// The channels that the configuration in force asks for, in its order.
#[must_use]
pub fn channels(config: &config::Config) -> Vec<Channel> {
    config.notify.iter().map(channel).collect()
}

fn channel(from: &config::Channel) -> Channel {
    Channel {
        name: from.name.clone(),
        target: target(&from.target),
        filter: Filter {
            owners: from.owners.clone(),
            severity: from.severity,
            workloads: from.workloads.iter().map(WorkloadName::to_string).collect(),
        },
    }
}

fn target(from: &config::ChannelTarget) -> Target {
    let hidden = |secret: &config::Secret| Hidden::new(secret.expose());
    match from {
        config::ChannelTarget::Webhook { url, secret } => {
            Target::Webhook { url: hidden(url), secret: secret.as_ref().map(hidden) }
        }
        config::ChannelTarget::Slack { url } => Target::Slack { url: hidden(url) },
        config::ChannelTarget::PagerDuty { url, key } => {
            Target::PagerDuty { url: hidden(url), key: hidden(key) }
        }
        config::ChannelTarget::Alertmanager { url } => Target::Alertmanager { url: hidden(url) },
    }
}
