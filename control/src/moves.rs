//! Who changes sides between two splits of a workload. Pure.

use super::reload::differs;
use stagegate_rollout::{Choice, Members, Split, Who, WorkloadSpec, WorkloadState};
use std::collections::BTreeSet;

/// Conversations that are made up to find the share that moves.
const ASKED: u32 = 10_000;
/// Most tenants and users that are named.
const NAMED: usize = 20;

/// The tenants and users that a rule moves, and the share of everybody else that moves; one line
/// each.
pub(super) fn moves(before: &Split, after: &Split) -> Vec<String> {
    if !differs(before, after) {
        return Vec::new();
    }
    let name = &after.spec().name;
    let mut lines = listed(before, after);
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("{more} more tenants and users"));
    }
    lines.extend(everybody_else(before, after));
    lines.into_iter().map(|line| format!("workload {name}: {line}")).collect()
}

/// Those whom a list, a cohort or an exclusion names in one of the two.
fn listed(before: &Split, after: &Split) -> Vec<String> {
    let (mut tenants, mut users) = (BTreeSet::new(), BTreeSet::new());
    for split in [before, after] {
        named(split.spec(), split.state(), &mut tenants, &mut users);
    }
    let tenants = tenants.into_iter().map(|id| (("tenant", id), Some(id), None));
    let users = users.into_iter().map(|id| (("user", id), None, Some(id)));
    let moved = tenants.chain(users).filter_map(|((kind, id), tenant, user)| {
        let who = Who { request: "-", tenant, user, ..Who::default() };
        let (from, to) = (before.choose(&who, None, None), after.choose(&who, None, None));
        let stays = by_weight(&from) == by_weight(&to)
            && (by_weight(&to) || release(before, &from) == release(after, &to));
        (!stays).then(|| format!("{kind} {id}: {} -> {}", place(before, &from), place(after, &to)))
    });
    moved.collect()
}

fn named<'s>(
    spec: &'s WorkloadSpec,
    state: &'s WorkloadState,
    tenants: &mut BTreeSet<&'s str>,
    users: &mut BTreeSet<&'s str>,
) {
    tenants.extend(spec.cohorts.iter().flat_map(|it| &it.tenants).map(|id| &**id));
    tenants.extend(spec.exclusions.values().flatten().map(|id| &**id));
    for Members { tenants: some, users: others } in
        [&spec.allow, &spec.deny, &state.allow, &state.deny]
    {
        tenants.extend(some.iter().map(|id| &**id));
        users.extend(others.iter().map(|id| &**id));
    }
}

/// Whether the weight decided; no other rule names a bucket.
const fn by_weight(choice: &Choice<'_>) -> bool {
    choice.bucket.is_some()
}

fn release(split: &Split, choice: &Choice<'_>) -> String {
    let state = split.state();
    match choice.arm() {
        stagegate_rollout::Arm::Stable => state.stable.to_string(),
        stagegate_rollout::Arm::Candidate => {
            state.candidate.as_ref().unwrap_or(&state.stable).to_string()
        }
    }
}

fn place(split: &Split, choice: &Choice<'_>) -> String {
    if by_weight(choice) {
        return format!("by the weight ({})", split.weight());
    }
    format!("{} ({})", release(split, choice), choice.reason.label().replace('_', " "))
}

/// The share of conversations without a rule of their own that moves each way.
fn everybody_else(before: &Split, after: &Split) -> Vec<String> {
    let mut moved: Vec<((String, String), u32)> = Vec::new();
    for n in 0..ASKED {
        let (request, tenant) = (format!("request-{n}"), format!("tenant-{n}"));
        let (user, conversation) = (format!("user-{n}"), format!("conversation-{n}"));
        let who = Who {
            request: &request,
            tenant: Some(&tenant),
            user: Some(&user),
            conversation: Some(&conversation),
            unreadable: false,
        };
        let side = |split: &Split| release(split, &split.choose(&who, None, None));
        let pair = (side(before), side(after));
        if pair.0 == pair.1 {
            continue;
        }
        match moved.iter_mut().find(|(known, _)| *known == pair) {
            Some((_, count)) => *count += 1,
            None => moved.push((pair, 1)),
        }
    }
    let key = after.spec().sticky.label();
    let line = |((from, to), count): ((String, String), u32)| {
        let share = f64::from(count) * 100.0 / f64::from(ASKED);
        format!("about {share:.1}% of {key}s: {from} -> {to}")
    };
    moved.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::moves;
    use stagegate_rollout::{Cohort, Members, Split, Sticky, Weight, WorkloadSpec, WorkloadState};
    use std::sync::Arc;

    fn split(change: impl FnOnce(&mut WorkloadSpec, &mut WorkloadState)) -> Split {
        let mut spec = WorkloadSpec::new("agent".parse().unwrap(), "v1".parse().unwrap());
        spec.releases.insert("v2".parse().unwrap());
        spec.candidate = Some("v2".parse().unwrap());
        spec.initial_weight = "10%".parse().unwrap();
        let mut state = WorkloadState::initial(&spec);
        change(&mut spec, &mut state);
        Split::new(Arc::new(spec.check().unwrap()), Arc::new(state))
    }

    #[test]
    fn nothing_moves_where_nothing_changed() {
        assert!(moves(&split(|_, _| ()), &split(|_, _| ())).is_empty());
    }

    #[test]
    fn a_changed_key_moves_a_share_both_ways() {
        let after = split(|spec, _| spec.sticky = Sticky::Tenant);
        let told = moves(&split(|_, _| ()), &after).join("\n");
        assert!(told.contains("% of tenants: v1 -> v2"), "{told}");
        assert!(told.contains("% of tenants: v2 -> v1"), "{told}");
    }

    #[test]
    fn a_smaller_weight_only_moves_people_back() {
        let after = split(|_, state| state.weight = Weight::ZERO);
        let told = moves(&split(|_, _| ()), &after);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("workload agent: about ") && told[0].ends_with("v2 -> v1"));
    }

    #[test]
    fn those_whom_a_rule_names_are_named() {
        let open = |tenants: &[&str]| {
            let tenants: Vec<_> = tenants.iter().map(|&id| id.into()).collect();
            split(move |spec, state| {
                let name: stagegate_rollout::CohortName = "pilots".parse().unwrap();
                spec.cohorts.push(Cohort { name: name.clone(), tenants });
                state.cohorts.push(name);
            })
        };
        let told = moves(&open(&["acme"]), &open(&["acme", "globex"]));
        assert_eq!(told, ["workload agent: tenant globex: by the weight (10%) -> v2 (cohort)"]);
        let denied = split(|spec, _| {
            spec.deny = Members { users: ["ann".into()].into(), ..Members::default() };
        });
        let told = moves(&split(|_, _| ()), &denied);
        assert_eq!(told, ["workload agent: user ann: by the weight (10%) -> v1 (denied)"]);
    }

    #[test]
    fn a_long_list_is_cut() {
        let denied = split(|spec, _| {
            let users = (0..25).map(|n| format!("u{n}").into()).collect();
            spec.deny = Members { users, ..Members::default() };
        });
        let told = moves(&split(|_, _| ()), &denied);
        assert_eq!(told.len(), 21);
        assert_eq!(told[20], "workload agent: 5 more tenants and users");
    }
}
