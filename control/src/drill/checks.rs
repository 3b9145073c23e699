//! The checks of a drill.

use super::report::{DrillCheck, DrillOrder};
use crate::ports::Settled;
use crate::{Live, RollbackTiming};
use stagegate_rollout::{Arm, Fallback, KillState, Split, Target, Who};
use std::sync::Arc;
use std::time::Instant;

/// Number of made-up callers for the check of the plan.
const ASKED: usize = 1000;

/// The workload with its switch on and stable behind it.
pub(super) fn thrown(live: &Live, order: &DrillOrder, at_ms: u64) -> Live {
    let mut spec = live.split.spec().as_ref().clone();
    spec.fallback = Fallback::Stable;
    let mut state = live.split.state().as_ref().clone();
    let reason = "drill: thrown back in a moment".to_owned();
    state.killed = Some(KillState { by: order.actor.clone(), reason, at_ms });
    Live { split: Arc::new(Split::new(Arc::new(spec), Arc::new(state))), epoch: live.epoch }
}

/// Asks the plan about many callers, by every rule that could lead to the candidate.
pub(super) fn asked(split: &Split) -> DrillCheck {
    let to_candidate = (0..ASKED)
        .filter(|number| {
            let id = format!("drill-{number}");
            let tenant = split.spec().cohorts.first().and_then(|it| it.tenants.first());
            let who = Who {
                request: &id,
                user: Some(&id),
                conversation: Some(&id),
                tenant: tenant.map(|tenant| &**tenant),
                unreadable: false,
            };
            [None, Some(Arm::Candidate)].into_iter().any(|arm| {
                let choices = [split.choose(&who, arm, None), split.choose(&who, None, arm)];
                choices.iter().any(|choice| choice.target != Target::Arm(Arm::Stable))
            })
        })
        .count();
    let seen = format!("{to_candidate} of {ASKED} callers, pinned and forced ones too");
    check("the plan leads nobody away from stable", to_candidate == 0, seen)
}

/// Checks that the workers followed while the switch was on.
pub(super) fn carried(
    timing: &RollbackTiming,
    last: &Settled,
    followed: Instant,
) -> [DrillCheck; 2] {
    let all = format!(
        "{} of {} within {:.1} ms",
        timing.acknowledged_workers, timing.workers, timing.acknowledged_ms
    );
    let late = last.last_candidate_request.filter(|at| *at > followed);
    let seen = match late {
        None => "none".to_owned(),
        Some(at) => format!("one {} ms later", at.duration_since(followed).as_millis()),
    };
    [
        check("every worker follows", timing.settled, all),
        check("no new request leaves for the candidate", late.is_none(), seen),
    ]
}

pub(super) fn check(check: &str, passed: bool, seen: String) -> DrillCheck {
    DrillCheck { check: check.to_owned(), passed, seen }
}
