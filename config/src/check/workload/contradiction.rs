//! Contradictions between the parts of a workload.

use super::written::Written;
use crate::read::{Context, Site, join};
use stagegate_rollout::SpecError;

/// Reports a contradiction at the part of the file that causes it.
pub(super) fn contradiction(error: &SpecError, sites: &Written, cx: &mut Context<'_>) {
    let at = |site: &Option<Site>| site.clone().unwrap_or_else(|| sites.whole.clone());
    match error {
        SpecError::UnknownRelease { role, known, release } => {
            let site = match *role {
                "stable" => at(&sites.stable),
                "candidate" => at(&sites.candidate),
                _ => at(&sites.fallback),
            };
            // When the releases or this one could not be read, that is the problem to report.
            let entry = join(&join(&sites.whole.key, "releases"), release.as_str());
            if !known.is_empty() && !cx.reported(&entry) {
                cx.problem(
                    &site,
                    "is not among the workload's releases",
                    format!("write one of: {known}"),
                );
            }
        }
        SpecError::SameRelease(_) => cx.problem(
            &at(&sites.candidate),
            "is the stable release too",
            "name another release, or leave `candidate` out",
        ),
        SpecError::WeightWithoutCandidate(_) => {
            if !cx.reported(&join(&sites.whole.key, "candidate")) {
                cx.problem(
                    &at(&sites.weight),
                    "needs a candidate to go to",
                    "add `candidate`, or remove `weight`",
                );
            }
        }
        SpecError::DuplicateCohort(name) => {
            let mut same = sites.cohorts.iter().filter(|(at, _)| at.value == *name);
            let first = same.next().map_or(0, |(at, _)| at.site.mark.line);
            for (at, _) in same {
                let message = format!("is already the name of the cohort in line {first}");
                cx.problem(&at.site, message, "give every cohort its own name");
            }
        }
        SpecError::TenantInTwoCohorts { tenant, first, second } => {
            if cx.only_counts() {
                return;
            }
            let cohort = sites.cohorts.iter().find(|(at, _)| at.value == *second);
            let index = cohort.and_then(|(_, ids)| ids.ids.iter().position(|id| id == tenant));
            if let (Some((_, ids)), Some(index)) = (cohort, index) {
                let message = format!("is in cohort `{first}` already");
                ids.problem(
                    index,
                    cx,
                    message,
                    "keep it in one cohort: a tenant belongs to at most one",
                );
            }
        }
    }
}
