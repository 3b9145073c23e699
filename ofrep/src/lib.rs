//! Feature flags for programs that use an OpenFeature SDK: the files are watched, flags are evaluated
//! over OFREP 0.3 (the OpenFeature Remote Evaluation Protocol) and by flagd's own services over gRPC,
//! and clients are told of changes.
//!
//! The server has listeners and a thread of its own, so that no number of evaluations delays the
//! control plane or the proxy. A file with a problem changes nothing: the last good set stays in
//! force.

mod access;
mod answer;
mod counts;
mod evaluations;
mod events;
mod files;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod in_force;
mod openapi;
mod origin;
mod rate;
mod remote;
mod routes;
mod rpc;
mod server;
#[cfg(test)]
mod tests;

pub use counts::{Asked, FlagCount};
pub use evaluations::Evaluations;
pub use files::{Read, ReadError, read};
pub use in_force::{Excludes, Flags};
pub use origin::Origin;
pub use remote::{Remote, RemoteCall};
pub use server::{Listeners, SettingsNow, start};
pub use stagegate_listener::Server;
