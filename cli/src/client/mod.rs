//! The client of the admin API.

mod admin;
mod events;
mod failure;
mod problem;
mod socket;
mod trust;

pub use admin::{AdminClient, Conditions, segment, typed};
pub use events::{Events, Next};
pub use failure::Failure;
pub(crate) use problem::config_problem;
pub use trust::Trust;
