//! Commands on a workload, and the state that each one leads to.

mod lists;

use crate::progress::{self, Grounds, Input, Mark, Order, RolloutRefusal, Stepped};
use crate::state::Declared;
use crate::{
    Action, AnalysisId, Closed, CohortName, GroupName, KillState, OnRollback, Policy, ReleaseName,
    Weight, WorkloadSpec, WorkloadState,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use lists::{exclude, list_add, list_remove, opt_in, unexclude};

/// An allow or a deny list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// Always the candidate while it is open.
    Allow,
    /// Never the candidate.
    Deny,
}

/// Who is put on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Subject {
    /// A tenant id.
    Tenant(Arc<str>),
    /// A user id.
    User(Arc<str>),
}

/// One change to a workload's runtime state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Sets the candidate's share; a share above zero opens a candidate that was rolled back.
    SetWeight {
        /// The new share.
        weight: Weight,
    },
    /// Takes the candidate out at once: weight zero, cohorts closed, no rule leads to it.
    Rollback,
    /// Turns the kill switch on.
    Kill,
    /// Turns the kill switch off.
    Revive,
    /// Opens the next cohort.
    EnableCohort {
        /// The cohort; must be the next one in order.
        cohort: CohortName,
        /// Excluded tenants of the cohort that are opted in with it.
        opt_in: Vec<Arc<str>>,
    },
    /// Closes the cohort that was opened last.
    RollbackCohort,
    /// Adds a tenant to an exclusion group.
    Exclude {
        /// The group.
        group: GroupName,
        /// The tenant.
        tenant: Arc<str>,
    },
    /// Takes a tenant out of an exclusion group it was added to at run time.
    Unexclude {
        /// The group.
        group: GroupName,
        /// The tenant.
        tenant: Arc<str>,
    },
    /// Lets an excluded tenant take part from now on.
    OptIn {
        /// The tenant.
        tenant: Arc<str>,
    },
    /// Puts somebody on a list.
    List {
        /// Which list.
        list: ListKind,
        /// Who.
        subject: Subject,
    },
    /// Takes somebody off a list.
    Unlist {
        /// Which list.
        list: ListKind,
        /// Who.
        subject: Subject,
    },
    /// Takes over the roles the configuration declares now. While a rollout is under way its roles
    /// stay, and the declared ones wait for its end.
    Declare,
    /// Begins a rollout. Needs what the checks before it found (see [`Grounds::preflight`]).
    Start {
        /// The release to roll out.
        to: ReleaseName,
        /// The policy; it is kept with the rollout.
        policy: Box<Policy>,
    },
    /// Goes to the rollout's next step. Needs the newest analysis (see [`Grounds::analysis`]).
    Promote {
        /// The analysis the caller looked at; refused when the evidence changed since.
        expect: Option<AnalysisId>,
        /// Whatever the verdict is; needs a reason.
        force: bool,
    },
    /// Stops the rollout where it is; its triggers stay armed.
    Pause,
    /// Lets a paused rollout go on.
    Resume,
    /// Ends the rollout before its completion and takes the candidate out.
    Abort,
    /// Puts the release back that was stable before the last completed rollout.
    Restore,
}

impl Command {
    /// The action that the command asks for.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::SetWeight { .. } => Action::SetWeight,
            Self::Rollback => Action::Rollback,
            Self::Kill => Action::Kill,
            Self::Revive => Action::Revive,
            Self::EnableCohort { .. } => Action::EnableCohort,
            Self::RollbackCohort => Action::RollbackCohort,
            Self::Exclude { .. } => Action::Exclude,
            Self::Unexclude { .. } => Action::Unexclude,
            Self::OptIn { .. } => Action::OptIn,
            Self::List { .. } => Action::List,
            Self::Unlist { .. } => Action::Unlist,
            Self::Declare => Action::Declare,
            Self::Start { .. } => Action::Start,
            Self::Promote { force: false, .. } => Action::Promote,
            Self::Promote { force: true, .. } => Action::ForcePromote,
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Abort => Action::Abort,
            Self::Restore => Action::Restore,
        }
    }

    /// The word used in the audit log and the API.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.action().label()
    }

    /// Whether the command must carry a reason.
    #[must_use]
    pub const fn needs_reason(&self) -> bool {
        matches!(
            self,
            Self::Rollback
                | Self::Kill
                | Self::Revive
                | Self::OptIn { .. }
                | Self::Promote { force: true, .. }
                | Self::Abort
                | Self::Restore
        )
    }
}

