//! The driver with a real store or a stand-in for its ledger, and a stand-in data plane.

#![allow(clippy::unwrap_used)]

mod checklist;
mod contract;
mod flags;
mod following;
mod hang;
mod lease;
mod ledger;
mod memory;
mod passports;
mod plane;
mod steer;
mod world;
