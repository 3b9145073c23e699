//! The order that a change asks for.

use super::change::Change;
use crate::api::error::{ApiError, Kind};
use crate::auth;
use crate::describe;
use serde_json::json;
use stagegate_config::Role;
use stagegate_control::{
    AdmitOrder, DrillOrder, EvalComparison, EvalReportOrder, Exercise, ExerciseOrder, FlagOrder,
    HandoffOrder, Order, Precondition, ReleaseChange, ReleaseOrder, Said, StatementOrder,
    TaskOrder,
};
use stagegate_flags::FlagChange;
use stagegate_readiness::{HandoffEvent, SignedPassport, TaskEvent};
use stagegate_rollout::{Command, ReleaseName};

impl<T> Change<T> {
    /// Refuses callers below `role` for this workload.
    pub(in crate::api) fn requires(&self, role: Role, workload: &str) -> Result<(), ApiError> {
        auth::authorize(&self.caller, role, Some(workload))
            .map_err(|denied| ApiError::new(Kind::Forbidden, denied.to_string()))
    }

    /// The order to carry out.
    pub(in crate::api) fn order(self, workload: String, command: Command, reason: String) -> Order {
        Order {
            actor: self.caller.actor,
            workload,
            command,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::changed(it)))),
            overriding: false,
            ticket: None,
        }
    }

    /// A change of a release that has to be made before the change itself. It has the same condition and
    /// no key: made twice, it is the same.
    pub(in crate::api) fn release_before(
        &self,
        workload: &str,
        change: ReleaseChange,
        reason: &str,
    ) -> ReleaseOrder {
        ReleaseOrder {
            actor: self.caller.actor.clone(),
            workload: workload.to_owned(),
            change,
            reason: reason.to_owned(),
            precondition: self.precondition.clone(),
            idempotency: None,
        }
    }

    /// The same after a change that the condition held for and that led to this epoch.
    pub(in crate::api) fn after(mut self, epoch: u64) -> Self {
        if self.precondition != Precondition::None {
            self.precondition = Precondition::Epochs(vec![epoch]);
        }
        self
    }

    /// The drill to hold.
    pub(in crate::api) fn drill(self, workload: String, reason: String) -> DrillOrder {
        DrillOrder {
            actor: self.caller.actor,
            workload,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::drill(it)))),
        }
    }

    /// The name of the caller.
    pub(in crate::api) fn actor(&self) -> &str {
        &self.caller.actor
    }

    /// The exercise to hold.
    pub(in crate::api) fn exercise(
        self,
        workload: String,
        exercise: Exercise,
        reason: String,
    ) -> ExerciseOrder {
        ExerciseOrder {
            actor: self.caller.actor,
            workload,
            exercise,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::exercise(it)))),
        }
    }

    /// The passport to admit.
    pub(in crate::api) fn admit(
        self,
        workload: String,
        release: ReleaseName,
        signed: SignedPassport,
        reason: String,
    ) -> AdmitOrder {
        AdmitOrder {
            actor: self.caller.actor,
            workload,
            release,
            signed,
            reason,
            idempotency: self
                .key
                .map(|key| key.keeping(|it| json!(describe::admitted_passport(it)))),
        }
    }

    /// What is done about a hand-off.
    pub(in crate::api) fn handoff(self, workload: String, event: HandoffEvent) -> HandoffOrder {
        HandoffOrder {
            actor: self.caller.actor,
            workload,
            event,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::handoff_made(it)))),
        }
    }

    /// What is done about a task.
    pub(in crate::api) fn task(
        self,
        workload: String,
        task: String,
        event: TaskEvent,
    ) -> TaskOrder {
        TaskOrder {
            actor: self.caller.actor,
            workload,
            task,
            event,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::task_made(it)))),
        }
    }

    /// The statement to record.
    pub(in crate::api) fn statement(
        self,
        workload: String,
        release: Option<ReleaseName>,
        check: String,
        said: Said,
    ) -> StatementOrder {
        StatementOrder {
            actor: self.caller.actor,
            workload,
            release,
            check,
            said,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::statement_made(it)))),
        }
    }

    /// The comparison to attach.
    pub(in crate::api) fn eval_report(
        self,
        workload: String,
        release: ReleaseName,
        comparison: EvalComparison,
        reason: String,
    ) -> EvalReportOrder {
        EvalReportOrder {
            actor: self.caller.actor,
            workload,
            release,
            comparison,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::eval_report(it)))),
        }
    }

    /// The change of a release to carry out.
    pub(in crate::api) fn release_order(
        self,
        workload: String,
        change: ReleaseChange,
        reason: String,
    ) -> ReleaseOrder {
        ReleaseOrder {
            actor: self.caller.actor,
            workload,
            change,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::changed(it)))),
        }
    }

    /// The change of a flag to carry out.
    pub(in crate::api) fn flag_order(
        self,
        key: String,
        change: FlagChange,
        reason: String,
        dry_run: bool,
    ) -> FlagOrder {
        FlagOrder {
            actor: self.caller.actor,
            key,
            change,
            reason,
            precondition: self.precondition,
            idempotency: self.key.map(|key| key.keeping(|it| json!(describe::flag_changed(it)))),
            dry_run,
        }
    }
}
