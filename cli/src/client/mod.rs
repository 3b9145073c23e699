//! The client of the admin API.

mod admin;
mod failure;
mod problem;
mod socket;

pub use admin::{AdminClient, Conditions, segment, typed};
pub use failure::Failure;
pub(crate) use problem::config_problem;
