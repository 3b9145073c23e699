//! The fleet's ledger on NATS JetStream.
//!
//! One stream has the ledger, the renewals of the replicas and the steering lease, so all of them
//! are in one order. Every write names the newest entry that its author knows, and the servers commit
//! it only if that is true (`Nats-Expected-Last-Subject-Sequence`). No consumer is used: news come as
//! plain messages, and what is missing is fetched. `docs/decisions` says why.
//!
//! Nothing here decides: [`stagegate_fleet`] does.

mod answer;
mod api;
mod apply;
mod ask;
mod client;
mod host;
mod join;
mod ledger;
mod names;
mod pack;
mod record;
mod replica;
mod status;
mod steer;
mod stream;

pub use api::{Api, ApiError};
pub use ask::Answering;
pub use host::Host;
pub use join::JoinError;
pub use ledger::JetLedger;
pub use record::RecordError;
pub use replica::Replica;
pub use status::{Describe, Health};
pub use steer::Steering;
