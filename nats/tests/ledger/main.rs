//! The ledger on real nats-servers: the contract of the port, races, lost servers, freshness.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../../../control/tests/driver/contract.rs"]
mod contract;
mod fleet;
mod lease;
mod measure;
mod servers;
mod trouble;
mod world;
