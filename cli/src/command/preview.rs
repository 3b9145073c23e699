//! Previews of changes for `--dry-run`: pure.

use super::send::Preview;
use crate::output::{counted, percent};
use stagegate_api::{CheckLine, CheckStanding, ChecklistDetail, ReadinessDemand, WorkloadDetail};
use stagegate_rollout::Weight;

/// The share that the weight gives the candidate now, from 0 to 1.
fn share_now(now: &WorkloadDetail) -> f64 {
    if now.open { now.weight_ratio } else { 0.0 }
}

/// The candidate's name.
fn candidate(now: &WorkloadDetail) -> &str {
    now.candidate.as_deref().unwrap_or("none")
}

/// Says which share of the keys changes sides.
fn shares(now: &WorkloadDetail, candidate: &str, to: f64, seen: &mut Preview) {
    let (from, stable) = (share_now(now), &now.stable);
    let moved = percent((to - from).abs());
    if to > from {
        seen.who(format!("{moved} of {}s move from {stable} to {candidate}", now.sticky));
    } else if to < from {
        seen.who(format!("{moved} of {}s move from {candidate} to {stable}", now.sticky));
    }
    if now.killed.is_some() {
        seen.who("the workload is killed: nobody moves before `stagegate revive`");
    }
}

/// Says that `release` was rolled back and gets no traffic without an override.
pub(crate) fn condemned(
    now: &WorkloadDetail,
    release: Option<&str>,
    overriding: bool,
    seen: &mut Preview,
) {
    let found = now.condemned.iter().find(|it| Some(it.release.as_str()) == release);
    if let Some(found) = found.filter(|it| it.let_in.is_none() && !overriding) {
        seen.refused(format!(
            "release {} was rolled back by {} ({}): add --override and a reason",
            found.release, found.by, found.reason
        ));
    }
}

/// `weight`.
pub(crate) fn weight(now: &WorkloadDetail, to: Weight, overriding: bool, seen: &mut Preview) {
    if now.candidate.is_none() {
        seen.refused("the workload has no candidate: `stagegate rollout start` names one");
    }
    if let Some(rollout) = now.rollout.as_ref().filter(|it| it.active && !overriding) {
        seen.refused(format!(
            "rollout {} is under way and its policy sets the weight: add --override and a reason",
            rollout.id
        ));
    }
    if to > Weight::ZERO {
        condemned(now, now.candidate.as_deref(), overriding, seen);
    }
    let (from, to_text) = (now.weight.clone(), to.to_string());
    if from != to_text || (now.closed.is_some() && to > Weight::ZERO) {
        let closed = if now.closed.is_some() { " (rolled back)" } else { "" };
        seen.moves("weight", from + closed, to_text);
    }
    shares(now, candidate(now), to.ratio(), seen);
}

/// `rollout start --aa`.
pub(crate) fn start_aa(now: &WorkloadDetail, seen: &mut Preview) {
    if let Some(rollout) = now.rollout.as_ref().filter(|it| it.active) {
        seen.refused(format!("rollout {} is under way", rollout.id));
    }
    if now.killed.is_some() {
        seen.refused("the workload is killed: `stagegate revive` first");
    }
    if share_now(now) > 0.0 {
        let candidate = candidate(now);
        seen.refused(format!("{candidate} has traffic: take it out first"));
    }
    let sticky = &now.sticky;
    seen.who(format!(
        "half of the {sticky}s count as the candidate's; everybody stays on {}",
        now.stable
    ));
    seen.who("it is never promoted and ends by itself after the policy's first step");
}

/// `rollback` and `rollout abort`.
pub(crate) fn rollback(now: &WorkloadDetail, seen: &mut Preview) {
    let active = now.rollout.as_ref().filter(|it| it.active);
    if let Some(rollout) = active {
        seen.moves(&format!("rollout {}", rollout.id), rollout.phase.to_string(), "ended");
    }
    let Some(candidate) = &now.candidate else {
        match &now.previous {
            Some(previous) => seen.moves("stable", now.stable.clone(), previous.clone()),
            None => seen.refused("the workload has no candidate and no former stable release"),
        }
        return;
    };
    if now.closed.is_some() {
        return;
    }
    seen.moves("weight", now.weight.clone(), "0%");
    let open: Vec<&str> =
        now.cohorts.iter().filter(|it| it.enabled).map(|it| it.name.as_str()).collect();
    if !open.is_empty() {
        seen.moves("cohorts", open.join(", "), "closed");
    }
    let how = match now.on_rollback.as_str() {
        "finish" => "conversations that run on it end there",
        "cut" => "conversations that run on it are cut",
        _ => "conversations that run on it move too",
    };
    seen.who(format!("everybody on {candidate} moves to {}; {how}", now.stable));
}

/// `kill` and `revive`.
pub(crate) fn switch(now: &WorkloadDetail, on: bool, seen: &mut Preview) {
    let word = |killed: bool| if killed { "on" } else { "off" };
    if now.killed.is_some() == on {
        return;
    }
    seen.moves("kill switch", word(!on), word(on));
    seen.who(if on {
        format!("every request goes to the fallback: {}", now.kill_fallback)
    } else {
        format!(
            "requests go by the rules again: weight {}, stable {}, candidate {}",
            now.weight,
            now.stable,
            candidate(now)
        )
    });
}

