//! Sources of external gates: each with what its kind needs, and nothing else.

use crate::metric_source::{MetricKind, MetricSource, MetricTarget};
use crate::raw::RawMetricSource;
use crate::read::{At, Context, plain};
use std::collections::HashMap;

/// Every source. Their names and kinds are left in the context, for the gates.
pub(crate) fn metric_sources(
    raw: Option<At<Vec<At<RawMetricSource>>>>,
    cx: &mut Context<'_>,
) -> Option<Vec<MetricSource>> {
    let raw = raw?.value;
    let mut names: HashMap<String, u32> = HashMap::new();
    let mut known = Vec::new();
    for At { value: source, .. } in &raw {
        let Some(name) = &source.name else { continue };
        if let Some(line) = names.insert(name.value.0.clone(), name.site.mark.line) {
            let message = format!("is already the name of the source in line {line}");
            cx.problem(&name.site, message, "give every source its own name");
        }
        if let Some(kind) = &source.r#type {
            known.push((name.value.0.clone(), kind.value));
        }
    }
    // Of a list that could not be read nobody knows what is in it.
    let readable = raw.iter().all(|at| at.value.name.is_some() && at.value.r#type.is_some());
    cx.metric_sources = readable.then_some(known);
    let checked: Vec<_> = raw.into_iter().map(|at| source(at.value, cx)).collect();
    checked.into_iter().collect()
}

fn source(raw: RawMetricSource, cx: &mut Context<'_>) -> Option<MetricSource> {
    let kind = plain(raw.r#type)?;
    let mut not_of = |site, other: MetricKind| {
        let message = format!("is for `{}` only, and this is a `{}`", other.label(), kind.label());
        cx.problem(site, message, "remove it");
    };
    if let Some(at) = raw.token.as_ref().filter(|_| kind != MetricKind::Prometheus) {
        not_of(&at.site, MetricKind::Prometheus);
    }
    if let Some(at) = raw.secret.as_ref().filter(|_| kind != MetricKind::Webhook) {
        not_of(&at.site, MetricKind::Webhook);
    }
    let (url, token, secret) =
        (plain(raw.url)?.0, raw.token.map(|at| at.value.0), raw.secret.map(|at| at.value.0));
    let target = match kind {
        MetricKind::Prometheus => MetricTarget::Prometheus { url, token },
        MetricKind::Webhook => MetricTarget::Webhook { url, secret },
    };
    Some(MetricSource { name: plain(raw.name)?.0, target })
}
