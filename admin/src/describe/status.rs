//! The state of the process' parts as it goes over the wire.

use super::config_problem;
use stagegate_api::{EndpointStatus, Probe, ReloadStatus, StoreStatus, WorkerStatus};
use stagegate_control as control;
use stagegate_control::ports::{self, Health};

/// The last time the configuration was read.
#[must_use]
pub fn reload(status: &control::ReloadStatus) -> ReloadStatus {
    ReloadStatus {
        ok: status.ok,
        at_ms: status.at_ms,
        by: status.by.clone(),
        last_success_at_ms: status.last_success_at_ms,
        problems: status.problems.iter().map(config_problem).collect(),
        needs_restart: status.needs_restart.clone(),
    }
}

/// Health of the state store.
#[must_use]
pub fn store(status: control::StoreStatus) -> StoreStatus {
    let control::StoreStatus { healthy, failures, last_error } = status;
    StoreStatus { healthy, failures, last_error }
}

/// One worker thread.
#[must_use]
pub const fn worker(status: &ports::WorkerStatus) -> WorkerStatus {
    WorkerStatus {
        worker: status.worker,
        epoch: status.epoch,
        connections: status.connections,
        in_flight: status.in_flight,
    }
}

/// One endpoint of a release.
#[must_use]
pub fn endpoint(status: &ports::EndpointStatus) -> EndpointStatus {
    EndpointStatus {
        address: status.address.clone(),
        health: match status.health {
            Health::Healthy => Probe::Healthy,
            Health::Unhealthy => Probe::Unhealthy,
            Health::Unknown => Probe::Unknown,
        },
    }
}
