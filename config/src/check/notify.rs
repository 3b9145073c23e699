//! Notification channels: each with what its kind needs, and nothing else.

use crate::notify::ChannelKind;
use crate::raw::RawChannel;
use crate::read::{At, Context, Site, plain};
use crate::scalar::{ChannelKey, ChannelSecret, ChannelUrl};
use crate::{Channel, ChannelTarget, Secret};
use stagegate_rollout::{Severity, WorkloadName};
use std::collections::{BTreeSet, HashMap};

/// URL of PagerDuty's events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// Path of Alertmanager's alerts, below its address.
const ALERTS: &str = "/api/v2/alerts";

/// Every channel. `declared` are the workloads of the file; without them (they are wrong) the
/// channels' own are not compared.
pub(crate) fn channels(
    raw: Option<At<Vec<At<RawChannel>>>>,
    declared: Option<&BTreeSet<WorkloadName>>,
    cx: &mut Context<'_>,
) -> Option<Vec<Channel>> {
    let raw = raw?.value;
    let mut names: HashMap<String, u32> = HashMap::new();
    for name in raw.iter().filter_map(|at| at.value.name.as_ref()) {
        if let Some(line) = names.insert(name.value.0.clone(), name.site.mark.line) {
            let message = format!("is already the name of the channel in line {line}");
            cx.problem(&name.site, message, "give every channel its own name");
        }
    }
    let checked: Vec<_> = raw.into_iter().map(|at| channel(at, declared, cx)).collect();
    checked.into_iter().collect()
}

fn channel(
    At { value: raw, site }: At<RawChannel>,
    declared: Option<&BTreeSet<WorkloadName>>,
    cx: &mut Context<'_>,
) -> Option<Channel> {
    let workloads = workloads(raw.workloads, declared, cx);
    let kind = plain(raw.r#type)?;
    let target = target(kind, (raw.url, raw.key, raw.secret), &site, cx);
    let quiet = matches!(kind, ChannelKind::PagerDuty | ChannelKind::Alertmanager);
    let default = if quiet { Severity::Warning } else { Severity::Info };
    Some(Channel {
        name: plain(raw.name)?.0,
        target: target?,
        owners: raw.owners?.value.into_iter().map(|at| at.value.0).collect(),
        severity: plain(raw.severity).unwrap_or(default),
        workloads: workloads?,
    })
}

fn workloads(
    named: Option<At<Vec<At<WorkloadName>>>>,
    declared: Option<&BTreeSet<WorkloadName>>,
    cx: &mut Context<'_>,
) -> Option<Vec<WorkloadName>> {
    let named = named?.value;
    for at in &named {
        if let Some(declared) = declared.filter(|declared| !declared.contains(&at.value)) {
            let known: Vec<&str> = declared.iter().map(WorkloadName::as_str).collect();
            let hint = format!("write one of: {}", known.join(", "));
            cx.problem(&at.site, "is not among the workloads of this file", hint);
        }
    }
    Some(named.into_iter().map(|at| at.value).collect())
}

/// The keys of which each kind has its own.
type Keys = (Option<At<ChannelUrl>>, Option<At<ChannelKey>>, Option<At<ChannelSecret>>);

fn target(
    kind: ChannelKind,
    (url, key, secret): Keys,
    site: &Site,
    cx: &mut Context<'_>,
) -> Option<ChannelTarget> {
    if let Some(at) = key.as_ref().filter(|_| kind != ChannelKind::PagerDuty) {
        not_of(kind, "pagerduty", &at.site, cx);
    }
    if let Some(at) = secret.as_ref().filter(|_| kind != ChannelKind::Webhook) {
        not_of(kind, "webhook", &at.site, cx);
    }
    let (url, key, secret) =
        (url.map(|at| at.value.0), key.map(|at| at.value.0), secret.map(|at| at.value.0));
    Some(match kind {
        ChannelKind::Webhook => {
            ChannelTarget::Webhook { url: needed(url, kind, "url", site, cx)?, secret }
        }
        ChannelKind::Slack => ChannelTarget::Slack { url: needed(url, kind, "url", site, cx)? },
        ChannelKind::PagerDuty => ChannelTarget::PagerDuty {
            key: needed(key, kind, "key", site, cx)?,
            url: url.unwrap_or_else(|| Secret::new(PAGERDUTY)),
        },
        ChannelKind::Alertmanager => {
            let url = needed(url, kind, "url", site, cx)?;
            let base = url.expose().trim_end_matches('/');
            let base = base.strip_suffix(ALERTS).unwrap_or(base);
            ChannelTarget::Alertmanager { url: Secret::new(&format!("{base}{ALERTS}")) }
        }
    })
}

fn needed(
    value: Option<Secret>,
    kind: ChannelKind,
    key: &str,
    site: &Site,
    cx: &mut Context<'_>,
) -> Option<Secret> {
    let key_site = site.missing(key);
    // An unreadable value was reported where it was read.
    if value.is_none() && !cx.reported(&key_site.key) {
        let message = format!("is missing: type `{}` needs it", kind.label());
        cx.problem(
            &key_site,
            message,
            format!("add `{key}`, best as `${{NAME}}` from the environment"),
        );
    }
    value
}

fn not_of(kind: ChannelKind, other: &str, site: &Site, cx: &mut Context<'_>) {
    let message = format!("is for `{other}` only, and this is a `{}`", kind.label());
    cx.problem(site, message, "remove it");
}
