//! Stagegate's control plane: the driver that owns runtime state, the REST API that people and the
//! command line talk to, and who may use it.
//!
//! It knows nothing of sockets that carry traffic: what it needs from the data plane, from the
//! crate that counts and from the decision log are traits in [`data_plane`].

pub mod api;
pub mod auth;
pub mod control;
pub mod data_plane;
mod decisions;
pub mod describe;
pub mod explain;
pub mod notify;
mod report;

pub use api::{App, router, serve};
pub use control::{Control, StartError, Startup};
