//! Ports: what the driver needs from the parts that carry and count traffic.
//!
//! Traits, so that this crate depends on none of them and tests can stand in for all.

mod data_plane;
mod doubts;
mod flags;
mod ledger;
mod metrics;
mod observer;
mod peers;
mod replicas;

pub use data_plane::{
    DataPlane, DataPlaneStatus, EndpointStatus, Health, PrepareError, Prepared, Probed,
    Publication, ReleaseHealth, Settled, WorkerStatus,
};
pub use doubts::DoubtSource;
pub use flags::{FlagServer, FlagsAsked};
pub use ledger::{Epoch, Ledger, LocalLedger};
pub use metrics::{MetricQuestion, MetricSources};
pub use observer::{Event, GateFigure, Observer, RolloutFigures};
pub use peers::{Peers, SavedState};
pub use replicas::{
    FleetFinding, FleetOutcome, ReplicaAnswer, ReplicaOutcome, ReplicaRow, ReplicaStanding,
    Replicas,
};

use std::future::Future;
use std::pin::Pin;

/// A boxed future, so that the traits can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
