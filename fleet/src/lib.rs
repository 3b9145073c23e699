//! The protocol by which replicas share one truth, as state machines without IO.
//!
//! The ledger is an ordered log with compare-and-set on its newest entry. Every replica follows it.
//! A replica is *fresh* while it has lately proven, by a write that a majority of the ledger's
//! servers committed, that it has applied the newest entry. A replica that is not fresh closes its
//! candidates. So a rollback is complete when each replica has either acknowledged it or has been
//! silent for longer than its freshness lasts.
//!
//! Time is a [`Moment`]: the time since a fixed moment by a clock that never jumps. Each machine
//! gets it as an argument and returns what is to be done as values. `fleet/simulation` runs them
//! under thousands of histories with faults.

mod completion;
mod evidence;
mod follower;
mod freshness;
mod lead;
mod name;
mod node;
mod place;
mod rules;
mod shares;

pub use completion::{Completion, Member, Standing, Summary};
pub use evidence::{Batch, Merge, Offered, Outgoing, Tally};
pub use follower::{Breach, Follower, Offer};
pub use freshness::Freshness;
pub use lead::{Lead, LeadEffect, Seen};
pub use name::{InvalidReplicaName, ReplicaName};
pub use node::{Effect, Entry, Input, Node};
pub use place::Place;
pub use rules::{OnStale, Rules};
pub use shares::{Coverage, shares};

/// Time since a fixed moment, by a clock of this machine that never jumps and goes on while the
/// process is paused.
pub type Moment = std::time::Duration;
