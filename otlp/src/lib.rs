//! Receives OTLP: over HTTP, as protobuf and JSON, and over gRPC, on one port.
//!
//! Spans are joined to requests (see [`stagegate_spans`]) and become stages of an arm. Traces, metrics
//! and logs are passed on to a collector, if there is one, as they came. All work is done on one
//! thread of its own, on which the traffic does not wait.

mod access;
mod answer;
mod book;
mod counts;
mod receive;
mod recent;
mod relay;
mod server;
mod signal;

pub use access::Sender;
pub use book::{ArmStages, Book, Emit, Price};
pub use counts::Counts;
pub use recent::{RequestStage, Requests};
pub use relay::Forward;
pub use server::{SendersNow, Settings, start};
pub use stagegate_listener::Server;
