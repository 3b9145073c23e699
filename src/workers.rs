//! The last word of each worker, for the status page.

use stagegate_control::ports::WorkerStatus;
use stagegate_proxy::Report;
use std::sync::{Mutex, PoisonError};

/// What the workers last said of themselves.
#[derive(Debug, Default)]
pub(crate) struct Workers(Mutex<Vec<WorkerStatus>>);

impl Workers {
    pub(crate) fn all(&self) -> Vec<WorkerStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, report: &Report) {
        let Some(worker) = report.worker else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        for missing in all.len()..=worker {
            all.push(WorkerStatus {
                worker: number(missing),
                epoch: 0,
                connections: 0,
                in_flight: 0,
            });
        }
        let status = &mut all[worker];
        status.epoch = report.epoch;
        status.connections = report.connections as u64;
        status.in_flight = report.in_flight;
    }
}
