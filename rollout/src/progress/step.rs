//! One step of the state machine.

use super::{Effect, Entry, Preflight, RolloutRefusal, command, verdict};
use crate::{Analysis, Command, OnRollback, Refusal, WorkloadSpec, WorkloadState};

/// What comes in.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Somebody wants something.
    Command(Order<'a>),
    /// The evidence was judged. What is not of the present step of the present rollout is ignored.
    Analysis(&'a Analysis),
}

/// A command and who gave it.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What.
    pub command: &'a Command,
    /// Who.
    pub by: &'a str,
    /// Why; may be empty where nothing asks for it.
    pub reason: &'a str,
    /// What the command rests on.
    pub grounds: Grounds<'a>,
}

/// What the caller found out before giving a command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grounds<'a> {
    /// The newest analysis; a promotion needs it.
    pub analysis: Option<&'a Analysis>,
    /// What the checks before a start found.
    pub preflight: Option<&'a Preflight>,
    /// The caller insists: starts although something is missing, sets a weight inside a rollout.
    /// Needs a reason, and is recorded.
    pub overriding: bool,
}

/// What came of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// The state afterwards.
    pub state: WorkloadState,
    /// What changed, in words; empty when nothing did, and there are no effects then.
    pub summary: String,
    /// What to do, in this order.
    pub effects: Vec<Effect>,
}

impl Stepped {
    /// Nothing happened.
    pub(super) fn nothing(state: &WorkloadState) -> Self {
        Self { state: state.clone(), summary: String::new(), effects: Vec::new() }
    }
}

/// What a command did, before it is put into effects.
pub(super) struct Done {
    pub(super) entry: Entry,
    pub(super) notices: Vec<super::Notice>,
    /// Whether running responses of the candidate may have to be aborted.
    pub(super) ends_the_candidate: bool,
}

impl Done {
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

/// Takes in one input.
///
/// # Errors
/// A [`Refusal`] when a command makes no sense now; the state is untouched. An analysis is never
/// refused.
pub fn step(
    spec: &WorkloadSpec,
    state: &WorkloadState,
    input: Input<'_>,
    now_ms: u64,
) -> Result<Stepped, Refusal> {
    let mut next = state.clone();
    let done = match input {
        Input::Command(order) => {
            if order.reason.trim().is_empty() && order.grounds.overriding {
                return Err(RolloutRefusal::NeedsReason("an override").into());
            }
            command::carry_out(spec, &mut next, &order, now_ms)?
        }
        Input::Analysis(analysis) => match verdict::act(spec, &mut next, analysis, now_ms) {
            Some(done) => done,
            None => return Ok(Stepped::nothing(state)),
        },
    };
    if done.entry.summary.is_empty() {
        return Ok(Stepped::nothing(state));
    }
    let routing_changed = routes_differently(state, &next);
    let summary = done.entry.summary.clone();
    let mut effects = vec![Effect::Record(done.entry)];
    if routing_changed {
        effects.push(Effect::Publish);
    }
    if done.ends_the_candidate
        && spec.on_rollback == OnRollback::Cut
        && state.candidate.is_some()
        && routing_changed
    {
        effects.push(Effect::Cut);
    }
    effects.extend(done.notices.into_iter().map(|notice| Effect::Notify(Box::new(notice))));
    Ok(Stepped { state: next, summary, effects })
}

/// Whether anything changed that requests are decided by: all but the rollout's own book-keeping.
fn routes_differently(before: &WorkloadState, after: &WorkloadState) -> bool {
    let active = |state: &WorkloadState| state.rollout.as_ref().is_some_and(|r| r.is_active());
    let bare = |state: &WorkloadState| WorkloadState { rollout: None, ..state.clone() };
    active(before) != active(after) || bare(before) != bare(after)
}
