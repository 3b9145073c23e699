//! Quality before any traffic.

use crate::proof::{Proof, percent};
use crate::{Evidence, Facts, OfflineSeen, OfflineVerdict, Statement};
use stagegate_rollout::Axis;
use stagegate_timing::moment;

fn attach(facts: &Facts) -> String {
    format!(
        "`stagegate eval gate --baseline BASE.jsonl --candidate CAND.jsonl --attach {} --release {}`",
        facts.workload, facts.release
    )
}

/// The newest offline comparison, if it is of the release as it is.
fn offline(facts: &Facts) -> Result<&OfflineSeen, Proof> {
    match &facts.offline {
        None => Err(Proof::fails("no offline run is attached to the release", attach(facts))),
        Some(seen) if !seen.same_pins => Err(Proof::fails(
            "the newest offline run was attached before the release got its present pins",
            attach(facts),
        )),
        Some(seen) => Ok(seen),
    }
}

/// A1: a target on each axis, and the offline run reaches the one for accuracy.
pub(super) fn targets(facts: &Facts) -> Proof {
    let has = |axis: Axis| facts.policy.gates.iter().any(|gate| gate.axis == axis);
    let bare: Vec<&str> =
        Axis::OWN.into_iter().filter(|axis| !has(*axis)).map(Axis::label).collect();
    if !bare.is_empty() {
        let policy = &facts.policy.name;
        return Proof::fails(
            format!("policy {policy} has no target on: {}", bare.join(", ")),
            format!("add a gate of each axis to `policies.{policy}.gates`"),
        );
    }
    let seen = match offline(facts) {
        Ok(seen) => seen,
        Err(proof) => return proof,
    };
    let share = if seen.cases == 0 { 0.0 } else { seen.passed as f64 / seen.cases as f64 };
    let wanted = facts.settings.accuracy;
    let text = format!("{} of {} cases pass ({})", seen.passed, seen.cases, percent(share));
    if share < wanted {
        return Proof::fails(
            format!("{text}, below the target of {}", percent(wanted)),
            format!("improve the release, then {}", attach(facts)),
        );
    }
    Proof::holds(format!("{text}, target {}, {}", percent(wanted), moment(seen.at_ms)))
}

/// A2: production requests near a case of the frozen set.
pub(super) fn coverage(facts: &Facts, statement: Option<&Statement>) -> Proof {
    let workload = &facts.workload;
    let again = format!("`stagegate eval coverage {workload} --dataset FILE --out coverage.json`");
    let evidence = statement.and_then(|it| it.evidence.as_ref());
    let Some(Evidence::Coverage { share, samples, content_hash, ids_hash }) = evidence else {
        return Proof::fails("no measurement of coverage is attached", again);
    };
    if *samples == 0 {
        return Proof::fails("the measurement rests on no production request", again);
    }
    let wanted = facts.settings.coverage;
    let text = format!("{} of {samples} requests are near a case", percent(*share));
    // Not a number is no coverage.
    if share.is_nan() || *share < wanted {
        return Proof::fails(
            format!("{text}, below {}", percent(wanted)),
            format!("add the uncovered cases that {again} writes"),
        );
    }
    let is_of = |set: &str| set == *content_hash || ids_hash.as_deref() == Some(set);
    if facts.offline.as_ref().is_some_and(|it| it.same_pins && !is_of(&it.content_hash)) {
        return Proof::fails(
            "coverage was measured with another set than the offline run",
            format!("{again} with the set of the offline run"),
        );
    }
    Proof::holds(format!("{text}, target {}", percent(wanted)))
}

/// A4: no case fell against the stable release.
pub(super) fn regression(facts: &Facts) -> Proof {
    let seen = match offline(facts) {
        Ok(seen) => seen,
        Err(proof) => return proof,
    };
    if let Some(other) = seen.baseline.as_ref().filter(|it| **it != facts.stable) {
        return Proof::fails(
            format!("the offline run compares with {other}, and stable is {}", facts.stable),
            attach(facts),
        );
    }
    match seen.verdict {
        OfflineVerdict::Held => Proof::holds(format!(
            "no case of {} fell, {}, by {}",
            seen.cases,
            moment(seen.at_ms),
            seen.by
        )),
        OfflineVerdict::Fell => Proof::fails(
            format!("{} of {} cases passed before and fail now", seen.fell, seen.cases),
            format!(
                "`stagegate release show {} {}` lists them; mend the release",
                facts.workload, facts.release
            ),
        ),
        OfflineVerdict::Incomparable => Proof::fails(
            format!("{} cases cannot be compared", seen.incomparable),
            format!("run both releases on the same set, then {}", attach(facts)),
        ),
    }
}

/// A5: stated confidence fits correctness.
pub(super) fn calibration(facts: &Facts) -> Proof {
    let seen = match offline(facts) {
        Ok(seen) => seen,
        Err(proof) => return proof,
    };
    let Some(found) = seen.calibration.filter(|it| it.pairs > 0) else {
        return Proof::fails(
            "no line of the offline run states a confidence",
            format!(
                "write `\"confidence\": 0.87` into each line of the run, then {}",
                attach(facts)
            ),
        );
    };
    let text = format!(
        "calibration error {}, Brier score {:.3}, {} cases",
        percent(found.error),
        found.brier,
        found.pairs
    );
    let most = facts.settings.calibration;
    if found.error <= most {
        Proof::holds(format!("{text}, at most {}", percent(most)))
    } else {
        Proof::fails(
            format!("{text}, above {}", percent(most)),
            "recalibrate the confidence of the release, or change `readiness.calibration`",
        )
    }
}
