//! Passports and exercises, from and to the wire.

use super::checklist::standing;
use stagegate_api::{
    ExerciseKind, ExerciseReport, ExerciseStep, PassportCheck, PassportDetail, SignedPassport,
};
use stagegate_control as control;
use stagegate_readiness as readiness;

/// A passport that nobody admitted.
#[must_use]
pub fn passport(of: &readiness::Passport) -> PassportDetail {
    let check = |it: &readiness::PassportCheck| PassportCheck {
        id: it.id.clone(),
        standing: standing(it.standing),
        seen: it.seen.clone(),
        by: it.by.clone(),
    };
    PassportDetail {
        environment: of.environment.clone(),
        workload: of.workload.clone(),
        release: of.release.clone(),
        fingerprint: of.fingerprint.clone(),
        pins: of.pins.clone(),
        issued_ms: of.issued_ms,
        issued_by: of.issued_by.clone(),
        checks: of.checks.iter().map(check).collect(),
        admitted_by: None,
        admitted_ms: None,
        audit_seq: None,
    }
}

/// An admitted passport.
#[must_use]
pub fn admitted_passport(of: &control::AdmittedPassport) -> PassportDetail {
    PassportDetail {
        admitted_by: Some(of.by.clone()),
        admitted_ms: Some(of.at_ms),
        audit_seq: Some(of.audit_seq),
        ..passport(&of.passport)
    }
}

/// The envelope.
#[must_use]
pub fn signed_passport(of: readiness::SignedPassport) -> SignedPassport {
    let readiness::SignedPassport { schema, payload, key, signature } = of;
    SignedPassport { schema, payload, key, signature }
}

/// Converts a submitted envelope.
#[must_use]
pub fn given_passport(of: SignedPassport) -> readiness::SignedPassport {
    let SignedPassport { schema, payload, key, signature } = of;
    readiness::SignedPassport { schema, payload, key, signature }
}

/// The result of an exercise.
#[must_use]
pub fn exercise(of: &control::ExerciseReport) -> ExerciseReport {
    let step = |it: &control::ExerciseStep| ExerciseStep {
        step: it.step.clone(),
        passed: it.passed,
        took_ms: it.took_ms,
        seen: it.seen.clone(),
    };
    ExerciseReport {
        workload: of.workload.clone(),
        passed: of.passed,
        waiting: of.waiting,
        at_ms: of.at_ms,
        seen: of.seen.clone(),
        steps: of.steps.iter().map(step).collect(),
        actor: of.actor.clone(),
        audit_seq: of.audit_seq,
    }
}

/// Converts a submitted kind.
#[must_use]
pub const fn given_exercise(kind: ExerciseKind) -> control::Exercise {
    match kind {
        ExerciseKind::Capacity => control::Exercise::Capacity,
        ExerciseKind::Incident => control::Exercise::Incident,
        ExerciseKind::Acknowledge => control::Exercise::Acknowledge,
    }
}
