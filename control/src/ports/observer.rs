//! Port: the observer of what happens in the control plane.

use stagegate_rollout::{Action, Analysis, Axis, GateState, Phase, Rollout, Split, WorkloadName};
use std::sync::Arc;
use std::time::Duration;

/// Something that happened in the control plane, for the crate that counts.
#[derive(Clone, Debug)]
pub enum Event {
    /// A plan was published.
    Published {
        /// Its number.
        epoch: u64,
        /// Its splits, in the order of the configuration.
        splits: Vec<Arc<Split>>,
    },
    /// The candidate of a workload was taken out.
    RolledBack {
        /// The workload.
        workload: WorkloadName,
        /// The action of the change.
        action: Action,
        /// The axis to blame; set when the evidence did it by itself.
        axis: Option<Axis>,
        /// From the commit to the last new candidate request.
        last_candidate_request: Duration,
        /// From the arrival of the counts that completed the evidence to the rollback; set when the
        /// evidence did it. Workers hand counts over every quarter of a second.
        delay: Option<Duration>,
    },
    /// The steering loop looked at the rollouts.
    Steered {
        /// The figures of every workload's rollout, in the order of the configuration.
        rollouts: Vec<RolloutFigures>,
    },
    /// The configuration was read again.
    Reloaded {
        /// True if it was applied.
        ok: bool,
        /// The time, in Unix milliseconds.
        at_ms: u64,
    },
    /// The recorder of measurements has nothing to do, or has done it.
    Recorded,
    /// The recorder ended: another process has the store.
    RecorderEnded,
    /// A commit in the store failed; nothing changed.
    StoreFailed,
}

/// The figures of a workload's rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutFigures {
    /// The workload.
    pub workload: WorkloadName,
    /// Phase of its last rollout; `None` if there never was one.
    pub phase: Option<Phase>,
    /// The step it is at, from 1; 0 while none is in progress.
    pub step: u32,
    /// The worst state of any gate of each axis, by [`Axis::ALL`].
    pub axes: [GateFigure; Axis::ALL.len()],
}

/// The worst state of an axis' gates. The order is that of badness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateFigure {
    /// Every gate holds, or none is judged now.
    #[default]
    Ok,
    /// A gate has not enough evidence yet.
    Waiting,
    /// A gate had nothing to measure for so long that its owner was notified, or its scorers are
    /// not believed.
    NoData,
    /// A gate is violated.
    Violated,
}

impl RolloutFigures {
    /// The figures of a rollout and the newest analysis of it.
    #[must_use]
    pub fn of(
        workload: WorkloadName,
        rollout: Option<&Rollout>,
        analysis: Option<&Analysis>,
    ) -> Self {
        let active = rollout.filter(|rollout| rollout.is_active());
        let mut axes = [GateFigure::Ok; Axis::ALL.len()];
        let judged = active.and(analysis).into_iter().flat_map(|it| &it.measurements);
        for measured in judged {
            let figure = match measured.state {
                GateState::Ok => GateFigure::Ok,
                GateState::Inconclusive { .. } => GateFigure::Waiting,
                GateState::NoData { .. } | GateState::NotBelieved { .. } => GateFigure::NoData,
                GateState::Violated { .. } => GateFigure::Violated,
            };
            let place = Axis::ALL.iter().position(|axis| *axis == measured.axis);
            if let Some(worst) = place.and_then(|place| axes.get_mut(place)) {
                *worst = figure.max(*worst);
            }
        }
        Self {
            workload,
            phase: rollout.map(|rollout| rollout.phase),
            step: active.map_or(0, |rollout| rollout.step as u32 + 1),
            axes,
        }
    }
}

/// Receives [`Event`]s. Called synchronously, so it must be quick.
pub trait Observer: Send + Sync + 'static {
    /// Takes note.
    fn on(&self, event: &Event);
}
