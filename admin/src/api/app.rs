//! The state that the API answers from.

use super::{Events, Refusals};
use crate::people::People;
use crate::sources::{
    DecisionSource, FlagEvaluations, MetricsSource, SampleSource, StageSource, StatsSource,
};
use stagegate_control::Control;
use stagegate_notify::Notifier;
use stagegate_queue::Queue;
use std::sync::Arc;

/// The parts that the API uses; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The driver.
    pub control: Control,
    /// Rolling statistics.
    pub stats: Arc<dyn StatsSource>,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn MetricsSource>,
    /// The decision log; `None` when it is switched off.
    pub decisions: Option<Arc<dyn DecisionSource>>,
    /// Sampled answers; `None` when they cannot be kept.
    pub samples: Option<Arc<dyn SampleSource>>,
    /// Stages by the agents' traces; `None` where none are received.
    pub stages: Option<Arc<dyn StageSource>>,
    /// Evaluations over OFREP; `None` without flags.
    pub flags: Option<Arc<dyn FlagEvaluations>>,
    /// Requests of killed workloads; `None` where there is no place for them.
    pub queue: Option<Queue>,
    /// Sends messages to people; `None` without a store for the outbox.
    pub notifier: Option<Notifier>,
    /// Who has signed in.
    pub people: Arc<People>,
    /// The lines in the log about refused callers.
    pub refusals: Arc<Refusals>,
    /// Who watches the status.
    pub events: Arc<Events>,
    /// The start of the process, in Unix milliseconds.
    pub started_at_ms: u64,
}

impl App {
    /// The loops that stand still, in words; none while another process takes over, which has loops
    /// of its own.
    pub(super) fn stalled(&self) -> Vec<String> {
        if self.control.is_handing_over() {
            return Vec::new();
        }
        self.stats.stalled()
    }
}
