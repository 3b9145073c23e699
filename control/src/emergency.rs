//! A change that takes traffic away: it is put in force even when the store does not answer. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagegate_rollout::{
    Action, Analysis, Command, Effect, Entry, Grounds, Input, ListKind, Order, Refusal, Rollout,
    Stepped, Trigger, Weight, WorkloadSpec, WorkloadState, step,
};
use stagegate_store::{NewAudit, NewIdempotency, StoredResponse};

/// A change that takes traffic away, with all that is needed to apply it again to another state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Emergency {
    /// Its number in this process; a process that reads it from the file gives it a new one.
    #[serde(skip)]
    pub(super) id: u64,
    /// The workload.
    pub(super) workload: String,
    /// The caller.
    pub(super) actor: String,
    /// The reason; may be empty.
    pub(super) reason: String,
    /// When it was decided, in Unix milliseconds.
    pub(super) at_ms: u64,
    /// The change.
    pub(super) what: What,
    /// The answer that belongs to the caller's key.
    pub(super) answer: Option<Kept>,
}

/// The cause of an emergency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A person asked for it.
    Command {
        /// The command.
        command: Box<Command>,
        /// The caller insists.
        overriding: bool,
    },
    /// A gate asked for it.
    Verdict {
        /// The analysis with the trigger.
        analysis: Box<Analysis>,
        /// From the arrival of the counts to the decision, in milliseconds.
        decided_ms: Option<u64>,
    },
}

/// An answer to keep under a caller's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) key: String,
    pub(super) actor: String,
    pub(super) fingerprint: String,
    pub(super) response: String,
}

impl From<NewIdempotency> for Kept {
    fn from(new: NewIdempotency) -> Self {
        let NewIdempotency { key, actor, fingerprint, response } = new;
        Self { key, actor, fingerprint, response }
    }
}

impl From<Kept> for StoredResponse {
    fn from(kept: Kept) -> Self {
        let Kept { actor, fingerprint, response, .. } = kept;
        Self { actor, fingerprint, response }
    }
}

impl Kept {
    /// The answer as it is recorded at last.
    pub(super) fn recorded(&self) -> NewIdempotency {
        let mut response = self.response.clone();
        if let Ok(Value::Object(mut members)) = serde_json::from_str(&response) {
            members.remove("recorded");
            response = Value::Object(members).to_string();
        }
        let Self { key, actor, fingerprint, .. } = self.clone();
        NewIdempotency { key, actor, fingerprint, response }
    }
}

impl Emergency {
    /// Applies the emergency to a state.
    ///
    /// # Errors
    /// A refusal of a person's command.
    pub(super) fn step(
        &self,
        spec: &WorkloadSpec,
        state: &WorkloadState,
    ) -> Result<Stepped, Refusal> {
        match &self.what {
            What::Command { command, overriding } => {
                self.command(spec, state, command, *overriding)
            }
            What::Verdict { analysis, .. } => {
                step(spec, state, Input::Analysis(analysis), self.at_ms)
            }
        }
    }

    /// Applies the emergency on top of a change that it was not decided on. It takes traffic away
    /// or does nothing.
    pub(super) fn step_late(&self, spec: &WorkloadSpec, state: &WorkloadState) -> Stepped {
        let nothing =
            || Stepped { state: state.clone(), summary: String::new(), effects: Vec::new() };
        let roll_back = || self.command(spec, state, &Command::Rollback, false).ok();
        match &self.what {
            What::Command { command, .. } => {
                if !takes_traffic(command, state) {
                    return nothing();
                }
                match self.step(spec, state) {
                    Ok(stepped) => stepped,
                    Err(_) if matches!(**command, Command::Abort | Command::Restore) => {
                        roll_back().unwrap_or_else(nothing)
                    }
                    Err(_) => nothing(),
                }
            }
            What::Verdict { analysis, .. } => {
                let stepped = self.step(spec, state).unwrap_or_else(|_| nothing());
                if takes_out(&stepped) {
                    return stepped;
                }
                // The rollout went on meanwhile: its candidate is condemned all the same.
                let same = state.rollout.as_ref().is_some_and(|it| it.id == analysis.rollout);
                if same { roll_back().unwrap_or_else(nothing) } else { nothing() }
            }
        }
    }

