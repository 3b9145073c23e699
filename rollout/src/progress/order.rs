//! A command as it reaches the state machine, and what it did there.

use super::{Entry, Mark, Notice, Preflight};
use crate::{Action, Analysis, Command};

/// A command with its actor, reason and grounds.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The command.
    pub command: &'a Command,
    /// The actor.
    pub by: &'a str,
    /// The reason; may be empty for a command that needs none.
    pub reason: &'a str,
    /// The findings that the command needs.
    pub grounds: Grounds<'a>,
}

/// The findings of the caller that a command may need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grounds<'a> {
    /// The newest analysis; a promotion needs it.
    pub analysis: Option<&'a Analysis>,
    /// The result of the checks before a start.
    pub preflight: Option<&'a Preflight>,
    /// Start although something is missing, or set a weight while a rollout is active. Needs a
    /// reason, and is recorded.
    pub overriding: bool,
    /// The ticket that a start belongs to.
    pub ticket: Option<&'a str>,
}

/// The result of a command or an analysis, before it becomes effects.
pub(super) struct Done {
    pub(super) entry: Entry,
    pub(super) notices: Vec<Notice>,
    /// Running responses of the candidate may have to be aborted.
    pub(super) ends_the_candidate: bool,
}

impl Done {
    /// What an analysis did.
    pub(super) fn of(action: Action, mark: &Mark, analysis: &Analysis) -> Self {
        Self {
            entry: Entry {
                action,
                by: mark.by.clone(),
                reason: mark.reason.clone(),
                summary: String::new(),
                analysis: Some(analysis.id.clone()),
                against: Vec::new(),
            },
            notices: Vec::new(),
            ends_the_candidate: false,
        }
    }

    pub(super) fn new(order: &Order<'_>, summary: String) -> Self {
        Self {
            entry: Entry {
                action: order.command.action(),
                by: order.by.to_owned(),
                reason: order.reason.to_owned(),
                summary,
                analysis: None,
                against: Vec::new(),
            },
            notices: Vec::new(),
            ends_the_candidate: matches!(
                order.command,
                Command::Rollback | Command::Abort | Command::Kill | Command::Restore
            ),
        }
    }
}
