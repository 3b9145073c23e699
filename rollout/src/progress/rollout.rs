//! The state of a rollout, and its history.

use crate::{
    AnalysisId, Closed, DoubtKind, GateId, Policy, ReleaseName, RolloutId, Severity, Step, Verdict,
    Weight,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The phase of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// At a step below 100%, gathering evidence.
    Progressing,
    /// As before, but it cannot be promoted and does not complete.
    Paused,
    /// At 100%, with triggers armed.
    Watching,
    /// The candidate became stable.
    Completed,
    /// Ended by a person before completion.
    Aborted,
    /// Ended by a rollback, by hand or by a gate.
    RolledBack,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 6] = [
        Self::Progressing,
        Self::Paused,
        Self::Watching,
        Self::Completed,
        Self::Aborted,
        Self::RolledBack,
    ];

    /// The word used in labels and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Progressing => "progressing",
            Self::Paused => "paused",
            Self::Watching => "watching",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::RolledBack => "rolled_back",
        }
    }

    /// True if the rollout is in progress: its gates are judged, and plain weights are not free.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Progressing | Self::Paused | Self::Watching)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The actor, the reason and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The actor; [`Rollout::ITSELF`] if a verdict decided.
    pub by: String,
    /// Their reason; may be empty.
    pub reason: String,
    /// The time, in Unix milliseconds.
    pub at_ms: u64,
}

impl Mark {
    /// The mark of a verdict.
    pub(super) fn itself(reason: String, at_ms: u64) -> Self {
        Self { by: Rollout::ITSELF.to_owned(), reason, at_ms }
    }
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It began.
    Started,
    /// It went to the next step.
    Promoted,
    /// It was stopped.
    Paused,
    /// It went on.
    Resumed,
    /// The weight was set by hand.
    Overridden,
    /// The candidate became stable.
    Completed,
    /// A person ended it.
    Aborted,
    /// A rollback ended it.
    RolledBack,
}

impl Turn {
    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Promoted => "promoted",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Overridden => "overridden",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// One transition of a rollout's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The event.
    pub turn: Turn,
    /// The step afterwards, from 0.
    pub step: usize,
    /// The candidate's weight afterwards.
    pub weight: Weight,
    /// The actor, the reason and the time.
    pub mark: Mark,
    /// The analysis it rested on.
    #[serde(default)]
    pub analysis: Option<AnalysisId>,
    /// The known obstacles that were overridden, one line each; a force names the verdict it went
    /// against.
    #[serde(default)]
    pub against: Vec<String>,
}

/// An open alarm: its begin was notified, its end was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Since when, in Unix milliseconds.
    pub at_ms: u64,
    /// The severity of the notice.
    pub severity: Severity,
    /// True for an alarm about missing data, false for a violation.
    pub no_data: bool,
}

/// The last recorded state of the evidence, so that each change is notified once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The verdict that was last recorded in this step; none before the first analysis.
    pub verdict: Option<Verdict>,
    /// The analysis that had it.
    pub analysis: Option<AnalysisId>,
    /// Alarms that are open, by gate.
    pub alarms: BTreeMap<GateId, Alarm>,
    /// When an outage that hits both arms alike was first seen, in Unix milliseconds.
    pub outage_ms: Option<u64>,
    /// When the owner was notified that the candidate has no traffic, in Unix milliseconds; `None`
    /// while it has traffic.
    #[serde(default)]
    pub silent_ms: Option<u64>,
    /// Since when more keys than usual are held back, because a violation at the last step is in doubt, in Unix
    /// milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_doubt_ms: Option<u64>,
    /// The notified doubt about the scorers.
    #[serde(default)]
    pub doubt: Option<DoubtKind>,
    /// Parts of the traffic that owners were told of, by gate and part.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts: BTreeSet<String>,
}

/// A rollout: from one release to another, by a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its name for ever.
    pub id: RolloutId,
    /// The stable release it began with.
    pub from: ReleaseName,
    /// The candidate.
    pub to: ReleaseName,
    /// The policy in force: a copy, so that a reload does not move limits of a rollout in progress.
    pub policy: Policy,
    /// Position of the current step in the policy, from 0.
    pub step: usize,
    /// When the step was entered, in Unix milliseconds.
    pub step_since_ms: u64,
    /// Its state.
    pub phase: Phase,
    /// The actor, the reason and the time of the last change of phase.
    pub since: Mark,
    /// The actor, the reason and the time of the start.
    pub started: Mark,
    /// Gates that cannot be measured and were waived at the start. They do not prevent a promotion.
    #[serde(default)]
    pub waived: Vec<GateId>,
    /// The last recorded state of the evidence.
    #[serde(default, rename = "standing")]
    pub status: Status,
    /// The changes of phase, oldest first; see [`Rollout::LONGEST_HISTORY`].
    pub history: Vec<Transition>,
    /// Set if a release is compared with itself (A/A): what the workload had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_itself: Option<Former>,
    /// The ticket that it belongs to, as whoever started it wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// The candidate that a workload had before a release was compared with itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// The candidate; it had no traffic.
    pub candidate: Option<ReleaseName>,
    /// Set if it was closed.
    pub closed: Option<Closed>,
}

impl Rollout {
    /// The actor who cannot promote it, by its policy.
    #[must_use]
    pub fn not_by(&self) -> Option<&str> {
        self.policy.second_person.then_some(&self.started.by)
    }

    /// The actor of what a verdict does by itself.
    pub const ITSELF: &'static str = "stagegate";
    /// Transitions that are kept. The start is never forgotten; the audit log has them all.
    pub const LONGEST_HISTORY: usize = 100;

    /// The step it is at.
    #[must_use]
    pub fn current(&self) -> Option<&Step> {
        self.policy.steps.get(self.step)
    }

    /// True if it is at the last step, the watched one.
    #[must_use]
    pub fn is_last_step(&self) -> bool {
        self.step + 1 >= self.policy.steps.len()
    }

    /// True if it is in progress.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.phase.is_active()
    }

    pub(super) fn enter(
        &mut self,
        phase: Phase,
        turn: Turn,
        weight: Weight,
        mark: &Mark,
    ) -> &mut Transition {
        self.phase = phase;
        self.since = mark.clone();
        if self.history.len() >= Self::LONGEST_HISTORY {
            self.history.remove(1);
        }
        self.history.push(Transition {
            turn,
            step: self.step,
            weight,
            mark: mark.clone(),
            analysis: None,
            against: Vec::new(),
        });
        let newest = self.history.len() - 1;
        &mut self.history[newest]
    }
}
