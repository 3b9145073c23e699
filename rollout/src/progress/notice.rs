//! Notices for people. Pure data: `notify` delivers them.

use super::{Mark, Rollout};
use crate::{AnalysisId, Axis, GateId, Severity};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The kind of event of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A rollout began.
    Started,
    /// It went to the next step.
    Promoted,
    /// It was stopped.
    Paused,
    /// It went on.
    Resumed,
    /// A person ended it.
    Aborted,
    /// A rollback ended it.
    RolledBack,
    /// The candidate became stable.
    Completed,
    /// The verdict is another one.
    VerdictChanged,
    /// A gate that only alerts is violated.
    GateAlert,
    /// A gate has had nothing to measure for too long.
    NoData,
    /// The cause of an alarm is over.
    Recovered,
    /// An outage hits both arms alike.
    ExternalOutage,
    /// The scorers are not believed.
    JudgeDoubted,
}

impl NoticeKind {
    /// The word used on the wire.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Promoted => "promoted",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Aborted => "aborted",
            Self::RolledBack => "rolled_back",
            Self::Completed => "completed",
            Self::VerdictChanged => "verdict_changed",
            Self::GateAlert => "gate_alert",
            Self::NoData => "no_data",
            Self::Recovered => "recovered",
            Self::ExternalOutage => "external_outage",
            Self::JudgeDoubted => "judge_doubted",
        }
    }
}

/// A notice to people about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same event has the same id, also after a crash in between, so that duplicates can be
    /// recognised.
    pub id: String,
    /// The key that an open problem and its end share. A pager opens and closes by it.
    pub problem: String,
    /// The event.
    pub kind: NoticeKind,
    /// The severity.
    pub severity: Severity,
    /// The axis it is about.
    pub axis: Option<Axis>,
    /// The gate it is about.
    pub gate: Option<GateId>,
    /// The owner, who is notified; absent if there is none.
    pub owner: Option<Arc<str>>,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
    /// The rollout.
    pub rollout: String,
    /// The candidate.
    pub release: String,
    /// The step, from 0.
    pub step: usize,
    /// The evidence it rests on.
    pub analysis: Option<AnalysisId>,
    /// One line.
    pub title: String,
    /// Names and values, in the order to show them.
    pub facts: Vec<(String, String)>,
}

impl Notice {
    /// The common part of every notice of `rollout`. `about` tells problems of one rollout apart.
    pub(super) fn of(
        rollout: &Rollout,
        kind: NoticeKind,
        about: &str,
        mark: &Mark,
        title: String,
    ) -> Self {
        let problem = format!("{}~{}~{about}", rollout.id, rollout.step);
        let mut facts = vec![
            ("rollout".to_owned(), format!("{} -> {}", rollout.from, rollout.to)),
            ("step".to_owned(), format!("{} of {}", rollout.step + 1, rollout.policy.steps.len())),
            ("by".to_owned(), mark.by.clone()),
        ];
        if !mark.reason.is_empty() {
            facts.push(("reason".to_owned(), mark.reason.clone()));
        }
        if let Some(ticket) = &rollout.ticket {
            facts.push(("ticket".to_owned(), ticket.clone()));
        }
        Self {
            id: format!("{problem}~{}~{}", kind.label(), mark.at_ms),
            problem,
            kind,
            severity: Severity::Info,
            axis: None,
            gate: None,
            owner: None,
            at_ms: mark.at_ms,
            rollout: rollout.id.to_string(),
            release: rollout.to.to_string(),
            step: rollout.step,
            analysis: None,
            title,
            facts,
        }
    }
}
