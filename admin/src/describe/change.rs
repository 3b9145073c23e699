//! Converts the driver's results into wire types.

use super::{change_kind, config_problem, workload};
use stagegate_api::{
    Changed, ConfigEdit, DrillCheck, DrillReport, ReloadPlan, Reloaded, RollbackTiming,
};
use stagegate_control as control;

/// The result of a change.
#[must_use]
pub fn changed(changed: &control::Changed) -> Changed {
    Changed {
        command: change_kind(changed.kind),
        changed: changed.changed,
        summary: changed.summary.clone(),
        epoch: changed.epoch,
        audit_seq: changed.audit_seq,
        recorded: changed.recorded,
        actor: changed.actor.clone(),
        reason: changed.reason.clone(),
        rollback: changed.rollback.as_ref().map(timing),
        fleet: changed.fleet.as_ref().map(super::fleet_outcome),
        workload: workload(&changed.workload),
    }
}

const fn timing(timing: &control::RollbackTiming) -> RollbackTiming {
    RollbackTiming {
        last_candidate_request_ms: timing.last_candidate_request_ms,
        acknowledged_ms: timing.acknowledged_ms,
        acknowledged_workers: timing.acknowledged_workers,
        workers: timing.workers,
        settled: timing.settled,
    }
}

/// The result of a drill.
#[must_use]
pub fn drill(report: &control::DrillReport) -> DrillReport {
    let check = |it: &control::DrillCheck| DrillCheck {
        check: it.check.clone(),
        passed: it.passed,
        seen: it.seen.clone(),
    };
    DrillReport {
        workload: report.workload.clone(),
        passed: report.passed,
        at_ms: report.at_ms,
        held_ms: report.held_ms,
        epoch: report.epoch,
        audit_seq: report.audit_seq,
        actor: report.actor.clone(),
        reason: report.reason.clone(),
        timing: timing(&report.timing),
        checks: report.checks.iter().map(check).collect(),
    }
}

/// The result of a reload.
#[must_use]
pub fn reloaded(reloaded: control::Reloaded) -> Reloaded {
    Reloaded {
        epoch: reloaded.epoch,
        changes: reloaded.changes,
        needs_restart: reloaded.needs_restart,
        warnings: reloaded.warnings.iter().map(config_problem).collect(),
    }
}

/// What a reload would do.
#[must_use]
pub fn reload_plan(plan: control::ReloadPlan) -> ReloadPlan {
    let edits = plan.edits.into_iter();
    ReloadPlan {
        edits: edits.map(|it| ConfigEdit { key: it.key, from: it.from, to: it.to }).collect(),
        changes: plan.changes,
        moves: plan.moves,
        needs_restart: plan.needs_restart,
        warnings: plan.warnings.iter().map(config_problem).collect(),
    }
}
