//! Plain settings of the data plane. `config` reads and checks them, `proxy` runs on them; nothing
//! is copied in between.
//!
//! Every value is valid once it is here. Nothing in this crate reads a file, resolves a name or
//! opens a connection.

mod changes;
mod clients;
mod flags;
mod fleet;
mod listener;
mod oidc;
mod secret;
mod tls;
mod trace;
mod workload;

pub use changes::{BodyChange, PathChange, RequestChanges};
pub use clients::{Clients, ConnLimits, Forwarded, PathSpelling};
pub use flags::{FlagClient, Flags, JoinFlags};
pub use fleet::{Fleet, FleetLogin, FleetTls, OnStale};
pub use listener::{ListenAddress, Listener};
pub use oidc::Provider;
pub use secret::Secret;
pub use tls::{Certificate, ClientAuth, ListenerTls, UpstreamTls};
pub use trace::TraceParents;
pub use workload::*;
