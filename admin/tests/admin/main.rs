//! The control plane as its users meet it: over HTTP, with a real store and a stand-in data plane.

#![allow(clippy::unwrap_used)]

mod access;
mod audit;
mod changes;
mod checklist;
mod document;
mod drill;
mod errors;
mod events;
mod flagger;
mod flags;
mod handover;
mod idempotency;
mod lists;
mod notify;
mod outlook;
mod people;
#[path = "../../../control/tests/driver/plane.rs"]
mod plane;
mod races;
mod reads;
mod releases;
mod reload;
mod socket;
mod start;
mod store_failure;
mod world;
