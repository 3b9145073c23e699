//! The last word of each worker, for the status page.

use stagegate_control::ports::WorkerStatus;
use stagegate_proxy::Report;
use std::sync::{Mutex, PoisonError};

/// The last reported status of the workers.
#[derive(Debug, Default)]
pub(crate) struct Workers(Mutex<Vec<WorkerStatus>>);

impl Workers {
    /// Every worker, in order; `alive` says which of them live. A dead one has no connections.
    pub(crate) fn all(&self, alive: &[bool]) -> Vec<WorkerStatus> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.extend((all.len()..alive.len()).map(silent));
        for (worker, _) in all.iter_mut().zip(alive).filter(|(_, alive)| !**alive) {
            *worker = WorkerStatus { connections: 0, in_flight: 0, alive: false, ..*worker };
        }
        all
    }

    pub(crate) fn note(&self, report: &Report) {
        let Some(worker) = report.worker else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for missing in all.len()..=worker {
            all.push(silent(missing));
        }
        let status = &mut all[worker];
        status.epoch = report.epoch;
        status.connections = report.connections as u64;
        status.in_flight = report.in_flight;
    }
}

/// A worker that has not said anything yet.
fn silent(worker: usize) -> WorkerStatus {
    let worker = u32::try_from(worker).unwrap_or(u32::MAX);
    WorkerStatus { worker, epoch: 0, connections: 0, in_flight: 0, alive: true }
}

#[cfg(test)]
mod tests {
    use super::Workers;

    #[test]
    fn a_dead_worker_is_listed_without_connections() {
        let workers = Workers::default().all(&[true, false]);
        let told: Vec<_> = workers.iter().map(|it| (it.worker, it.alive)).collect();
        assert_eq!(told, [(0, true), (1, false)]);
    }
}
