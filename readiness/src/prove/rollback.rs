//! The way back.

use crate::proof::{Proof, percent};
use crate::{DrillSeen, Facts, Statement};
use stagegate_rollout::{Axis, Span};
use stagegate_timing::moment;

/// A drill is good for so long where the policy says nothing.
pub(super) const WEEK_MS: u64 = 7 * 86_400_000;
/// A release with this share of the traffic shows that it can carry all of it.
const NEARLY_ALL: f64 = 0.99;

/// Judges the newest drill of a kind.
pub(super) fn drilled(
    what: &str,
    drill: Option<&DrillSeen>,
    now_ms: u64,
    within_ms: u64,
    command: &str,
) -> Proof {
    let command = format!("`{command}`");
    match drill {
        None => Proof::fails(format!("{what} was never exercised"), command),
        Some(drill) if !drill.passed => Proof::fails(
            format!("the drill of {what} of {} failed: {}", moment(drill.at_ms), drill.seen),
            format!("mend it, then {command}"),
        ),
        Some(drill) if now_ms.saturating_sub(drill.at_ms) > within_ms => Proof::fails(
            format!(
                "{what} was last exercised {}, over {} ago",
                moment(drill.at_ms),
                Span(within_ms)
            ),
            command,
        ),
        Some(drill) => Proof::holds(format!("{}, {}", drill.seen, moment(drill.at_ms))),
    }
}

/// C11: a drill of the kill switch.
pub(super) fn kill_switch(facts: &Facts) -> Proof {
    let within = facts.policy.drill_within_ms.unwrap_or(WEEK_MS);
    let command = format!("stagegate drill {}", facts.workload);
    drilled("the kill switch", facts.drill.as_ref(), facts.now_ms, within, &command)
}

/// C12: every worker routes by the newest plan.
pub(super) fn workers(facts: &Facts) -> Proof {
    let (following, all) = facts.workers;
    if all == 0 {
        return Proof::fails("no worker runs", "start the process with `stagegate serve`");
    }
    if following < all {
        return Proof::fails(
            format!("{following} of {all} workers route by the newest plan"),
            "`stagegate status` names the worker that is behind; replace the process with `stagegate serve --take-over`",
        );
    }
    Proof::holds(format!("{all} of {all} workers route by the newest plan"))
}

/// C13: the target answers and has the capacity.
pub(super) fn target(facts: &Facts) -> Proof {
    let target = &facts.target;
    let (release, workload) = (&target.release, &facts.workload);
    if !target.silent.is_empty() || target.answering == 0 {
        let why = match target.silent.as_slice() {
            [] => format!("no endpoint of {release} answers"),
            silent => format!("endpoints of {release} do not answer: {}", silent.join(", ")),
        };
        return Proof::fails(why, format!("start the endpoints of {release}"));
    }
    let answering = format!("{} endpoints of {release} answer", target.answering);
    if target.carries >= NEARLY_ALL {
        return Proof::holds(format!(
            "{answering}, with {} of the traffic {}",
            percent(target.carries),
            target.when
        ));
    }
    let command = format!("stagegate drill {workload} --capacity");
    let what = format!("the capacity of {release}");
    match drilled(&what, facts.capacity.as_ref(), facts.now_ms, WEEK_MS, &command) {
        Proof::Holds(seen) => Proof::holds(format!("{answering}; {seen}")),
        fails @ Proof::Fails { .. } => fails,
    }
}

/// C14: each axis has a gate that can be measured.
pub(super) fn triggers(facts: &Facts) -> Proof {
    let blind = |gate: &stagegate_rollout::Gate| {
        facts.unmeasurable.iter().find(|(id, _)| *id == gate.id()).map(|(_, why)| why)
    };
    let mut counts = Vec::new();
    for axis in Axis::OWN {
        let gates: Vec<_> = facts.policy.gates.iter().filter(|it| it.axis == axis).collect();
        let armed = gates.iter().filter(|gate| blind(gate).is_none()).count();
        let policy = &facts.policy.name;
        if armed == 0 {
            let why = gates.first().and_then(|gate| blind(gate));
            return match why {
                Some(why) => Proof::fails(
                    format!("no gate on {} can be measured: {why}", axis.label()),
                    format!("give the workload what its gates on {} measure", axis.label()),
                ),
                None => Proof::fails(
                    format!("policy {policy} has no gate on {}", axis.label()),
                    format!("add one to `policies.{policy}.gates`"),
                ),
            };
        }
        counts.push(format!("{armed} on {}", axis.label()));
    }
    Proof::holds(format!("armed gates: {}", counts.join(", ")))
}

/// C15: the runbook that was signed is the one of now.
pub(super) fn runbook(facts: &Facts, statement: Option<&Statement>) -> Proof {
    let again = format!(
        "read `stagegate runbook rollback {0}`, then `stagegate checklist sign {0} C15 --release {1}`",
        facts.workload, facts.release
    );
    match statement.map(|it| it.document.as_deref()) {
        None => Proof::fails("nobody signed the rollback runbook", again),
        Some(Some(signed)) if *signed == *facts.runbook => {
            let short: String = signed.chars().take(12).collect();
            Proof::holds(format!("read and signed, sha256 {short}…"))
        }
        Some(_) => Proof::fails("the rollback runbook changed since it was signed", again),
    }
}
