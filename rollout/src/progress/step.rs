//! One step of the state machine.

use super::{Effect, Grounds, Order, RolloutRefusal, command, verdict};
use crate::{Analysis, Command, OnRollback, Refusal, WorkloadSpec, WorkloadState};

/// An input of the state machine.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A command of a person or a program.
    Command(Order<'a>),
    /// An analysis of the evidence. One of another rollout or another step changes nothing.
    Analysis(&'a Analysis),
}

/// The result of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// The state afterwards.
    pub state: WorkloadState,
    /// The change, in words; empty, with no effects, if nothing changed.
    pub summary: String,
    /// The effects, in their order.
    pub effects: Vec<Effect>,
}

impl Stepped {
    /// The input changed nothing.
    pub(super) fn nothing(state: &WorkloadState) -> Self {
        Self { state: state.clone(), summary: String::new(), effects: Vec::new() }
    }
}

/// Applies one input.
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

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state afterwards.
    pub state: WorkloadState,
    /// The change, in words; empty if nothing changed.
    pub summary: String,
}

/// Applies `command` to `state` without grounds, and drops the effects. That is enough for replays,
/// for tests, and for commands that need no evidence. See [`step`].
///
/// # Errors
/// A [`Refusal`] when the command makes no sense now; the state is untouched.
pub fn apply(
    spec: &WorkloadSpec,
    state: &WorkloadState,
    command: &Command,
    by: &str,
    reason: &str,
    now_ms: u64,
) -> Result<Change, Refusal> {
    let order = Order { command, by, reason, grounds: Grounds::default() };
    let Stepped { state, summary, .. } = step(spec, state, Input::Command(order), now_ms)?;
    Ok(Change { state, summary })
}

/// Returns true if the change can change the decision for a request. The details of a rollout
/// cannot; its begin and its end can.
fn routes_differently(before: &WorkloadState, after: &WorkloadState) -> bool {
    let active = |state: &WorkloadState| state.rollout.as_ref().is_some_and(|r| r.is_active());
    let bare = |state: &WorkloadState| WorkloadState { rollout: None, ..state.clone() };
    active(before) != active(after) || bare(before) != bare(after)
}
