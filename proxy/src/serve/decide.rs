//! The decision for one request: which release serves it, and by which rule.

use super::call::{Call, Decision};
use super::client::Client;
use crate::http1::Known;
use crate::plan::{CurrentPlan, Role, Workload};
use crate::problem::Problem;
use stagegate_rollout::{Arm, OnRollback, Reason, Target};

/// The result of a decision.
pub(super) enum Route {
    /// The request goes to a release.
    To(Decision),
    /// The kill switch's fixed answer.
    Respond(Decision),
    /// An answer of the proxy's own.
    Refuse(Decision, Problem),
}

impl Client {
    /// Decides under `plan`. `fallen_back`: the candidate took no connection, so stable serves.
    pub(super) fn decide(
        &self,
        call: &Call,
        plan: &CurrentPlan,
        position: usize,
        fallen_back: bool,
    ) -> Route {
        let workload = &plan.workloads[position];
        let settings = &workload.prepared.settings;
        let forced = settings.force.as_ref().and_then(|key| {
            let header = self.head.known(&self.input, Known::StagegateForce).next()?;
            key.verify(&settings.name, std::str::from_utf8(header).ok()?, call.now_s()).ok()
        });
        let pins = &self.worker.shared.pins;
        let pinned = call.found.conversation.as_deref().filter(|_| keeps_pins(workload)).and_then(
            |conversation| {
                let pin = pins.get(&workload.prepared.name, conversation, call.now_s())?;
                workload.pinned(&pin)
            },
        );
        let choice = workload.split.choose(&call.who(), forced, pinned);
        // When it is decided and not when it is answered: a slow candidate answers late, and its
        // keys would seem to be missing.
        if let Some(bucket) = choice.bucket.filter(|_| workload.watches_its_split()) {
            let mut stats = self.worker.stats.borrow_mut();
            stats.assigned(&workload.prepared.name, bucket.number());
        }
        let mut decision = Decision::new(plan, position, &choice);
        let role = match choice.target {
            Target::Respond => return Route::Respond(decision),
            Target::FallbackRelease => Role::Fallback,
            Target::Arm(arm) => Role::Arm(arm),
        };
        let is_up =
            |role| workload.role(role).is_some_and(|release| release.endpoints.any_healthy());
        decision.role = Some(role);
        if role == Role::Arm(Arm::Candidate) && (fallen_back || !is_up(role)) {
            decision.arm = Arm::Stable;
            decision.reason = Reason::CandidateDown;
            decision.role = Some(Role::Arm(Arm::Stable));
        }
        if !decision.role.is_some_and(is_up) {
            return Route::Refuse(decision, Problem::StableDown);
        }
        if decision.arm == Arm::Candidate && self.worker.is_busy_for_candidates() {
            return Route::Refuse(decision, Problem::Busy);
        }
        let begins = decision.arm == Arm::Candidate && pinned.is_none();
        if let (Some(id), true) =
            (&call.found.conversation, begins && finishes_conversations(workload))
        {
            decision.pin(pins, id, call.now_s());
        }
        Route::To(decision)
    }
}

/// Returns whether pins are of use to the workload.
fn keeps_pins(workload: &Workload) -> bool {
    workload.prepared.settings.identity.learned || finishes_conversations(workload)
}

fn finishes_conversations(workload: &Workload) -> bool {
    workload.split.spec().on_rollback == OnRollback::Finish
}