/// A command that makes no sense in the present state; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no candidate to send anyone to.
    #[error("workload has no candidate: declare one first")]
    NoCandidate,
    /// The cohort does not exist.
    #[error("no cohort `{cohort}`; cohorts in order: {known}")]
    UnknownCohort {
        /// The name that was given.
        cohort: CohortName,
        /// The names that exist.
        known: String,
    },
    /// Another cohort is next.
    #[error("cohort `{cohort}` is not the next one: `{next}` is")]
    CohortOutOfOrder {
        /// The name that was given.
        cohort: CohortName,
        /// The one to enable first.
        next: CohortName,
    },
    /// The cohort is already open.
    #[error("cohort `{0}` is already enabled")]
    CohortEnabled(CohortName),
    /// No cohort is open.
    #[error("no cohort is enabled")]
    NoCohortEnabled,
    /// The cohort has excluded tenants that nobody opted in.
    #[error(
        "cohort `{cohort}` contains excluded tenants: {tenants}; opt each one in, or take it out"
    )]
    ExcludedInCohort {
        /// The cohort.
        cohort: CohortName,
        /// The tenants and their groups.
        tenants: String,
    },
    /// The tenant is in no exclusion group.
    #[error("tenant `{0}` is in no exclusion group, or is opted in already")]
    NotExcluded(Arc<str>),
    /// The entry comes from the configuration file.
    #[error("`{0}` comes from the configuration file: remove it there and reload")]
    FromConfig(Arc<str>),
    /// The entry is not on the list.
    #[error("`{0}` is not on the list")]
    NotListed(Arc<str>),
    /// An id that cannot be one.
    #[error("an id has 1 to 256 bytes and no control characters")]
    BadId,
    /// The command does not fit the rollout.
    #[error(transparent)]
    Rollout(#[from] RolloutRefusal),
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state afterwards.
    pub state: WorkloadState,
    /// What changed, in words for the audit log and the person; empty when nothing did.
    pub summary: String,
}

/// Applies `command` to `state`, without grounds and without the effects: what replays and tests
/// need, and all that commands without evidence need. See [`progress::step`].
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
    let Stepped { state, summary, .. } =
        progress::step(spec, state, Input::Command(order), now_ms)?;
    Ok(Change { state, summary })
}

/// Does what a command that is no rollout's says.
pub(crate) fn change(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    command: &Command,
    by: &str,
    reason: &str,
    now_ms: u64,
) -> Result<String, Refusal> {
    Ok(match command {
        Command::Kill => kill(state, by, reason, now_ms),
        Command::Revive => revive(state),
        Command::EnableCohort { cohort, opt_in } => enable_cohort(spec, state, cohort, opt_in)?,
        Command::RollbackCohort => {
            let cohort = state.cohorts.pop().ok_or(Refusal::NoCohortEnabled)?;
            format!("cohort {cohort} closed")
        }
        Command::Exclude { group, tenant } => exclude(state, group, tenant)?,
        Command::Unexclude { group, tenant } => unexclude(spec, state, group, tenant)?,
        Command::OptIn { tenant } => opt_in(spec, state, tenant)?,
        Command::List { list, subject } => list_add(state, *list, subject)?,
        Command::Unlist { list, subject } => list_remove(spec, state, *list, subject)?,
        Command::Declare => declare(spec, state),
        Command::SetWeight { .. }
        | Command::Rollback
        | Command::Start { .. }
        | Command::Promote { .. }
        | Command::Pause
        | Command::Resume
        | Command::Abort
        | Command::Restore => String::new(),
    })
}

pub(crate) fn set_weight(state: &mut WorkloadState, weight: Weight) -> Result<String, Refusal> {
    if state.candidate.is_none() {
        return Err(Refusal::NoCandidate);
    }
    let before = std::mem::replace(&mut state.weight, weight);
    let reopened = weight > Weight::ZERO && open(state);
    Ok(match (before == weight, reopened) {
        (_, true) => format!("candidate opened again at {weight}"),
        (false, false) => format!("weight {before} -> {weight}"),
        (true, false) => String::new(),
    })
}

/// Opens a closed candidate; says whether it was closed.
fn open(state: &mut WorkloadState) -> bool {
    let was_closed = state.closed.take().is_some();
    state.opening += u64::from(was_closed);
    was_closed
}

