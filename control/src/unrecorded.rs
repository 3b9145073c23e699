//! One change that is in force before it is recorded. Pure.

use super::FlagState;
use super::emergency::{Emergency, Kept};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagegate_flags::{Override, TakenAway};
use stagegate_store::{Attachment, NewAudit, NewChange, NewFlag};

/// A change that takes traffic or a variant away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Unrecorded {
    /// From a candidate.
    Workload(Emergency),
    /// A variant of a flag.
    Flag(FlagEmergency),
}

/// A flag that is switched off, for everybody or somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FlagEmergency {
    /// Its number in this process.
    #[serde(skip)]
    pub(super) id: u64,
    /// The flag.
    pub(super) flag: String,
    /// The caller.
    pub(super) actor: String,
    /// The reason; may be empty.
    pub(super) reason: String,
    /// When it was decided, in Unix milliseconds.
    pub(super) at_ms: u64,
    /// The command's word.
    pub(super) action: String,
    /// The change in words; empty if nothing changed.
    pub(super) said: String,
    /// The change.
    pub(super) taken: TakenAway,
    /// The answer that belongs to the caller's key.
    pub(super) answer: Option<Kept>,
}

impl FlagEmergency {
    /// The flag afterwards, with the epoch of its record; none if it is so already.
    pub(super) fn on_top_of(&self, before: &FlagState, epoch: u64) -> Option<FlagState> {
        let given = self.taken.on_top_of(&before.given);
        (given != before.given).then_some(FlagState { given, epoch })
    }

    /// The record. `after` is the flag afterwards, if that is new.
    pub(super) fn change(&self, before: &Override, after: Option<&Override>) -> NewChange {
        let summary = after.map(|_| format!("flag {}: {}", self.flag, self.said));
        let state = |given: &Override| (!given.is_empty()).then(|| json!(given).to_string());
        let stored = after.map(|given| NewFlag { key: self.flag.clone(), state: state(given) });
        NewChange {
            entry: NewAudit {
                at_ms: self.at_ms,
                actor: self.actor.clone(),
                workload: None,
                action: self.action.clone(),
                reason: self.reason.clone(),
                summary: summary.unwrap_or_default(),
                details: json!({
                    "flag": self.flag, "before": before, "after": after.unwrap_or(before),
                }),
            },
            states: Vec::new(),
            makes_a_plan: after.is_some(),
            answer: self.answer.as_ref().map(Kept::recorded),
            attachments: stored.map(Attachment::Flag).into_iter().collect(),
        }
    }
}

impl Unrecorded {
    pub(super) const fn id(&self) -> u64 {
        match self {
            Self::Workload(it) => it.id,
            Self::Flag(it) => it.id,
        }
    }

    pub(super) fn with_id(self, id: u64) -> Self {
        match self {
            Self::Workload(it) => Self::Workload(Emergency { id, ..it }),
            Self::Flag(it) => Self::Flag(FlagEmergency { id, ..it }),
        }
    }

    /// Returns true if a gate asked for it.
    pub(super) const fn is_a_verdict(&self) -> bool {
        matches!(self, Self::Workload(it) if it.analysis().is_some())
    }

    pub(super) const fn answer(&self) -> Option<&Kept> {
        match self {
            Self::Workload(it) => it.answer.as_ref(),
            Self::Flag(it) => it.answer.as_ref(),
        }
    }

    /// True if an audit entry of this moment, actor, workload and action is its record.
    pub(super) fn is(&self, at_ms: u64, actor: &str, workload: Option<&str>, action: &str) -> bool {
        let own = match self {
            Self::Workload(it) => (it.at_ms, &*it.actor, Some(&*it.workload), it.action().label()),
            Self::Flag(it) => (it.at_ms, &*it.actor, None, &*it.action),
        };
        own == (at_ms, actor, workload, action)
    }

    /// True if it says again what the other one says.
    pub(super) fn says_again(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Workload(one), Self::Workload(other)) => one.what == other.what,
            (Self::Flag(one), Self::Flag(other)) => one.taken == other.taken,
            _ => false,
        }
    }

    /// True if both are about one workload, or one flag.
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Workload(one), Self::Workload(other)) => one.workload == other.workload,
            (Self::Flag(one), Self::Flag(other)) => one.flag == other.flag,
            _ => false,
        }
    }
}
