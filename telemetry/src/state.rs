//! Values that the rest of the process reports as they are now. They are not counts.

use stagegate_rollout::{Action, Arm, Axis, Phase, ReleaseName, WorkloadSpec, WorkloadState};
use std::sync::Arc;

/// How a replica of a fleet stands, and what it last saw of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FleetGauges {
    /// For how long it is still fresh, in seconds; 0 if it is not.
    pub freshness: f64,
    /// True if its candidates are closed because it is not fresh.
    pub fenced: bool,
    /// Number of the last entry of the ledger that its workers follow.
    pub entry: u64,
    /// Replicas in the roster.
    pub replicas: u64,
    /// Those that did not answer.
    pub silent: u64,
    /// Different configurations among those that answered.
    pub configs: u64,
    /// True if this replica steers.
    pub steers: bool,
    /// The term of the replica that steers; none if none does.
    pub term: Option<u64>,
    /// The share of the fleet's traffic whose evidence arrived where it is judged, from 0 to 1.
    pub coverage: f64,
}

/// The figures of the queue of one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueGauges {
    /// The workload's name.
    pub workload: Arc<str>,
    /// Requests that wait.
    pub waiting: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When the oldest one that waits came, in Unix milliseconds.
    pub oldest_ms: Option<u64>,
    /// Counts by event.
    pub events: [(&'static str, u64); 6],
}

/// The gauges of one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanGauges {
    /// The workload's name.
    pub workload: Arc<str>,
    /// Its stable release.
    pub stable: Arc<str>,
    /// Its candidate, if it has one.
    pub candidate: Option<Arc<str>>,
    /// Every release that is configured for it: others' series come to an end.
    pub releases: Vec<Arc<str>>,
    /// Share of targeting keys that the weight sends to the candidate, 0 to 1.
    pub weight: f64,
    /// True if the kill switch is on.
    pub killed: bool,
    /// True if a rollback keeps everyone off the candidate.
    pub closed: bool,
}

impl PlanGauges {
    /// The gauges of a workload in this state.
    #[must_use]
    pub fn of(spec: &WorkloadSpec, state: &WorkloadState) -> Self {
        Self {
            workload: spec.name.shared(),
            stable: state.stable.shared(),
            candidate: state.candidate.as_ref().map(ReleaseName::shared),
            releases: spec.releases.iter().map(ReleaseName::shared).collect(),
            weight: state.weight.ratio(),
            killed: state.killed.is_some(),
            closed: state.closed.is_some(),
        }
    }

    /// The arms that can serve, each with its release.
    pub(crate) fn arms(&self) -> impl Iterator<Item = (&Arc<str>, Arm)> {
        let candidate = self.candidate.as_ref().map(|release| (release, Arm::Candidate));
        std::iter::once((&self.stable, Arm::Stable)).chain(candidate)
    }
}

/// The gauges of one workload's rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutGauges {
    /// The workload's name.
    pub workload: Arc<str>,
    /// Phase of its last rollout; `None` if there never was one.
    pub phase: Option<Phase>,
    /// The step it is at, from 1; 0 while none is in progress.
    pub step: u32,
    /// The worst gate of each axis: 0 holds, 1 waits for evidence, 2 has no data, 3 is violated.
    pub axes: Vec<(Axis, u8)>,
}

/// The health of one address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointGauge {
    /// The workload's name.
    pub workload: Arc<str>,
    /// The release's name.
    pub release: Arc<str>,
    /// Host and port, as the configuration writes them; a name may stand for several addresses.
    pub endpoint: Arc<str>,
    /// True if it passes its checks.
    pub healthy: bool,
}

/// The result of a reading of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// The file was good and is in force.
    Applied,
    /// The file was refused whole; what was in force stays.
    Refused,
}

impl ReloadResult {
    /// Every result, in the order tables show them.
    pub const ALL: [Self; 2] = [Self::Applied, Self::Refused];

    /// The word used as a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

/// The cause that took traffic off a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackKind {
    /// The rollback command.
    Rollback,
    /// The latest cohort was closed.
    Cohort,
    /// The kill switch.
    Kill,
    /// A rollout was ended by a person.
    Abort,
    /// A gate of this axis, by itself.
    Gate(Axis),
}

impl RollbackKind {
    /// Every kind, in the order tables show them.
    pub fn all() -> impl Iterator<Item = Self> {
        let commands = [Self::Rollback, Self::Cohort, Self::Kill, Self::Abort];
        commands.into_iter().chain(Axis::ALL.map(Self::Gate))
    }

    /// The word used as a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Cohort => "cohort",
            Self::Kill => "kill",
            Self::Abort => "abort",
            Self::Gate(axis) => axis.label(),
        }
    }

    /// The kind of an action, if it takes traffic off a candidate.
    #[must_use]
    pub const fn of_action(action: Action) -> Option<Self> {
        match action {
            Action::Rollback | Action::Restore => Some(Self::Rollback),
            Action::Abort => Some(Self::Abort),
            Action::RollbackCohort => Some(Self::Cohort),
            Action::Kill => Some(Self::Kill),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RollbackKind;
    use stagegate_rollout::Command;

    #[test]
    fn commands_that_take_traffic_off_the_candidate_are_known_by_their_actions() {
        for (command, kind) in [
            (Command::Rollback, Some(RollbackKind::Rollback)),
            (Command::RollbackCohort, Some(RollbackKind::Cohort)),
            (Command::Kill, Some(RollbackKind::Kill)),
            (Command::Abort, Some(RollbackKind::Abort)),
            (Command::Restore, Some(RollbackKind::Rollback)),
            (Command::Revive, None),
            (Command::Declare, None),
        ] {
            assert_eq!(RollbackKind::of_action(command.action()), kind, "{}", command.label());
        }
    }
}
