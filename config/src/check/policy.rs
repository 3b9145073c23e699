//! Policies: steps and gates, and whether they make sense together.
//!
//! [`Policy::check`] decides if a policy as a whole is valid. This module converts its text into
//! values and reports each problem at the line of the wrong part.

use super::places::{Item, Keys, keys};
use super::{gate, readiness};
use crate::raw::{RawGate, RawPolicy, RawStep};
use crate::read::{At, Context, Map, OrOff, Site, join, plain};
use crate::scalar::{Chance, PolicyName, millis};
use stagegate_readiness::Settings;
use stagegate_rollout::{Gate, Policy, PolicyError, PolicyKey, Step, Weight};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of the policy that is there without being written.
const BUILT_IN: &str = "default";
/// From this step on (from 0) a gate must be violated for longer, where nothing else is said.
const LATE_STEP: usize = 2;
const EARLY_VIOLATION_MS: u64 = 5 * 60_000;
const LATE_VIOLATION_MS: u64 = 10 * 60_000;

/// Every policy there is, and what is known about those that could not be read.
pub(crate) struct Policies {
    checked: BTreeMap<Arc<str>, Arc<Policy>>,
    readiness: BTreeMap<Arc<str>, Arc<Settings>>,
    /// Names that were written, also those of policies with problems.
    declared: BTreeMap<Arc<str>, Site>,
    used: BTreeSet<Arc<str>>,
    /// True if `policies` could be read.
    readable: bool,
    /// True if every policy could be read.
    whole: bool,
}

impl Policies {
    /// Checks every policy and adds the built-in one.
    pub(crate) fn new(raw: Option<At<Map<PolicyName, RawPolicy>>>, cx: &mut Context<'_>) -> Self {
        let readable = raw.is_some();
        let mut policies = Self {
            checked: BTreeMap::from([(BUILT_IN.into(), Arc::new(Policy::builtin()))]),
            readiness: BTreeMap::from([(BUILT_IN.into(), Arc::default())]),
            declared: BTreeMap::new(),
            used: BTreeSet::new(),
            readable,
            whole: readable,
        };
        for (name, mut at) in raw.map(|at| at.value.0).unwrap_or_default() {
            policies.declared.insert(Arc::clone(&name.value.0), name.site.without_value());
            let checklist = plain(at.value.readiness.take());
            let checklist = checklist.and_then(|raw| readiness::settings(raw, cx));
            match (policy(&name, at, cx), checklist) {
                (Some(policy), Some(checklist)) => {
                    let name = name.value.0;
                    drop(policies.readiness.insert(Arc::clone(&name), Arc::new(checklist)));
                    drop(policies.checked.insert(name, Arc::new(policy)));
                }
                _ => policies.whole = false,
            }
        }
        policies
    }

    /// The policy that a workload names.
    pub(crate) fn of_workload(
        &mut self,
        name: &At<PolicyName>,
        cx: &mut Context<'_>,
    ) -> Option<Arc<Policy>> {
        let wanted = &name.value.0;
        self.used.insert(Arc::clone(wanted));
        let found = self.checked.get(wanted).cloned();
        let told = !self.readable || cx.reported(&join("policies", wanted));
        if found.is_none() && !self.declared.contains_key(wanted) && !told {
            let known: Vec<&str> = self.checked.keys().map(AsRef::as_ref).collect();
            let hint = format!("write one of: {}", known.join(", "));
            cx.problem(&name.site, "is not among the policies", hint);
        }
        found
    }

    /// All policies with their checklists; `None` when one could not be read. Warnings about the rest are
    /// reported first.
    pub(crate) fn finish(self, cx: &mut Context<'_>) -> Option<Finished> {
        for (name, site) in &self.declared {
            // `default` is what every workload has that names none, now or later.
            if !self.used.contains(name) && **name != *BUILT_IN {
                cx.warn(site, "is used by no workload", "name it in a workload's `policy`");
            }
        }
        self.whole.then_some((self.checked, self.readiness))
    }
}

/// Policies and their checklists, by name.
type Finished = (BTreeMap<Arc<str>, Arc<Policy>>, BTreeMap<Arc<str>, Arc<Settings>>);

/// Places of the parts of a policy. A missing part has the place of its parent.
struct Sites {
    whole: Site,
    keys: Keys,
    steps: Vec<Item>,
    gates: Vec<Item>,
}

