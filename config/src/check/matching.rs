//! Match rules: no two workloads may claim the same requests in the same words.

use crate::raw::RawWorkload;
use crate::read::{Context, Map};
use stagegate_rollout::WorkloadName;
use stagegate_settings::Match;
use std::collections::HashMap;

/// Reports rules that are given twice.
pub(crate) fn check_distinct(workloads: &Map<WorkloadName, RawWorkload>, cx: &mut Context<'_>) {
    let mut seen: HashMap<Match, (String, u32)> = HashMap::new();
    for (name, raw) in &workloads.0 {
        for at in raw.value.r#match.iter().flat_map(|at| &at.value.0) {
            if cx.reported(&at.site.key) {
                continue;
            }
            let mut rule = at.value.clone();
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