/// Takes the candidate out; says nothing when it is out already.
pub(crate) fn close(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    mark: &Mark,
) -> Result<String, Refusal> {
    let Some(candidate) = &state.candidate else { return Err(Refusal::NoCandidate) };
    if state.closed.is_some() {
        return Ok(String::new());
    }
    let weight_before = std::mem::take(&mut state.weight);
    let cohorts = std::mem::take(&mut state.cohorts).len();
    state.closed = Some(Closed {
        by: mark.by.clone(),
        reason: mark.reason.clone(),
        at_ms: mark.at_ms,
        weight_before,
        finishing: spec.on_rollback == OnRollback::Finish,
    });
    Ok(format!(
        "{candidate} rolled back from {weight_before} and {cohorts} cohorts to {}",
        state.stable
    ))
}

fn kill(state: &mut WorkloadState, by: &str, reason: &str, at_ms: u64) -> String {
    if state.killed.is_some() {
        return String::new();
    }
    state.killed = Some(KillState { by: by.to_owned(), reason: reason.to_owned(), at_ms });
    // A conversation that was finishing on the candidate must not come back with the revival.
    if let Some(closed) = &mut state.closed {
        closed.finishing = false;
    }
    "killed".to_owned()
}

fn revive(state: &mut WorkloadState) -> String {
    if state.killed.take().is_some() { "revived".to_owned() } else { String::new() }
}

fn enable_cohort(
    spec: &WorkloadSpec,
    state: &mut WorkloadState,
    name: &CohortName,
    opt_in: &[Arc<str>],
) -> Result<String, Refusal> {
    if state.candidate.is_none() {
        return Err(Refusal::NoCandidate);
    }
    let Some(cohort) = spec.cohorts.iter().find(|cohort| cohort.name == *name) else {
        let known: Vec<&str> = spec.cohorts.iter().map(|cohort| cohort.name.as_str()).collect();
        return Err(Refusal::UnknownCohort { cohort: name.clone(), known: known.join(", ") });
    };
    if state.cohorts.contains(name) {
        return Err(Refusal::CohortEnabled(name.clone()));
    }
    let next = spec.cohorts.iter().find(|cohort| !state.cohorts.contains(&cohort.name));
    if let Some(next) = next.filter(|next| next.name != *name) {
        return Err(Refusal::CohortOutOfOrder { cohort: name.clone(), next: next.name.clone() });
    }
    for tenant in opt_in {
        let excluded = state.excluding_group(spec, tenant).is_some();
        if !excluded || spec.membership.cohort(tenant) != Some(name) {
            return Err(Refusal::NotExcluded(Arc::clone(tenant)));
        }
        state.opted_in.insert(Arc::clone(tenant));
    }
    let excluded = state.excluded_in(spec, name);
    let excluded: Vec<String> =
        excluded.iter().map(|(tenant, group)| format!("{tenant} ({group})")).collect();
    if !excluded.is_empty() {
        return Err(Refusal::ExcludedInCohort {
            cohort: name.clone(),
            tenants: excluded.join(", "),
        });
    }
    open(state);
    state.cohorts.push(name.clone());
    Ok(format!("cohort {name} enabled: {} tenants", cohort.tenants.len()))
}

/// Takes over changed roles. A role that runtime commands moved stays moved until the declaration
/// itself changes; a new candidate always begins closed to everyone, at weight zero.
fn declare(spec: &WorkloadSpec, state: &mut WorkloadState) -> String {
    if state.rollout.as_ref().is_some_and(|rollout| rollout.is_active()) {
        return String::new();
    }
    let declared = Declared { stable: spec.stable.clone(), candidate: spec.candidate.clone() };
    let mut changes = Vec::new();
    if declared.stable != state.declared.stable && declared.stable != state.stable {
        changes.push(format!("stable {} -> {}", state.stable, declared.stable));
        state.stable = declared.stable.clone();
    }
    let same_candidate = declared.candidate == state.candidate;
    if declared.candidate != state.declared.candidate && !same_candidate {
        let name = |release: &Option<ReleaseName>| {
            release.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        changes.push(format!(
            "candidate {} -> {}",
            name(&state.candidate),
            name(&declared.candidate)
        ));
        state.candidate = declared.candidate.clone();
        state.weight = Weight::ZERO;
        state.cohorts.clear();
        state.closed = None;
        state.opening += 1;
        state.salt = state.salt_for(spec);
    }
    state.declared = declared;
    state.cohorts.retain(|name| spec.cohorts.iter().any(|cohort| cohort.name == *name));
    changes.join(", ")
}
