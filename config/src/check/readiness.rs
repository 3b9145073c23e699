//! The checklist of a policy: ids that exist, and ids that are free.

use crate::raw::{OwnKind, RawOwnCheck, RawReadiness};
use crate::read::{At, Context, Site, plain};
use crate::scalar::{CheckId, millis};
use stagegate_readiness::{Check, Dropped, Own, PassportDemand, Settings, Terms, is_own_id};
use std::collections::{BTreeMap, BTreeSet};

/// Longest expiry, in milliseconds.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// Checks the section; `None` when a part of it could not be read.
pub(crate) fn settings(raw: RawReadiness, cx: &mut Context<'_>) -> Option<Settings> {
    let own = own(raw.add?.value, cx);
    let known = |id: &str| Check::from_id(id).is_some() || own.iter().any(|own| own.id == id);
    let mut terms = BTreeMap::new();
    for (id, at) in raw.checks?.value.0 {
        if !known(&id.value.0) {
            unknown(&id, cx);
        }
        let expires = at.value.expires.map(|it| (millis(it.value), it.site));
        let good_for_ms = expires.and_then(|(ms, site)| longest(ms, &site, cx));
        let owner = plain(at.value.owner).map(|owner| owner.0.to_string());
        terms.insert(id.value.0, Terms { owner, good_for_ms });
    }
    let mut dropped = Vec::new();
    for (id, reason) in raw.drop?.value.0 {
        if Check::from_id(&id.value.0).is_none() {
            unknown(&id, cx);
        }
        dropped.push(Dropped { id: id.value.0, reason: reason.value.0 });
    }
    let passport = match raw.passport {
        None => None,
        Some(at) => Some(PassportDemand {
            from: plain(at.value.from)?.0,
            max_age_ms: millis(plain(at.value.max_age)?),
            checks: at.value.checks?.value.into_iter().map(|it| it.value.0).collect(),
        }),
    };
    Some(Settings {
        passport,
        runbook_hour_ms: plain(raw.runbook_hour)?.on().map(millis),
        demand: plain(raw.demand)?,
        accuracy: plain(raw.accuracy)?.ratio(),
        coverage: plain(raw.coverage)?.ratio(),
        calibration: plain(raw.calibration)?.ratio(),
        first_step: plain(raw.first_step)?.ratio(),
        terms,
        dropped,
        own,
    })
}

fn own(raw: Vec<At<RawOwnCheck>>, cx: &mut Context<'_>) -> Vec<Own> {
    let (mut own, mut seen) = (Vec::new(), BTreeSet::new());
    for At { value: raw, .. } in raw {
        let Some(id) = raw.id else { continue };
        if !is_own_id(&id.value.0) {
            cx.problem(
                &id.site,
                "is the id of a built-in check",
                "give the check an id of its own, like `LEGAL`; `checks` changes a built-in one",
            );
        } else if !seen.insert(id.value.0.clone()) {
            cx.problem(&id.site, "is the id of another check too", "give every check its own id");
        }
        let expires = raw.expires.map(|it| (millis(it.value), it.site));
        let good_for_ms = expires.and_then(|(ms, site)| longest(ms, &site, cx));
        let (Some(question), Some(owner), Some(kind), Some(good_for_ms)) =
            (plain(raw.question), plain(raw.owner), plain(raw.kind), good_for_ms)
        else {
            continue;
        };
        own.push(Own {
            id: id.value.0,
            question: question.0,
            owner: owner.0.to_string(),
            attached: kind == OwnKind::Attached,
            good_for_ms,
        });
    }
    own
}

fn longest(ms: u64, site: &Site, cx: &mut Context<'_>) -> Option<u64> {
    if ms > LONGEST_MS {
        cx.problem(site, "is longer than a year", "write at most `366d`");
        return None;
    }
    Some(ms)
}

fn unknown(id: &At<CheckId>, cx: &mut Context<'_>) {
    cx.problem(
        &id.site.without_value(),
        "is not the id of a check",
        "write one of `A1` to `F30`; `stagegate checklist show WORKLOAD` lists them",
    );
}
