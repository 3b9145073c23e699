//! Match rules: no two workloads may claim the same requests in the same words.

use super::plain;
use crate::Match;
use crate::raw::{RawMatch, RawWorkload};
use crate::read::{At, Context, Map};
use stagegate_rollout::WorkloadName;
use std::collections::HashMap;

/// One rule.
pub(crate) fn rule(raw: &RawMatch) -> Option<Match> {
    let mut headers: Vec<(String, String)> = plain(raw.headers.as_ref().map(|at| At {
        value: at.value.0.iter().map(|(k, v)| (k.value.0.clone(), v.value.0.clone())).collect(),
        site: at.site.clone(),
    }))?;
    headers.sort();
    Some(Match {
        host: raw.host.as_ref().map(|at| at.value.clone()),
        path_prefix: raw.path_prefix.as_ref().map(|at| at.value.0.clone()),
        headers,
    })
}

/// Reports rules that are given twice.
pub(crate) fn check_distinct(workloads: &Map<WorkloadName, RawWorkload>, cx: &mut Context<'_>) {
    let mut seen: HashMap<Match, (String, u32)> = HashMap::new();
    for (name, raw) in &workloads.0 {
        for at in raw.value.r#match.iter().flat_map(|at| &at.value.0) {
            if cx.reported(&at.site.key) {
                continue;
            }
            let Some(mut rule) = rule(&at.value) else { continue };
            // Prefixes cover whole segments: `/a` and `/a/` are the same, and `/` is no condition.
            rule.path_prefix = rule
                .path_prefix
                .map(|path| path.trim_end_matches('/').to_owned())
                .filter(|path| !path.is_empty());
            if let Some((owner, line)) = seen.get(&rule) {
                let message = if *owner == name.value.as_str() {
                    format!("is the same condition as in line {line}")
                } else {
                    format!("is the same condition as workload `{owner}` has in line {line}")
                };
                cx.problem(
                    &at.site,
                    message,
                    "remove it, or tell the two apart by host, path or header",
                );
            } else {
                seen.insert(rule, (name.value.as_str().to_owned(), at.site.mark.line));
            }
        }
    }
}
