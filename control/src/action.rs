//! Every kind of entry that the driver writes into the audit log.

use stagegate_readiness::StatementKind;
use stagegate_rollout as rollout;
use std::fmt;

/// The kind of a change that is answered with the workload afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A command on a workload, or what the evidence did by itself.
    Workload(rollout::Action),
    /// A release was registered.
    AddRelease,
    /// A release was forgotten.
    RemoveRelease,
}

impl ChangeKind {
    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Workload(action) => action.label(),
            Self::AddRelease => "add_release",
            Self::RemoveRelease => "remove_release",
        }
    }
}

/// The subject of an audit entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A change of a workload or its releases.
    Change(ChangeKind),
    /// An offline comparison was attached to a release.
    AttachEvalReport,
    /// A drill of the kill switch began or ended.
    Drill,
    /// The process started.
    ProcessStart,
    /// The process went on after a hand-over that failed.
    ProcessResume,
    /// The configuration was read again.
    Reload,
    /// A caller was refused.
    Denied,
    /// A notification channel was tried out.
    NotifyTest,
    /// A person signed in.
    SignIn,
    /// A session was ended.
    SignOut,
    /// An incident or a capacity was exercised.
    Exercise,
    /// A passport was issued.
    PassportExport,
    /// A passport was admitted.
    PassportAdmit,
    /// Something about a task of the runbook.
    Runbook,
    /// Something about a hand-off.
    Handoff,
    /// A request was taken out of the queue of a killed workload.
    QueueDrop,
    /// Something about a check of a checklist.
    Checklist(ChecklistAction),
}

/// What happened to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecklistAction {
    /// A person said something about it.
    Said(StatementKind),
    /// It was met when the rollout began and is not any more, or is again.
    Stale,
}

impl ChecklistAction {
    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Said(StatementKind::Sign) => "checklist_sign",
            Self::Said(StatementKind::Attach) => "checklist_attach",
            Self::Said(StatementKind::Waive) => "checklist_waive",
            Self::Said(StatementKind::Withdraw) => "checklist_withdraw",
            Self::Stale => "checklist_stale",
        }
    }
}

impl Action {
    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Change(kind) => kind.label(),
            Self::AttachEvalReport => "attach_eval_report",
            Self::Drill => "drill",
            Self::ProcessStart => "start",
            Self::ProcessResume => "resume",
            Self::Reload => "reload",
            Self::Denied => "denied",
            Self::NotifyTest => "notify_test",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::Exercise => "exercise",
            Self::PassportExport => "passport_export",
            Self::PassportAdmit => "passport_admit",
            Self::Runbook => "runbook",
            Self::Handoff => "handoff",
            Self::QueueDrop => "queue_drop",
            Self::Checklist(action) => action.label(),
        }
    }
}

impl From<rollout::Action> for Action {
    fn from(action: rollout::Action) -> Self {
        Self::Change(ChangeKind::Workload(action))
    }
}

impl From<ChangeKind> for Action {
    fn from(kind: ChangeKind) -> Self {
        Self::Change(kind)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