/// `cohort enable`.
pub(crate) fn enable(now: &WorkloadDetail, name: &str, opt_in: &[String], seen: &mut Preview) {
    let next = now.cohorts.iter().find(|it| !it.enabled);
    let Some(cohort) = now.cohorts.iter().find(|it| it.name == name) else {
        let known: Vec<&str> = now.cohorts.iter().map(|it| it.name.as_str()).collect();
        return seen.refused(format!("no cohort `{name}`; there are: {}", known.join(", ")));
    };
    if cohort.enabled {
        return seen.refused(format!("cohort `{name}` is already enabled"));
    }
    if let Some(next) = next.filter(|it| it.name != name) {
        seen.refused(format!("cohort `{}` comes first", next.name));
    }
    let open = |it: &&String| !opt_in.iter().any(|tenant| it.starts_with(&format!("{tenant} (")));
    let excluded: Vec<&str> = cohort.excluded.iter().filter(open).map(String::as_str).collect();
    if !excluded.is_empty() {
        seen.refused(format!(
            "it holds excluded tenants: {}; opt each one in with --opt-in",
            excluded.join(", ")
        ));
    }
    seen.moves(&format!("cohort {name}"), "closed", "enabled");
    let tenants = counted(cohort.tenants, "tenant");
    seen.who(format!("{tenants} of it go to {}", candidate(now)));
}

/// `cohort rollback`.
pub(crate) fn close(now: &WorkloadDetail, seen: &mut Preview) {
    match now.cohorts.iter().rfind(|it| it.enabled) {
        Some(last) => {
            seen.moves(&format!("cohort {}", last.name), "enabled", "closed");
            let tenants = counted(last.tenants, "tenant");
            seen.who(format!("{tenants} of it go by the weight again ({})", now.weight));
        }
        None => seen.refused("no cohort is enabled"),
    }
}

/// `rollout start`, with the weight of the policy's first step.
pub(crate) fn start(now: &WorkloadDetail, to: &str, first: &str, seen: &mut Preview) {
    if let Some(rollout) = now.rollout.as_ref().filter(|it| it.active) {
        seen.refused(format!("rollout {} is {}: end it first", rollout.id, rollout.phase));
    }
    if to == now.stable {
        seen.refused(format!("release `{to}` is stable already: name another one"));
    }
    if now.candidate.as_deref() != Some(to) {
        seen.moves("candidate", candidate(now), to);
    }
    seen.moves("weight", now.weight.clone(), first);
    if let Ok(first) = first.parse::<Weight>() {
        shares(now, to, first.ratio(), seen);
    }
}

/// The checks that stand in the way of `rollout start`.
pub(crate) fn checks(list: &ChecklistDetail, overriding: bool, seen: &mut Preview) {
    if list.demand == ReadinessDemand::Off {
        return;
    }
    let all = list.checks.len();
    seen.who(format!(
        "{} of {all} checks open, {} waived: `stagegate checklist show {}`",
        list.open, list.waived, list.workload
    ));
    if list.demand == ReadinessDemand::Required && !overriding {
        let closed = [CheckStanding::Yes, CheckStanding::Waived];
        for line in list.checks.iter().filter(|it| !closed.contains(&it.standing)) {
            let CheckLine { id, owner, seen: why, remedy, .. } = line;
            seen.refused(format!("check {id} (owner {owner}): {why}: {remedy}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{close, rollback, switch, weight};
    use crate::canned;
    use crate::command::send::Preview;
    use stagegate_api::WorkloadDetail;

    fn now() -> WorkloadDetail {
        serde_json::from_value(canned::workload("10%")).expect("the API's own shape")
    }

    fn seen(preview: impl FnOnce(&mut Preview)) -> String {
        let mut seen = Preview::default();
        preview(&mut seen);
        format!("{seen:?}")
    }

    #[test]
    fn a_weight_moves_the_difference() {
        let text = seen(|it| weight(&now(), "50%".parse().expect("a share"), false, it));
        assert!(text.contains(r#"["weight", "10%", "50%"]"#), "{text}");
        assert!(text.contains("40.0% of users move from v1 to v2"), "{text}");
        let mut alone = now();
        alone.candidate = None;
        let text = seen(|it| weight(&alone, "50%".parse().expect("a share"), false, it));
        assert!(text.contains("no candidate"), "{text}");
    }

    #[test]
    fn the_way_back_names_who_moves() {
        let text = seen(|it| rollback(&now(), it));
        assert!(text.contains(r#"["weight", "10%", "0%"]"#), "{text}");
        assert!(text.contains("everybody on v2 moves to v1"), "{text}");
        let text = seen(|it| switch(&now(), true, it));
        assert!(text.contains("fallback: stable"), "{text}");
        assert!(seen(|it| switch(&now(), false, it)).contains("moves: []"), "it is off already");
        assert!(seen(|it| close(&now(), it)).contains("no cohort is enabled"));
    }
}
