//! What the listeners beside the proxy have in common: a thread of their own, the loop that accepts
//! connections, and the messages of gRPC.
//!
//! Nothing here knows what is served.

mod accept;
mod message;
mod server;
mod status;

pub use accept::{HEAD_TIMEOUT, Limits, serve};
pub use message::{Coding, Unusable, framed, unframed};
pub use server::{End, Server};
pub use status::{Code, GrpcBody, answer, failure, status, streamed};
