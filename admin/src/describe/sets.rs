//! The core's closed sets as the API's.

use stagegate_api as api;
use stagegate_control as control;
use stagegate_rollout as rollout;
use std::collections::BTreeMap;

macro_rules! same {
    ($name:ident: $core:ty => $api:ty { $($value:ident)+ }) => {
        pub(crate) const fn $name(value: $core) -> $api {
            type Core = $core;
            type Api = $api;
            match value {
                $(Core::$value => Api::$value,)+
            }
        }
    };
}

same!(arm: rollout::Arm => api::Arm { Stable Candidate });
same!(rule: rollout::Reason => api::Rule {
    KillSwitch Denied Forced Pinned Excluded Allowed Cohort Weight Default CandidateDown Refused Flag
});
same!(key_kind: rollout::KeyKind => api::KeyKind { Conversation User Tenant Request });
same!(sticky: rollout::Sticky => api::KeyKind { Conversation User Tenant Request });
same!(outcome: rollout::Outcome => api::Outcome { Ok Transient Permanent External ClientGone });
same!(phase: rollout::Phase => api::Phase {
    Progressing Paused Watching Completed Aborted RolledBack
});
same!(transition_kind: rollout::Turn => api::TransitionKind {
    Started Promoted Paused Resumed Overridden Completed Aborted RolledBack
});
same!(verdict: rollout::Verdict => api::Verdict { Pass Fail Inconclusive Error });
same!(axis: rollout::Axis => api::Axis { Eval Latency Cost Error External });
same!(doubt_reason: rollout::DoubtKind => api::DoubtReason {
    Store Budget Silent Drift Behind Uneven
});
same!(on_rollback: rollout::OnRollback => api::OnRollback { Migrate Finish Cut });
same!(role: stagegate_config::Role => api::Role { Viewer Operator Admin });
same!(shadow_drop: rollout::ShadowDrop => api::ShadowDropReason {
    TooLarge InFlight Overload Queue Unhealthy Stale Withdrawn Shutdown
});
same!(severity: rollout::Severity => api::Severity { Info Warning Critical });
same!(eval_verdict: control::EvalVerdict => api::EvalVerdict { Held Fell Incomparable });
same!(workload_change: rollout::Action => api::ChangeKind {
    SetWeight Rollback Kill Revive EnableCohort RollbackCohort Exclude Unexclude OptIn List Unlist
    Declare Start Promote ForcePromote Pause Resume Abort Restore Complete Analysis
});

/// The roles for some workloads.
pub(crate) fn roles(
    roles: &BTreeMap<rollout::WorkloadName, stagegate_config::Role>,
) -> BTreeMap<String, api::Role> {
    roles.iter().map(|(name, it)| (name.to_string(), role(*it))).collect()
}

/// The kind of a change.
pub(crate) const fn change_kind(kind: control::ChangeKind) -> api::ChangeKind {
    match kind {
        control::ChangeKind::Workload(action) => workload_change(action),
        control::ChangeKind::AddRelease => api::ChangeKind::AddRelease,
        control::ChangeKind::RemoveRelease => api::ChangeKind::RemoveRelease,
    }
}

/// The destination of a request.
pub(crate) const fn destination(target: rollout::Target) -> api::Destination {
    match target {
        rollout::Target::Arm(rollout::Arm::Stable) => api::Destination::Stable,
        rollout::Target::Arm(rollout::Arm::Candidate) => api::Destination::Candidate,
        rollout::Target::FallbackRelease => api::Destination::FallbackRelease,
        rollout::Target::Respond => api::Destination::Respond,
    }
}

/// The state of a gate.
pub(crate) const fn gate_status(state: &rollout::GateState) -> api::GateStatus {
    match state {
        rollout::GateState::Ok => api::GateStatus::Ok,
        rollout::GateState::Inconclusive { .. } => api::GateStatus::Inconclusive,
        rollout::GateState::Violated { .. } => api::GateStatus::Violated,
        rollout::GateState::NoData { .. } => api::GateStatus::NoData,
        rollout::GateState::NotBelieved { doubt } if doubt.is_error() => api::GateStatus::Error,
        rollout::GateState::NotBelieved { .. } => api::GateStatus::Inconclusive,
    }
}

/// A figure of the candidate against stable's.
pub(crate) const fn figure_verdict(compared: rollout::Compared) -> api::FigureVerdict {
    match compared {
        rollout::Compared::Worse => api::FigureVerdict::Worse,
        rollout::Compared::Better => api::FigureVerdict::Better,
        rollout::Compared::Alike => api::FigureVerdict::NoDifferenceShown,
        rollout::Compared::NoData => api::FigureVerdict::NoData,
    }
}
