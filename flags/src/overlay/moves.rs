//! Who gets another variant by a change.

use super::rule::{Override, Scope, Subject};
use crate::{Evaluation, FlagSet, Scratch, Variant};
use std::collections::BTreeSet;

/// Made-up users that are asked about.
const ASKED: u32 = 2000;
/// Most tenants and users that are named.
const NAMED: usize = 20;

/// Who gets another variant of `key` in `after` than in `before`, one line each: tenants and users that
/// an override names, and the share of everybody else. `now` is the time in Unix seconds.
#[must_use]
pub fn moves(
    (before, after): (&FlagSet, &FlagSet),
    key: &str,
    (old, new): (&Override, &Override),
    now: u64,
) -> Vec<String> {
    let mut scratch = Scratch::new();
    let mut differ = |fields: &[(&str, &str)]| {
        let context = scratch.of_fields(fields);
        let (from, to) = (before.evaluate(key, &context, now), after.evaluate(key, &context, now));
        let same = from.variant().map(Variant::name) == to.variant().map(Variant::name);
        (!same).then(|| (shown(&from), shown(&to), name(&from), name(&to)))
    };
    let mut lines = Vec::new();
    for scope in scopes(old, new) {
        let place = places(&scope);
        let mut named: Vec<String> = Vec::new();
        for subject in subjects(old, new) {
            let mut fields = place.clone();
            match &subject {
                Subject::Tenant(id) => fields.push(("tenant", id)),
                Subject::User(id) => fields.extend([("targetingKey", id.as_str()), ("user", id)]),
            }
            if let Some((from, to, ..)) = differ(&fields) {
                named.push(format!("{subject}{scope}: {from} -> {to}"));
            }
        }
        let more = named.len().saturating_sub(NAMED);
        named.truncate(NAMED);
        lines.extend(named);
        if more > 0 {
            lines.push(format!("{more} more tenants and users{scope}"));
        }
        let mut counted: Vec<((String, String), u32)> = Vec::new();
        for number in 0..ASKED {
            let (user, tenant) = (format!("user-{number}"), format!("tenant-{number}"));
            let conversation = format!("conversation-{number}");
            let mut fields = place.clone();
            fields.extend([
                ("targetingKey", user.as_str()),
                ("user", user.as_str()),
                ("tenant", tenant.as_str()),
                ("conversation", conversation.as_str()),
            ]);
            let Some((.., from, to)) = differ(&fields) else { continue };
            match counted.iter_mut().find(|(pair, _)| pair.0 == from && pair.1 == to) {
                Some((_, count)) => *count += 1,
                None => counted.push(((from, to), 1)),
            }
        }
        lines.extend(counted.into_iter().map(|((from, to), count)| {
            if count == ASKED {
                format!("everybody else{scope}: {from} -> {to}")
            } else {
                let share = f64::from(count) * 100.0 / f64::from(ASKED);
                format!("about {share:.1}% of everybody else{scope}: {from} -> {to}")
            }
        }));
    }
    lines
}

fn name(evaluation: &Evaluation<'_>) -> String {
    evaluation.variant().map_or("the caller's own default", Variant::name).to_owned()
}

fn shown(evaluation: &Evaluation<'_>) -> String {
    format!("{} ({})", name(evaluation), evaluation.decided_by().label())
}

fn places(scope: &Scope) -> Vec<(&str, &str)> {
    let workload = scope.workload.as_deref().map(|name| ("workload", name));
    let stage = scope.stage.as_deref().map(|name| ("stage", name));
    workload.into_iter().chain(stage).collect()
}

/// The places that the two differ in.
fn scopes(old: &Override, new: &Override) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = Vec::new();
    let differing = old.rules.iter().filter(|rule| !new.rules.contains(rule));
    let differing = differing.chain(new.rules.iter().filter(|rule| !old.rules.contains(rule)));
    for rule in differing {
        if !scopes.contains(&rule.scope) {
            scopes.push(rule.scope.clone());
        }
    }
    if old.enabled != new.enabled && !scopes.contains(&Scope::default()) {
        scopes.push(Scope::default());
    }
    scopes
}

fn subjects(old: &Override, new: &Override) -> BTreeSet<Subject> {
    let rules = old.rules.iter().chain(&new.rules);
    rules.filter_map(|rule| rule.what.subject().cloned()).collect()
}