fn policy(name: &At<PolicyName>, at: At<RawPolicy>, cx: &mut Context<'_>) -> Option<Policy> {
    let At { value: raw, site: whole } = at;
    let built_in = Policy::builtin();
    let keys = keys!(raw, "steps": steps, "gates": gates, "rollback_alpha": rollback_alpha,
        "promote_alpha": promote_alpha, "holdback": holdback,
        "holdback_in_doubt": holdback_in_doubt);
    let mut sites = Sites { keys, steps: Vec::new(), gates: Vec::new(), whole };
    // With a step missing, the others cannot be judged; gates stand each for itself.
    let whole_steps = !cx.reported(&join(&sites.whole.key, "steps"));
    let steps = raw.steps.filter(|_| whole_steps).and_then(|at| steps(at.value, &mut sites.steps));
    let gates = raw.gates.and_then(|at| gates(at.value, &mut sites.gates, cx));
    let alert_after = plain(raw.on_no_data).and_then(|raw| raw.alert_after);
    if let Some(at) = &alert_after {
        sites.keys.push(("on_no_data.alert_after", at.site.clone()));
    }
    let policy = Policy {
        name: Arc::clone(&name.value.0),
        steps: steps.unwrap_or(built_in.steps),
        gates: gates.unwrap_or(built_in.gates),
        no_data_alert_ms: alert_after
            .map_or(built_in.no_data_alert_ms, |after| millis(after.value)),
        drill_within_ms: match plain(raw.drill_within) {
            Some(OrOff::Off) => None,
            Some(OrOff::On(within)) => Some(millis(within)),
            None => built_in.drill_within_ms,
        },
        holdback: share_or_off(raw.holdback, built_in.holdback),
        holdback_in_doubt: share_or_off(raw.holdback_in_doubt, built_in.holdback_in_doubt),
        offline_report: plain(raw.offline_report).unwrap_or(built_in.offline_report),
        second_person: plain(raw.second_person)?,
        rollback_alpha: plain(raw.rollback_alpha)
            .map_or(built_in.rollback_alpha, |Chance(chance)| chance),
        promote_alpha: plain(raw.promote_alpha)
            .map_or(built_in.promote_alpha, |Chance(chance)| chance),
    };
    match policy.check() {
        Ok(policy) => (!cx.reported(&sites.whole.key)).then_some(policy),
        Err(errors) => {
            errors.iter().for_each(|error| report(error, &sites, cx));
            None
        }
    }
}

fn share_or_off(raw: Option<At<OrOff<Weight>>>, usual: Weight) -> Weight {
    match plain(raw) {
        Some(OrOff::Off) => Weight::ZERO,
        Some(OrOff::On(share)) => share,
        None => usual,
    }
}

fn steps(raw: Vec<At<RawStep>>, sites: &mut Vec<Item>) -> Option<Vec<Step>> {
    let mut steps = Vec::with_capacity(raw.len());
    for (place, At { value: raw, site: whole }) in raw.into_iter().enumerate() {
        let keys = keys!(raw, "weight": weight, "hold": hold, "requests": requests,
            "scored": scored, "watch": watch, "violated_for": violated_for);
        sites.push(Item { whole, keys });
        steps.push(step(raw, place)?);
    }
    Some(steps)
}

fn step(raw: RawStep, place: usize) -> Option<Step> {
    let usual = if place < LATE_STEP { EARLY_VIOLATION_MS } else { LATE_VIOLATION_MS };
    Some(Step {
        weight: plain(raw.weight)?,
        hold_ms: millis(plain(raw.hold)?),
        requests: plain(raw.requests)?.0,
        scored: plain(raw.scored)?.0,
        watch_ms: millis(plain(raw.watch)?),
        violated_for_ms: plain(raw.violated_for).map_or(usual, millis),
    })
}

/// The gates that could be read; `None` when not one of several could.
fn gates(raw: Vec<At<RawGate>>, sites: &mut Vec<Item>, cx: &mut Context<'_>) -> Option<Vec<Gate>> {
    let none_given = raw.is_empty();
    let mut gates = Vec::with_capacity(raw.len());
    for at in raw {
        if let Some((gate, item)) = gate::gate(at, cx) {
            gates.push(gate);
            sites.push(item);
        }
    }
    (none_given || !gates.is_empty()).then_some(gates)
}

/// Puts a problem where the part is written.
fn report(error: &PolicyError, sites: &Sites, cx: &mut Context<'_>) {
    let within = |keys: &Keys, whole: &Site, key: &str| {
        let found = keys.iter().find(|(known, _)| *known == key);
        found.map_or_else(|| whole.missing(key), |(_, site)| site.without_value())
    };
    let item = |list: &[Item], place: usize, key: &str| match list.get(place) {
        Some(item) => within(&item.keys, &item.whole, key),
        None => sites.whole.without_value(),
    };
    let site = match error.at {
        PolicyKey::Policy(key) => within(&sites.keys, &sites.whole, key),
        PolicyKey::Step { place, key } => item(&sites.steps, place, key),
        PolicyKey::Gate { place, key } => item(&sites.gates, place, key),
    };
    let (message, hint) =
        error.problem.split_once(": ").unwrap_or((&error.problem, "write one that is"));
    cx.problem(&site, message, hint);
}