    fn command(
        &self,
        spec: &WorkloadSpec,
        state: &WorkloadState,
        command: &Command,
        overriding: bool,
    ) -> Result<Stepped, Refusal> {
        let grounds = Grounds { overriding, ..Grounds::default() };
        let order = Order { command, by: &self.actor, reason: &self.reason, grounds };
        step(spec, state, Input::Command(order), self.at_ms)
    }

    /// The action it is.
    pub(super) fn action(&self) -> Action {
        match &self.what {
            What::Command { command, .. } => command.action(),
            What::Verdict { .. } => Action::Rollback,
        }
    }

    /// The analysis that it rests on.
    pub(super) const fn analysis(&self) -> Option<&Analysis> {
        match &self.what {
            What::Command { .. } => None,
            What::Verdict { analysis, .. } => Some(analysis),
        }
    }

    /// The audit entry, without its summary.
    pub(super) fn entry(&self, stepped: &Stepped) -> NewAudit {
        let (details, reason) = match &self.what {
            What::Command { command, overriding } => {
                let mut details = json!(command);
                if *overriding {
                    details["override"] = json!(true);
                }
                (details, self.reason.clone())
            }
            What::Verdict { analysis, decided_ms } => {
                let reason = said(stepped).map_or_else(|| self.reason.clone(), |it| it.reason);
                (verdict_details(analysis, *decided_ms), reason)
            }
        };
        NewAudit {
            at_ms: self.at_ms,
            actor: self.actor.clone(),
            workload: Some(self.workload.clone()),
            action: self.action().label().to_owned(),
            reason,
            summary: String::new(),
            details,
        }
    }

    /// A gate's rollback. `decided_ms` is the time from the arrival of the counts.
    pub(super) fn of_verdict(
        workload: &str,
        analysis: &Analysis,
        decided_ms: Option<u64>,
        at_ms: u64,
    ) -> Self {
        Self {
            id: 0,
            workload: workload.to_owned(),
            actor: Rollout::ITSELF.to_owned(),
            reason: analysis.trigger.as_ref().map(Trigger::to_string).unwrap_or_default(),
            at_ms,
            what: What::Verdict { analysis: Box::new(analysis.clone()), decided_ms },
            answer: None,
        }
    }

    /// The same as a plain rollback, without its evidence.
    pub(super) fn plain(&self) -> Self {
        let what = What::Command { command: Box::new(Command::Rollback), overriding: false };
        Self { what, ..self.clone() }
    }
}

/// The record that the state machine asks for.
pub(super) fn said(stepped: &Stepped) -> Option<Entry> {
    stepped.effects.iter().find_map(|effect| match effect {
        Effect::Record(entry) => Some(entry.clone()),
        _ => None,
    })
}

/// Returns the details of an audit entry that is based on `analysis`.
pub(super) fn verdict_details(analysis: &Analysis, decided_ms: Option<u64>) -> Value {
    let mut details = json!({ "verdict": analysis.verdict });
    if let Some(trigger) = &analysis.trigger {
        details["trigger"] = json!(trigger);
        details["axis"] = json!(trigger.axis());
        details["decided_ms"] = json!(decided_ms);
    }
    details
}

/// Returns true if an analysis takes the candidate out.
fn takes_out(stepped: &Stepped) -> bool {
    said(stepped).is_some_and(|entry| entry.action == Action::Rollback)
}

/// Returns true if the command can only take traffic off the candidate.
pub(super) fn takes_traffic(command: &Command, state: &WorkloadState) -> bool {
    let is_smaller = |weight: &Weight| state.closed.is_none() && *weight <= state.weight;
    takes_away(command) || matches!(command, Command::SetWeight { weight } if is_smaller(weight))
}

/// Returns true if the command takes somebody off the candidate, so that its answer must mean that
/// no new request of theirs will arrive there.
pub(super) fn takes_away(command: &Command) -> bool {
    match command {
        Command::SetWeight { weight } => *weight == Weight::ZERO,
        Command::Rollback
        | Command::Abort
        | Command::Restore
        | Command::Kill
        | Command::RollbackCohort
        | Command::Exclude { .. }
        | Command::List { list: ListKind::Deny, .. }
        | Command::Unlist { list: ListKind::Allow, .. } => true,
        _ => false,
    }
}
